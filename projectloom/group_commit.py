"""Group commit: small writes that are waiting at the same moment share one transaction.

What arrives while a flush is under way goes together into the next one, over connections that this room keeps for each
event loop and database. An answer is given after the commit only. A flush that the database refuses is written again
item by item; one whose connection broke is sent once more, which finds what the first time wrote, since the ids in an
item are its maker's. Whoever waits may be cancelled; the item is not. What nobody waits for is patient: it is kept for
a moment, so that many are written at once and what somebody does wait for goes first.

Where many wait, a second lane writes some of them while the database is at work on the first's: else either would rest
while the other works. No account is ever in both, so nothing is busy for another lane's sake, and what belongs to one
account is written in the order in which it came.
"""

import asyncio
import atexit
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Engine

from projectloom import limits
from projectloom.db import engine
from projectloom.errors import DatabaseUnavailable
from projectloom.group_stores import (
    NOT_PLAIN,
    Answer,
    Broken,
    Item,
    Operation,
    Outcome,
    Refused,
    Store,
    Waiting,
    stores_of,
)

_log = logging.getLogger(__name__)


async def submit(operation: Operation[Item], item: Item, *, patient: bool = False) -> Answer:
    """Write an item with whatever else is waiting, a patient one a moment later; never answers ``BUSY``.

    Raises:
        DatabaseUnavailable: the database cannot be reached, or the connection broke and what became of the item could
            not be found out. Sending the same item again is harmless.
    """
    return await _committer().submit(operation, item, patient=patient)


async def hurry() -> None:
    """Wait until all that is waiting here was written or refused: for whoever is about to read what it changes."""
    await _committer().hurry()


def is_at_rest() -> bool:
    """Whether an item would be written at once, as nothing is being written or is about to be."""
    return _committer().is_at_rest


@dataclass(slots=True, eq=False)
class _Lane:
    """One connection, and the flushes that go over it, one at a time."""

    store: Store
    in_flush: list[Waiting] = field(default_factory=list[Waiting])
    flushing: asyncio.Task[None] | None = None
    rests_until: float = 0.0
    """It had no connection lately, by the loop's clock."""

    @property
    def rests(self) -> bool:
        """Whether another is better asked."""
        return asyncio.get_running_loop().time() < self.rests_until


