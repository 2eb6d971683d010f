"""A model provider outside the server that a test kills: it counts the calls and speaks when the test says so.

It speaks OpenAI's protocol over HTTP, from threads of its own, and notes when it sent what.
"""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any, Self

from tests.providers.dialects import O_DONE, O_START, o_chunk, o_text, o_usage
from tests.providers.scripted_server import chunk

MODEL = "gpt-6-astra"
"""The dearest one: it makes a small balance a balance for one reply."""
_END = b""


class Call:
    """One call that arrived; it stays open until it is ended."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.sent: list[tuple[float, str]] = []
        """The text that went out, and when."""
        self._queue: Queue[bytes] = Queue()
        self._written = threading.Condition()
        self._waiting = 0

    def begin(self) -> None:
        self._put(O_START)

    def say(self, text: str, patience: float = 10) -> None:
        """Send some text; returns when it is on its way."""
        self._put(o_text(text), patience)
        self.sent.append((time.monotonic(), text))

    def report(self, *, input_tokens: int = 25, output_tokens: int = 40) -> None:
        """The end of the text and the exact count, but not yet the end of the stream."""
        self._put(o_chunk({}, "stop"))
        self._put(o_usage({"prompt_tokens": input_tokens, "completion_tokens": output_tokens}))

    def end(self) -> None:
        self._put(O_DONE)
        self._queue.put(_END)

    def answer(self, text: str = "Hello!") -> None:
        """A whole reply."""
        self.begin()
        self.say(text)
        self.report()
        self.end()

    def text_before(self, moment: float) -> str:
        return "".join(text for sent, text in self.sent if sent < moment)

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.sent)

    def _put(self, data: bytes, patience: float = 10) -> None:
        with self._written:
            self._waiting += 1
        self._queue.put(data)
        with self._written:
            assert self._written.wait_for(lambda: not self._waiting, patience), "nobody reads what the provider says"

    def play(self, handler: BaseHTTPRequestHandler, stopped: threading.Event) -> None:
        """In the handler's thread: write what the test says until it ends the call or the client is gone."""
        while not stopped.is_set():
            with suppress(Empty):
                data = self._queue.get(timeout=0.1)
                with suppress(OSError):
                    handler.wfile.write(chunk(data))
                    handler.wfile.flush()
                with self._written:
                    self._waiting -= 1
                    self._written.notify_all()
                if data == _END:
                    return


class HeldProvider:
    """The provider. ``calls`` are in the order of their arrival."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._arrived = threading.Condition()
        self._stopped = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                call = Call(body)
                with provider._arrived:
                    provider.calls.append(call)
                    provider._arrived.notify_all()
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                call.play(self, provider._stopped)
                self.close_connection = True

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - named by http.server
                del format

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """By which a server calls this provider, and nobody else, with the operator's key."""
        return provider_environment(self._server.server_address[1])

    def await_call(self, number: int = 1) -> Call:
        """The call of that number, once it has arrived."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.calls) >= number, 15), "the provider was not called"
            return self.calls[number - 1]


def provider_environment(port: int) -> dict[str, str]:
    """A server's environment with a provider on this port of the machine, and no other stand-in."""
    return {
        "OPENAI_API_KEY": "sk-operator-0123456789",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        # A title would be a call that nobody asked for.
        "AUTOMATIC_TITLES": "false",
        "SECRET_KEY": "0123456789" * 4,
    }
