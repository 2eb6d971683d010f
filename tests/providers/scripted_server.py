"""A tiny HTTP server on loopback that answers each request with a script of bytes, and records what it was asked."""

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

# Steps of a script beside bytes: wait so many seconds or for an event; break the connection off with a reset; hang
# until let go.
Step = bytes | float | str | asyncio.Event
RESET = "reset"
HANG = "hang"


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ScriptedServer:
    """Plays its scripts in turn, the last one again and again."""

    scripts: Sequence[Sequence[Step]]
    asked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0
    begun: int = 0
    """Requests of which the first byte has come."""
    left_by_client: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.drop_connections()
        await asyncio.gather(*self._tasks)

    def drop_connections(self) -> None:
        """Break off every connection that it has."""
        for writer in self._writers:
            writer.transport.abort()

    def speak_up(self) -> None:
        """Answer what nobody asked yet, on every connection, as a server does that is tired of a silent one."""
        for writer in self._writers:
            writer.write(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            writer.close()

    @property
    def url(self) -> str:
        """Its base address."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left_by_client.set()
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first_byte = await reader.readexactly(1)
        self.begun += 1
        head = (first_byte + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, path, headers, json.loads(raw) if raw else {})
        script = self._script_for(asked)
        self.asked.append(asked)
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif step == RESET:
                opened: socket.socket = writer.get_extra_info("socket")
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            else:
                # Anything read now is the end: a client that waits for an answer sends nothing more.
                await reader.read(1)
                self.left_by_client.set()
                return False
        return script[-1:] == [LAST]

    def _script_for(self, asked: Asked) -> Sequence[Step]:
        del asked
        return self.scripts[min(len(self.asked), len(self.scripts) - 1)]


LAST = b"0\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """The data as one piece of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream(*events: bytes) -> list[Step]:
    """A whole streamed answer that ends as HTTP asks, so that the connection can be used again."""
    return [STREAM_HEAD, *(chunk(event) for event in events), LAST]


def cut(*events: bytes, end: Step | None = None) -> list[Step]:
    """A streamed answer that has begun, followed by what ``end`` does; without it the connection just closes."""
    return [STREAM_HEAD, *(chunk(event) for event in events), *([] if end is None else [end])]


def refusal(status: int, body: object, **headers: str) -> list[Step]:
    """An answer with an error status and a JSON body."""
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Refused", "content-type: application/json", f"content-length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n" + data]
