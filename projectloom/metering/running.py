"""Running a turn: a task of the server's own that reads the provider and feeds whoever watches.

Watchers come and go without touching it. Text and usage are written to the turn's row about once a second, with the
lease by which other processes know that somebody is at work; what a crash leaves is resolved from there.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import aclosing
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import update
from sqlmodel import col

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.db import database_now, in_meter_thread, transaction
from projectloom.errors import DatabaseUnavailable, ProviderError, TooManyRequests
from projectloom.group_stores import Outcome as Fate
from projectloom.instruments import CAPTURES_FAILED, FIRST_WORD, SETTLE_SECONDS, TURN_SECONDS, TURNS
from projectloom.metering.alarms import tell_not_settled
from projectloom.metering.begun import Begun
from projectloom.metering.endings import broke_off, outcome_of, too_long, too_much
from projectloom.metering.feeds import Feed, WireFeed
from projectloom.metering.models import Completion, Funding, Turn, TurnState, is_open
from projectloom.metering.patience import patience
from projectloom.metering.plain_turns import plain_end
from projectloom.metering.quick_settle import quick_settle
from projectloom.metering.receipts import receipt_of_end
from projectloom.metering.relaying import consume_wire
from projectloom.metering.settling import Outcome, dump_usage, settle_turn
from projectloom.money import Nanos
from projectloom.pricing import PriceCard
from projectloom.providers import (
    ChatCall,
    Completed,
    EmbeddingCall,
    Extras,
    ProviderName,
    ReadyCall,
    WireCall,
    embed,
    stream_chat,
)

_log = logging.getLogger(__name__)


class TurnRunner:
    """The turns that this process is at work on."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._readings: dict[str, asyncio.Task[Outcome]] = {}
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self._draining: asyncio.Task[None] | None = None
        self.stopping = False
        """The server was asked to end: nothing new is to begin here."""

    def start(self, turn: Begun, card: PriceCard, call: ChatCall | EmbeddingCall) -> Feed:
        """Begin the call of a committed turn at the prices of ``card``. Returns at once."""
        feed = Feed(turn.id)
        self._begin(feed, turn, card, _consume(feed, cast("ProviderName", turn.provider), call))
        return feed

    def relay(
        self, turn: Begun, card: PriceCard, call: WireCall, extras: Extras, ready: ReadyCall | None = None
    ) -> WireFeed:
        """As :meth:`start`, where the answer passes through as it is. ``ready`` is the call where it is under way."""
        feed = WireFeed(turn.id, call.request, extras, ready)
        self._begin(feed, turn, card, consume_wire(feed, call))
        return feed

    def _begin(self, feed: Feed, turn: Begun, card: PriceCard, reading: Coroutine[Any, Any, Outcome]) -> None:
        feed.turn = turn
        task = asyncio.create_task(reading, name=f"reading:{turn.id}")
        self._feeds[turn.id], self._readings[turn.id] = feed, task
        self._turns[turn.id] = asyncio.create_task(self._run(feed, turn, card, task), name=f"turn:{turn.id}")

    def feed(self, turn_id: str) -> Feed | None:
        """The feed of a turn that this process runs."""
        return self._feeds.get(turn_id)

    def living(self) -> frozenset[str]:
        """The turns that this process still vouches for."""
        return frozenset(self._feeds)

    def stop(self, turn_id: str) -> None:
        """End a turn where it is; what came is kept and charged. Does nothing for a turn that does not run here.

        Providers count at the end, so what a model thought unseen would be the house's. Of whoever stops or leaves many
        replies in a day the rest is read to that count, unseen as well, and they pay for it.
        """
        feed, reading = self._feeds.get(turn_id), self._readings.get(turn_id)
        if feed is None or reading is None or feed.stopping or feed.gone:
            return
        if _must_be_counted(feed):
            feed.leave()
            return
        feed.stopping = True
        reading.cancel()

    async def drain(self, grace: float = 0) -> None:
        """Give the turns so many seconds to end by themselves, then end them and wait until all are settled.

        That takes no longer than the named time. Whoever asks meanwhile waits for the same end: the server is closing.
        """
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain(grace), name="draining")
        await asyncio.shield(self._draining)

    async def _drain(self, grace: float) -> None:
        if grace and self._turns:
            await asyncio.wait(list(self._turns.values()), timeout=grace)
        self._closing = True
        for reading in self._readings.values():
            reading.cancel()
        if self._turns:
            await asyncio.wait(list(self._turns.values()), timeout=limits.DRAIN_SECONDS)
        self._closing = False

    async def _run(self, feed: Feed, turn: Begun, card: PriceCard, reading: asyncio.Task[Outcome]) -> None:
        # Only the reading is ever cancelled; this task always comes to the settlement.
        await asyncio.wait([reading], timeout=limits.CHECKPOINT_SECONDS)
        if not reading.done():
            checkpoints = asyncio.create_task(_keep_checkpoints(feed, reading))
            await asyncio.wait([reading])
            checkpoints.cancel()
            await asyncio.wait([checkpoints])
        feed.end_call()
        try:
            outcome, called = _outcome_of(feed, reading), time.monotonic()
            await self._settle(feed, turn, card, outcome)
            _measure(feed, turn, outcome, called)
        finally:
            feed.end()
            for table in (self._feeds, self._readings, self._turns):
                table.pop(feed.turn_id, None)

    async def _settle(self, feed: Feed, turn: Begun, card: PriceCard, outcome: Outcome) -> None:
        """Settle, however long the database is away: nobody else knows the exact end of this reply."""
        turn_id, plain, delay = feed.turn_id, plain_end(turn, card, outcome), limits.SETTLE_RETRY_SECONDS
        while True:
            try:
                if plain is not None:
                    answer = await quick_settle(plain, patient=feed.leaves_before_settlement and not self._closing)
                    if answer.outcome != Fate.NOT_PLAIN:
                        if answer.outcome == Fate.DONE and not isinstance(feed, WireFeed):
                            feed.receipt = receipt_of_end(turn, card, plain, answer)
                            feed.balance_nanos = None if answer.posted_nanos is None else Nanos(answer.posted_nanos)
                        return
                await in_meter_thread(settle_turn, turn_id, outcome)
            except DatabaseUnavailable:
                patience.note_trouble()
                _log.warning("turn waits for the database", extra={"turn_id": turn_id})
            except Exception:  # noqa: BLE001 - logged
                # A broken promise of the books. The hold stands, and recovery tries from the last checkpoint.
                CAPTURES_FAILED.inc()
                _log.exception("turn not settled", extra={"turn_id": turn_id})
                await in_meter_thread(tell_not_settled, turn_id)
                return
            else:
                return
            if self._closing:
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, limits.SETTLE_RETRY_MOST_SECONDS)


