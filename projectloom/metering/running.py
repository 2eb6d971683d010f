"""Running a turn: a task of the server's own that reads the provider and feeds whoever watches.

Watchers come and go without touching it. Text and usage are written to the turn's row at most once a second, with the
lease by which other processes know that somebody is at work; what a crash leaves is resolved from there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import cast

from sqlalchemy import update
from sqlmodel import col

from projectloom import config
from projectloom.clock import now
from projectloom.db import in_thread, transaction
from projectloom.errors import DatabaseUnavailable, ProviderError
from projectloom.metering.models import Completion, Turn, TurnState
from projectloom.metering.settling import OPEN_STATES, Outcome, dump_usage, settle_turn
from projectloom.providers import ChatCall, Completed, ProviderName, TextDelta, UsageSeen, stream_chat
from projectloom.tokens import Usage

_log = logging.getLogger(__name__)

_BROKE_OFF = "The reply broke off. You only pay for what came."
_SETTLE_RETRY_SECONDS = (0.2, 1.0, 3.0)


class Feed:
    """What a running turn has so far, and the way to wait for more. Belongs to one event loop."""

    def __init__(self, turn_id: str) -> None:
        self.turn_id = turn_id
        self.parts: list[str] = []
        self.usage: Usage | None = None
        self.usage_final = False
        self.ended = False
        self.stopping = False
        self._news = asyncio.Event()

    @property
    def text(self) -> str:
        """The reply so far."""
        return "".join(self.parts)

    def tell(self) -> None:
        """Wake everyone who waits."""
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self) -> AsyncIterator[str]:
        """The text so far, then what is added, several tokens at a time, until the turn has ended."""
        seen = 0
        while True:
            news = self._news
            if seen < len(self.parts):
                fresh = "".join(self.parts[seen:])
                seen = len(self.parts)
                yield fresh
                await asyncio.sleep(config.FRAME_SECONDS)
            elif self.ended:
                return
            else:
                await news.wait()


class TurnRunner:
    """The turns that this process is at work on."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._readings: dict[str, asyncio.Task[Outcome]] = {}
        self._turns: dict[str, asyncio.Task[None]] = {}

    def start(self, turn_id: str, provider: str, call: ChatCall) -> None:
        """Begin the call of a committed turn. Returns at once."""
        feed = Feed(turn_id)
        reading = asyncio.create_task(_consume(feed, cast("ProviderName", provider), call), name=f"reading:{turn_id}")
        self._feeds[turn_id], self._readings[turn_id] = feed, reading
        self._turns[turn_id] = asyncio.create_task(self._run(feed, reading), name=f"turn:{turn_id}")

    def feed(self, turn_id: str) -> Feed | None:
        """The feed of a turn that this process runs."""
        return self._feeds.get(turn_id)

    def stop(self, turn_id: str) -> None:
        """End a turn where it is; what came is kept and charged. Does nothing for a turn that does not run here."""
        feed, reading = self._feeds.get(turn_id), self._readings.get(turn_id)
        if feed is not None and reading is not None:
            feed.stopping = True
            reading.cancel()

    async def drain(self) -> None:
        """End every turn and wait until all are settled: the server is closing."""
        for reading in self._readings.values():
            reading.cancel()
        await asyncio.gather(*self._turns.values(), return_exceptions=True)

    async def _run(self, feed: Feed, reading: asyncio.Task[Outcome]) -> None:
        # Only the reading is ever cancelled; this task always comes to the settlement.
        checkpoints = asyncio.create_task(_keep_checkpoints(feed))
        await asyncio.wait([reading])
        checkpoints.cancel()
        await asyncio.wait([checkpoints])
        try:
            await _settle(feed.turn_id, _outcome_of(feed, reading))
        finally:
            feed.ended = True
            feed.tell()
            for table in (self._feeds, self._readings, self._turns):
                table.pop(feed.turn_id, None)


def _outcome_of(feed: Feed, reading: asyncio.Task[Outcome]) -> Outcome:
    failure = None if reading.cancelled() else reading.exception()
    if failure is not None:
        _log.error("turn failed unexpectedly", extra={"turn_id": feed.turn_id}, exc_info=failure)
    elif not reading.cancelled():
        return reading.result()
    completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    return Outcome(feed.text, feed.usage, feed.usage_final, completion, ProviderError(_BROKE_OFF, kind="broken_stream"))


async def _consume(feed: Feed, provider: ProviderName, call: ChatCall) -> Outcome:
    completion, error = Completion.PARTIAL, None
    try:
        async with aclosing(stream_chat(provider, call)) as events:
            async for event in events:
                match event:
                    case TextDelta(text=text):
                        feed.parts.append(text)
                        feed.tell()
                    case UsageSeen(usage=usage, final=final):
                        feed.usage, feed.usage_final = usage, final
                    case Completed():
                        completion = Completion.COMPLETE
    except asyncio.CancelledError:
        completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    except ProviderError as caught:
        error = caught
    if completion == Completion.PARTIAL and error is None:
        error = ProviderError(_BROKE_OFF, kind="broken_stream")
    return Outcome(feed.text, feed.usage, feed.usage_final, completion, error)


async def _settle(turn_id: str, outcome: Outcome) -> None:
    for delay in (*_SETTLE_RETRY_SECONDS, None):
        try:
            await in_thread(settle_turn, turn_id, outcome)
        except DatabaseUnavailable:
            if delay is None:
                # The hold stands and the last checkpoint is kept; recovery settles it when the database is back.
                _log.exception("turn not settled", extra={"turn_id": turn_id})
                return
            await asyncio.sleep(delay)
        else:
            return


async def _keep_checkpoints(feed: Feed) -> None:
    while True:
        await asyncio.sleep(config.CHECKPOINT_SECONDS)
        try:
            await in_thread(_write_checkpoint, feed.turn_id, feed.text, dump_usage(feed.usage, final=feed.usage_final))
        except DatabaseUnavailable:
            _log.warning("checkpoint not written", extra={"turn_id": feed.turn_id})


def _write_checkpoint(turn_id: str, text: str, usage_json: str | None) -> None:
    with transaction() as session:
        session.connection().execute(
            update(Turn)
            .where(col(Turn.id) == turn_id, col(Turn.state).in_(OPEN_STATES))
            .values(
                state=TurnState.STREAMING if text else TurnState.HELD,
                text=text,
                usage_json=usage_json,
                lease_until=now() + timedelta(seconds=config.TURN_LEASE_SECONDS),
            )
        )


runner = TurnRunner()