class Committer:
    """The items of one event loop that wait for one database, and its flushes: one at a time over each store."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._lanes = [_Lane(store) for store in stores]
        self._waiting: deque[Waiting] = deque()
        self._patient: list[Waiting] = []
        self._patience: asyncio.TimerHandle | None = None
        self._numbers = count(1)
        self._busy: list[Waiting] = []
        """Those that are about to be tried again."""

    async def submit(self, operation: Operation[Item], item: Item, *, patient: bool = False) -> Answer:
        """As :func:`submit`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        waiting = Waiting(next(self._numbers), operation, item, answer)
        if not patient:
            self._put(waiting)
            return await answer
        self._patient.append(waiting)
        if len(self._patient) >= limits.QUICK_BATCH:
            self._end_patience()
        elif self._patience is None:
            self._patience = loop.call_later(limits.QUICK_PATIENCE_SECONDS, self._end_patience)
        return await answer

    async def hurry(self) -> None:
        """As :func:`hurry`."""
        in_flush = [waiting for lane in self._lanes for waiting in lane.in_flush]
        waited_for = [waiting.answer for waiting in (*self._patient, *in_flush, *self._waiting, *self._busy)]
        self._end_patience()
        if waited_for:
            await asyncio.wait(waited_for)

    @property
    def is_at_rest(self) -> bool:
        """As :func:`is_at_rest`."""
        return not self._waiting and all(lane.flushing is None for lane in self._lanes)

    def close(self) -> None:
        """Give the connections back. The next item opens another."""
        for lane in self._lanes:
            lane.store.close()

    async def drain(self) -> None:
        """Wait until nothing is waiting."""
        self._end_patience()
        while self._busy or any(lane.flushing for lane in self._lanes):  # noqa: ASYNC110 - once, as the server ends
            await asyncio.sleep(limits.QUICK_BUSY_SECONDS)

    def _put(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)
        self._set_out()

    def _set_out(self) -> None:
        """Begin what can be begun: on one lane whatever waits, on another where enough of it may go beside that."""
        for lane in self._lanes:
            if lane.flushing is not None or lane.rests:
                continue
            if self._are_others_idle(lane) or self._is_enough(lane):
                lane.flushing = asyncio.create_task(self._flush_all(lane), name="group commit")
                return

    def _are_others_idle(self, lane: _Lane) -> bool:
        return all(other is lane or other.flushing is None for other in self._lanes)

    def _is_enough(self, lane: _Lane) -> bool:
        # The first is asked at each item, and mostly settles it.
        return len(self._waiting) >= limits.QUICK_LANE_LEAST and len(self._free(lane)) >= limits.QUICK_LANE_LEAST

    def _free(self, lane: _Lane) -> list[Waiting]:
        """What waits for accounts that no other lane is writing for."""
        taken = {waiting.item.user_id for other in self._lanes if other is not lane for waiting in other.in_flush}
        return [waiting for waiting in self._waiting if waiting.item.user_id not in taken]

    def _take(self, lane: _Lane) -> list[Waiting]:
        """The next flush of a lane; empty where what waits is left to another."""
        if lane.rests:
            return []
        free, least = self._free(lane), limits.QUICK_LANE_LEAST
        if any(other.in_flush for other in self._lanes if other is not lane):
            if len(free) < least:
                return []
        elif len(self._lanes) > 1 and len(free) >= 2 * least:
            # The other half is for another lane, which works while this one rests; but an account is never halved.
            accounts = {waiting.item.user_id for waiting in free[: len(free) // 2]}
            free = [waiting for waiting in free if waiting.item.user_id in accounts]
        taken = free[: limits.QUICK_BATCH]
        numbers = {waiting.number for waiting in taken}
        self._waiting = deque(waiting for waiting in self._waiting if waiting.number not in numbers)
        return taken

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        patient, self._patient = self._patient, []
        for waiting in patient:
            self._put(waiting)

    def _put_again(self, waiting: Waiting) -> None:
        self._busy.remove(waiting)
        self._put(waiting)

    async def _flush_all(self, lane: _Lane) -> None:
        try:
            while batch := self._take(lane):
                lane.in_flush = batch
                self._set_out()
                await self._flush(lane, batch)
                lane.in_flush = []
                # Whoever was just answered may have more to write, which then shares the next flush.
                await asyncio.sleep(0)
        finally:
            lane.flushing, lane.in_flush = None, []
            if self._waiting:
                self._set_out()

    async def _flush(self, lane: _Lane, batch: list[Waiting]) -> None:
        try:
            answers = await self._written(lane.store, batch)
        except Refused as error:
            # One of them breaks a promise of the books. Alone it harms nobody, and the slower path says what it is.
            if len(batch) == 1:
                # The error itself may quote the row, and prompts are in rows.
                reason = type(error.__cause__).__name__
                _log.warning("quick write refused", extra={"operation": batch[0].operation.function, "reason": reason})
                self._answer(batch[0], NOT_PLAIN)
                return
            _log.warning("quick writes refused together", extra={"size": len(batch)})
            for waiting in batch:
                await self._flush(lane, [waiting])
        except DatabaseUnavailable:
            if not self._leave_to_another(lane, batch):
                self._fail_all(batch)
        except BaseException:
            self._fail_all(batch)
            raise
        else:
            for waiting in batch:
                self._answer(waiting, answers.get(waiting.number, NOT_PLAIN))

    def _leave_to_another(self, lane: _Lane, batch: list[Waiting]) -> bool:
        """Whether another lane may write what this one has not sent: a server may be out of connections."""
        others = any(other is not lane and not other.rests for other in self._lanes)
        if not others or any(waiting.doubtful for waiting in batch):
            return False
        lane.rests_until = asyncio.get_running_loop().time() + limits.QUICK_LANE_REST_SECONDS
        self._waiting.extendleft(reversed(batch))
        return True

    def _fail_all(self, batch: list[Waiting]) -> None:
        # Those behind them would wait for the same database.
        for waiting in (*batch, *self._waiting):
            _fail(waiting)
        self._waiting.clear()

    async def _written(self, store: Store, batch: list[Waiting]) -> Mapping[int, Answer]:
        try:
            return await store.write(batch)
        except Broken:
            _log.warning("connection broke in a quick write; asking again")
        for waiting in batch:
            waiting.doubtful = True
        try:
            return await store.write(batch)
        except Broken:
            raise DatabaseUnavailable from None

    def _answer(self, waiting: Waiting, answer: Answer) -> None:
        if answer.outcome == Outcome.BUSY:
            waiting.tries += 1
            if waiting.tries < limits.QUICK_BUSY_TRIES:
                self._busy.append(waiting)
                asyncio.get_running_loop().call_later(limits.QUICK_BUSY_SECONDS, self._put_again, waiting)
                return
            answer = NOT_PLAIN
        if waiting.doubtful and answer.outcome == Outcome.NOT_PLAIN:
            # What was sent first may still be committed, so nobody may write it on another path.
            _fail(waiting)
        elif not waiting.answer.done():
            waiting.answer.set_result(answer)


def _fail(waiting: Waiting) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(DatabaseUnavailable())


_committers: dict[tuple[asyncio.AbstractEventLoop, Engine], Committer] = {}


def _committer() -> Committer:
    key = (asyncio.get_running_loop(), engine())
    found = _committers.get(key)
    if found is None:
        _forget_closed_loops()
        found = _committers[key] = Committer(stores_of(engine()))
    return found


async def close_committers() -> None:
    """Wait for what this event loop still has to write, and give its connections back."""
    loop = asyncio.get_running_loop()
    for key in [key for key in _committers if key[0] is loop]:
        committer = _committers.pop(key)
        await committer.drain()
        committer.close()


def _forget_closed_loops() -> None:
    for key in [key for key in _committers if key[0].is_closed()]:
        _committers.pop(key).close()


@atexit.register
def _close_all() -> None:
    for committer in _committers.values():
        committer.close()
