"""Running a turn: a task of the server's own that reads the provider and feeds whoever watches.

Watchers come and go without touching it. Text and usage are written to the turn's row about once a second, with the
lease by which other processes know that somebody is at work; what a crash leaves is resolved from there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from enum import StrEnum
from typing import cast

from sqlalchemy import update
from sqlmodel import col

from projectloom import limits
from projectloom.db import database_now, in_meter_thread, transaction
from projectloom.errors import DatabaseUnavailable, LoomError, ProviderError
from projectloom.metering.models import OPEN_STATES, Completion, Turn, TurnState
from projectloom.metering.settling import Outcome, dump_usage, settle_turn
from projectloom.providers import (
    ChatCall,
    ChatEvent,
    Completed,
    EmbeddingCall,
    ProviderName,
    TextDelta,
    ToolCall,
    UsageSeen,
    Vectors,
    embed,
    stream_chat,
)
from projectloom.tokens import Usage

_log = logging.getLogger(__name__)

_BROKE_OFF = "The reply broke off. You only pay for what came."
_TOO_MUCH = "The model wrote far more than it was asked for, so the reply was cut. You pay for at most what was held."
_TOO_LONG = "The reply took too long, so it was cut. You only pay for what came."


class Feed:
    """What a running turn has so far, and the way to wait for more. Belongs to one event loop."""

    def __init__(self, turn_id: str) -> None:
        self.turn_id = turn_id
        self.parts: list[str] = []
        self.size = 0
        """Of the text and of what was called, in bytes."""
        self.usage: Usage | None = None
        self.usage_final = False
        self.vectors: tuple[tuple[float, ...], ...] = ()
        """What came in place of text. It is not kept: whoever asked waits for it."""
        self.calls: list[ToolCall] = []
        """The tools that the model asked for. Not kept either."""
        self.ended = False
        self.stopping = False
        self._news = asyncio.Event()

    @property
    def text(self) -> str:
        """The reply so far."""
        return "".join(self.parts)

    def take(self, event: ChatEvent) -> None:
        """Keep what a provider's event brings, and wake everyone who waits for text."""
        match event:
            case TextDelta(text=text):
                self.size += len(text.encode())
                self.parts.append(text)
                self.tell()
            case ToolCall(name=name, arguments_json=arguments):
                self.size += len(name.encode()) + len(arguments.encode())
                self.calls.append(event)
            case Vectors(values=values):
                self.vectors = values
            case UsageSeen(usage=usage, final=final):
                self.usage, self.usage_final = usage, final
            case Completed():
                pass

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
                await asyncio.sleep(limits.FRAME_SECONDS)
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
        self._closing = False

    def start(self, turn_id: str, provider: str, call: ChatCall | EmbeddingCall) -> Feed:
        """Begin the call of a committed turn. Returns at once."""
        feed = Feed(turn_id)
        reading = asyncio.create_task(_consume(feed, cast("ProviderName", provider), call), name=f"reading:{turn_id}")
        self._feeds[turn_id], self._readings[turn_id] = feed, reading
        self._turns[turn_id] = asyncio.create_task(self._run(feed, reading), name=f"turn:{turn_id}")
        return feed

    def feed(self, turn_id: str) -> Feed | None:
        """The feed of a turn that this process runs."""
        return self._feeds.get(turn_id)

    def living(self) -> frozenset[str]:
        """The turns that this process still vouches for."""
        return frozenset(self._feeds)

    def stop(self, turn_id: str) -> None:
        """End a turn where it is; what came is kept and charged. Does nothing for a turn that does not run here."""
        feed, reading = self._feeds.get(turn_id), self._readings.get(turn_id)
        if feed is not None and reading is not None:
            feed.stopping = True
            reading.cancel()

    async def drain(self) -> None:
        """End every turn and wait, within the named time, until all are settled: the server is closing."""
        self._closing = True
        for reading in self._readings.values():
            reading.cancel()
        if self._turns:
            await asyncio.wait(list(self._turns.values()), timeout=limits.DRAIN_SECONDS)
        self._closing = False

    async def _run(self, feed: Feed, reading: asyncio.Task[Outcome]) -> None:
        # Only the reading is ever cancelled; this task always comes to the settlement.
        checkpoints = asyncio.create_task(_keep_checkpoints(feed, reading))
        await asyncio.wait([reading])
        checkpoints.cancel()
        await asyncio.wait([checkpoints])
        try:
            await self._settle(feed.turn_id, _outcome_of(feed, reading))
        finally:
            feed.ended = True
            feed.tell()
            for table in (self._feeds, self._readings, self._turns):
                table.pop(feed.turn_id, None)

    async def _settle(self, turn_id: str, outcome: Outcome) -> None:
        """Settle, however long the database is away: nobody else knows the exact end of this reply."""
        delay = limits.SETTLE_RETRY_SECONDS
        while True:
            try:
                await in_meter_thread(settle_turn, turn_id, outcome)
            except DatabaseUnavailable:
                _log.warning("turn waits for the database", extra={"turn_id": turn_id})
            except Exception:  # noqa: BLE001 - logged
                # A broken promise of the books. The hold stands, and recovery tries from the last checkpoint.
                _log.exception("turn not settled", extra={"turn_id": turn_id})
                return
            else:
                return
            if self._closing:
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, limits.SETTLE_RETRY_MOST_SECONDS)