def _must_be_counted(feed: Feed) -> bool:
    """Whether a reply that somebody wants no more of is read to its count all the same."""
    turn = feed.turn
    if turn is None or turn.funding != Funding.CREDITS or feed.usage_final:
        return False
    try:
        _uncounted.count(turn.user_id)
    except TooManyRequests:
        return True
    return False


_uncounted = Attempts(most=limits.ENDED_UNCOUNTED_A_DAY, seconds=86_400, refusal="Too many replies were stopped.")


def _measure(feed: Feed, turn: Begun, outcome: Outcome, called: float) -> None:
    """Count a reply whose call ended at a moment of the monotonic clock, and how long its parts took."""
    TURNS.labels(turn.provider, turn.funding, outcome.completion).inc()
    if feed.first_word is not None:
        FIRST_WORD.labels(turn.provider).observe(feed.first_word - feed.began)
    TURN_SECONDS.labels(turn.provider).observe(called - feed.began)
    SETTLE_SECONDS.observe(time.monotonic() - called)


def _outcome_of(feed: Feed, reading: asyncio.Task[Outcome]) -> Outcome:
    failure = None if reading.cancelled() else reading.exception()
    if failure is not None:
        _log.error("turn failed unexpectedly", extra={"turn_id": feed.turn_id}, exc_info=failure)
    elif not reading.cancelled():
        return reading.result()
    completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    return outcome_of(feed, completion, broke_off())


async def _consume(feed: Feed, provider: ProviderName, call: ChatCall | EmbeddingCall) -> Outcome:
    completion, error = Completion.PARTIAL, None
    most = call.max_tokens * limits.MAX_BYTES_PER_TOKEN if isinstance(call, ChatCall) else 0
    answers = stream_chat(provider, call) if isinstance(call, ChatCall) else embed(call)
    try:
        async with asyncio.timeout(limits.MAX_TURN_SECONDS), aclosing(answers) as events:
            async for event in events:
                feed.take(event)
                if isinstance(event, Completed):
                    completion = Completion.STOPPED if feed.gone else Completion.COMPLETE
                if feed.size > most:
                    # A server that ignores the limit it was given would write, and cost, without an end.
                    error = too_much()
                    break
    except asyncio.CancelledError:
        completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    except TimeoutError:
        error = too_long()
    except ProviderError as caught:
        error = caught
    if completion == Completion.PARTIAL and error is None:
        error = broke_off()
    return outcome_of(feed, completion, error)


async def _keep_checkpoints(feed: Feed, reading: asyncio.Task[Outcome]) -> None:
    while True:
        usage_json = dump_usage(feed.usage, final=feed.usage_final)
        try:
            standing = await in_meter_thread(_write_checkpoint, feed.turn_id, feed.text, usage_json)
        except DatabaseUnavailable:
            patience.note_trouble()
            _log.warning("checkpoint not written", extra={"turn_id": feed.turn_id})
        except Exception:  # noqa: BLE001 - logged; the next checkpoint may succeed
            _log.exception("checkpoint not written", extra={"turn_id": feed.turn_id})
        else:
            if standing is not Standing.RUNNING:
                if standing is Standing.STOPPING:
                    # From another process.
                    runner.stop(feed.turn_id)
                else:
                    # Settled by one that believed this one dead: no hold covers it now.
                    reading.cancel()
                if not feed.gone or standing is Standing.ENDED:
                    return
        await asyncio.sleep(limits.CHECKPOINT_SECONDS)


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
                .where(col(Turn.id) == turn_id, is_open())
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
