"""A mock model provider as a process of its own: ``python -m bench.provider --port 4010``.

It speaks OpenAI's chat completions and embeddings and Anthropic's messages over plain HTTP/1.1, from bytes that were
rendered before (:mod:`bench.wire`), and costs so little that what is measured is whoever stands in front of it. Each
event is written by itself. It checks no key and knows every model.
"""

import argparse
import asyncio
import json
import socket
from typing import Any, cast

from bench import wire

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"x-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n"
)
_STREAM_END = b"0\r\n\r\n"


class Provider(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    def __init__(self, *, chunks: int, delay_seconds: float) -> None:
        self._chunks = chunks
        self._delay_seconds = delay_seconds
        self._received = b""
        self._sending: asyncio.Task[None] | None = None
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._sending is not None:
            self._sending.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._sending is None and (request := self._whole_request()) is not None:
            self._answer(*request)

    def _whole_request(self) -> tuple[str, bytes] | None:
        """The path and body of a request that has come in full. Clients here always send a length."""
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return None
        self._received = rest[length:]
        return head.split(b" ", 2)[1].decode(), rest[:length]

    def _answer(self, path: str, body: bytes) -> None:
        try:
            asked = cast("dict[str, Any]", json.loads(body or b"{}"))
        except ValueError:
            self._say(400, b'{"error":{"message":"not JSON","type":"invalid_request_error"}}')
            return
        model = str(asked.get("model"))
        if path.endswith("/chat/completions"):
            with_usage = b"include_usage" in body
            if asked.get("stream"):
                self._stream(wire.openai_stream(model, self._chunks, with_usage=with_usage))
            else:
                self._say(200, wire.openai_answer(model, self._chunks))
        elif path.endswith("/messages"):
            if asked.get("stream"):
                self._stream(wire.anthropic_stream(model, self._chunks))
            else:
                self._say(200, wire.anthropic_answer(model, self._chunks))
        elif path.endswith("/embeddings"):
            wanted = asked.get("input")
            self._say(200, wire.openai_embeddings(model, len(cast("list[object]", wanted)) if wanted else 1))
        elif path.endswith("/count_tokens"):
            self._say(200, b'{"input_tokens":%d}' % wire.INPUT_TOKENS)
        else:
            self._say(404, b'{"error":{"message":"no such route","type":"invalid_request_error"}}')

    def _say(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def _stream(self, events: tuple[bytes, ...]) -> None:
        if self._delay_seconds:
            self._sending = asyncio.create_task(self._stream_slowly(events))
            return
        write = self._transport.write
        write(_STREAM_HEAD)
        for event in events:
            write(event)
        write(_STREAM_END)

    async def _stream_slowly(self, events: tuple[bytes, ...]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._transport.write(_STREAM_HEAD)
        for number, event in enumerate(events, 1):
            # By the clock, not by the sleeps: so a machine that is late does not slow the reply down.
            await asyncio.sleep(max(begun + number * self._delay_seconds - loop.time(), 0))
            self._transport.write(event)
        self._transport.write(_STREAM_END)
        self._sending = None
        self.data_received(b"")


async def serve(port: int, *, chunks: int, delay_seconds: float) -> None:
    """Answer on a port of the loopback address until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(chunks=chunks, delay_seconds=delay_seconds), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.provider", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chunks", type=int, default=wire.DEFAULT_CHUNKS, help="content chunks of a reply")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="pause before each chunk; none unless told")
    told = parser.parse_args()
    asyncio.run(serve(told.port, chunks=told.chunks, delay_seconds=told.delay_ms / 1_000))


if __name__ == "__main__":
    main()