def _outcome_of(feed: Feed, reading: asyncio.Task[Outcome]) -> Outcome:
    failure = None if reading.cancelled() else reading.exception()
    if failure is not None:
        _log.error("turn failed unexpectedly", extra={"turn_id": feed.turn_id}, exc_info=failure)
    elif not reading.cancelled():
        return reading.result()
    completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    return _outcome(feed, completion, ProviderError(_BROKE_OFF, kind="broken_stream"))


def _outcome(feed: Feed, completion: Completion, error: LoomError | None) -> Outcome:
    called = sum(len(call.name.encode()) + len(call.arguments_json.encode()) for call in feed.calls)
    answered = bool(feed.vectors or feed.calls)
    return Outcome(feed.text, feed.usage, feed.usage_final, completion, error, answered=answered, called_bytes=called)


async def _consume(feed: Feed, provider: ProviderName, call: ChatCall | EmbeddingCall) -> Outcome:
    completion, error = Completion.PARTIAL, None
    most = call.max_tokens * limits.MAX_BYTES_PER_TOKEN if isinstance(call, ChatCall) else 0
    answers = stream_chat(provider, call) if isinstance(call, ChatCall) else embed(call)
    try:
        async with asyncio.timeout(limits.MAX_TURN_SECONDS), aclosing(answers) as events:
            async for event in events:
                feed.take(event)
                if isinstance(event, Completed):
                    completion = Completion.COMPLETE
                if feed.size > most:
                    # A server that ignores the limit it was given would write, and cost, without an end.
                    error = ProviderError(_TOO_MUCH, kind="too_much")
                    break
    except asyncio.CancelledError:
        completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    except TimeoutError:
        error = ProviderError(_TOO_LONG, kind="too_long")
    except ProviderError as caught:
        error = caught
    if completion == Completion.PARTIAL and error is None:
        error = ProviderError(_BROKE_OFF, kind="broken_stream")
    return _outcome(feed, completion, error)


async def _keep_checkpoints(feed: Feed, reading: asyncio.Task[Outcome]) -> None:
    while True:
        await asyncio.sleep(limits.CHECKPOINT_SECONDS)
        usage_json = dump_usage(feed.usage, final=feed.usage_final)
        try:
            standing = await in_meter_thread(_write_checkpoint, feed.turn_id, feed.text, usage_json)
        except DatabaseUnavailable:
            _log.warning("checkpoint not written", extra={"turn_id": feed.turn_id})
            continue
        except Exception:  # noqa: BLE001 - logged; the next checkpoint may succeed
            _log.exception("checkpoint not written", extra={"turn_id": feed.turn_id})
            continue
        if standing is not Standing.RUNNING:
            # Stopped from another process, or settled by one that believed this one dead: no hold covers it any more.
            feed.stopping = standing is Standing.STOPPING
            reading.cancel()
            return


class Standing(StrEnum):
    """What a checkpoint found out about its turn."""

    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


def _write_checkpoint(turn_id: str, text: str, usage_json: str | None) -> Standing:
    with transaction() as session:
        lease = database_now(session) + timedelta(seconds=limits.TURN_LEASE_SECONDS)
        row = (
            session.connection()
            .execute(
                update(Turn)
                .where(col(Turn.id) == turn_id, col(Turn.state).in_(OPEN_STATES))
                .values(
                    state=TurnState.STREAMING if text else TurnState.HELD,
                    text=text,
                    usage_json=usage_json,
                    lease_until=lease,
                )
                .returning(col(Turn.stop_requested))
            )
            .scalar_one_or_none()
        )
    if row is None:
        return Standing.ENDED
    return Standing.STOPPING if row else Standing.RUNNING


runner = TurnRunner()
