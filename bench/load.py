"""The load: N clients that ask again as soon as they are answered, for S seconds or longer, from one process.

``python -m bench.load --clients 8 --seconds 5 < target.json`` prints its figures as JSON. Each client keeps one
connection. It goes on past its time, up to a limit, until each client was answered a few times: else whoever is slow
would have no figures at all.

A reply counts when its status is 200 and every text that it must hold is in it; anything else is an error, the broken
connection too. The time to the first token runs from the last byte of the request to the first word of the text,
whatever stands around it.
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast
from urllib.parse import urlsplit

from bench.http_answer import Answer, BadAnswer
from bench.servers import ROOT

# A reply that takes longer counts as an error.
REPLY_SECONDS = 60.0
# Whoever is slow is listened to for so many times the asked time at most, until each client has so many replies.
LONGEST = 6
LEAST_REPLIES = 3
# What came of an answer that was not whole: so many are told, so long each.
ERRORS_TOLD = 3
ERROR_CHARS = 300


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, and how one tells that the answer was whole."""

    url: str
    body: str
    tokens: tuple[str, ...]
    """Bearer tokens; client ``i`` uses number ``i`` modulo their count."""
    first: str
    """The first word of a reply's text."""
    holds: tuple[str, ...]
    """What every whole answer holds."""
    lacks: tuple[str, ...] = ()
    """What no whole answer holds."""


@dataclass(slots=True)
class Figures:
    """What a run of load came to. Times are in milliseconds."""

    clients: int
    replies: int = 0
    """Whole answers that ended within the time."""
    answered: int = 0
    """All whole answers, also while it warmed up: what the processor time of a run is shared among."""
    errors: int = 0
    seconds: float = 0.0
    first_ms: list[float] = field(default_factory=list[float])
    whole_ms: list[float] = field(default_factory=list[float])
    said: list[str] = field(default_factory=list[str])
    """The first answers that were not whole."""

    @property
    def per_second(self) -> float:
        return self.replies / self.seconds if self.seconds else 0.0

    @property
    def first_median_ms(self) -> float:
        return statistics.median(self.first_ms) if self.first_ms else float("nan")

    @property
    def first_p95_ms(self) -> float:
        ordered = sorted(self.first_ms)
        return ordered[int(len(ordered) * 0.95)] if ordered else float("nan")


class _Connection(asyncio.Protocol):
    """One client's connection: :meth:`ask` sends a request and returns its answer."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self._answer: Answer | None = None
        self._done: asyncio.Future[Answer] | None = None
        self._transport = cast(asyncio.Transport, None)
        self.first_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        answer, done = self._answer, self._done
        if answer is None or done is None or done.done():
            return
        try:
            answer.feed(data)
        except ValueError as error:
            done.set_exception(BadAnswer(str(error)))
            return
        if not self.first_at and self._first in answer.body:
            self.first_at = time.perf_counter()
        if answer.ended:
            done.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionResetError(str(exc or "the server closed the connection")))

    async def ask(self, request: bytes) -> Answer:
        """Raises BadAnswer, TimeoutError or OSError."""
        self._answer, self._done, self.first_at = Answer(), asyncio.get_running_loop().create_future(), 0.0
        self._transport.write(request)
        async with asyncio.timeout(REPLY_SECONDS):
            return await self._done

    def close(self) -> None:
        self._transport.close()


class _Window:
    """The time in which replies count. It ends when it is over and enough was answered."""

    def __init__(self, figures: Figures, *, seconds: float, warm_seconds: float) -> None:
        self._figures = figures
        self._enough = LEAST_REPLIES * figures.clients
        self._seconds = seconds
        self._begin = time.perf_counter() + warm_seconds

    def counts(self, moment: float) -> bool:
        """Whether what ends at this moment is a part of the figures."""
        return moment >= self._begin and not self._figures.seconds

    def is_over(self) -> bool:
        """Whether nobody shall ask again; the first time it is, the time that the figures are for is written down."""
        figures, passed = self._figures, time.perf_counter() - self._begin
        enough = figures.replies >= self._enough or passed >= LONGEST * self._seconds
        if not figures.seconds and passed >= self._seconds and enough:
            figures.seconds = passed
        return bool(figures.seconds)


class _Client:
    def __init__(self, target: Target, number: int, figures: Figures) -> None:
        parts = urlsplit(target.url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._first = target.first.encode()
        self._holds = [text.encode() for text in target.holds]
        self._lacks = [text.encode() for text in target.lacks]
        self._figures = figures
        body = target.body.encode()
        key = target.tokens[number % len(target.tokens)]
        head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body

    async def run(self, window: _Window) -> None:
        """Ask until the time is over."""
        connection: _Connection | None = None
        while not window.is_over():
            begun = time.perf_counter()
            try:
                connection = connection or await self._connect()
                answer = await connection.ask(self._request)
            except (OSError, TimeoutError, BadAnswer) as error:
                self._failed(f"{type(error).__name__}: {error}", counts=window.counts(begun))
                connection = None
                await asyncio.sleep(0.05)
                continue
            ended = time.perf_counter()
            if not self._is_whole(answer):
                self._failed(f"{answer.status}: {answer.body[-ERROR_CHARS:].decode('utf-8', 'replace')}", counts=True)
            else:
                self._note(begun, ended, connection.first_at, counts=window.counts(ended))
            if answer.closes:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _note(self, begun: float, ended: float, first_at: float, *, counts: bool) -> None:
        figures = self._figures
        figures.answered += 1
        if counts:
            figures.replies += 1
            figures.first_ms.append((first_at - begun) * 1_000)
            figures.whole_ms.append((ended - begun) * 1_000)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self._first), *self._address)
        return connection

    def _is_whole(self, answer: Answer) -> bool:
        body = answer.body
        return (
            answer.status == 200
            and self._first in body
            and all(text in body for text in self._holds)
            and not any(text in body for text in self._lacks)
        )

    def _failed(self, words: str, *, counts: bool) -> None:
        if counts:
            self._figures.errors += 1
        if len(self._figures.said) < ERRORS_TOLD:
            self._figures.said.append(words)


async def load(target: Target, *, clients: int, seconds: float, warm_seconds: float) -> Figures:
    """The figures of so many clients over so many seconds or more, after a time that is not counted."""
    figures = Figures(clients)
    window = _Window(figures, seconds=seconds, warm_seconds=warm_seconds)
    crowd = [_Client(target, number, figures) for number in range(clients)]
    await asyncio.gather(*(one.run(window) for one in crowd))
    return figures


def run_load(target: Target, *, clients: int, seconds: float, core: int) -> Figures:
    """The figures of a load generator that runs as a process of its own on one core."""
    options = ["--clients", str(clients), "--seconds", str(seconds)]
    done = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, "-m", "bench.load", *options],
        input=json.dumps(asdict(target)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST * seconds + 2 * REPLY_SECONDS,
        check=True,
    )
    return Figures(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--warm-seconds", type=float, default=0.5)
    told = parser.parse_args()
    target = Target(**json.load(sys.stdin))
    figures = asyncio.run(load(target, clients=told.clients, seconds=told.seconds, warm_seconds=told.warm_seconds))
    json.dump(asdict(figures), sys.stdout)


if __name__ == "__main__":
    main()
