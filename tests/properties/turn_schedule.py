"""Random lives of people who chat: replies good and bad, and everything that may happen while they are written.

What must follow is kept in plain dataclasses: the plan of each reply, what each person was given, and what was
interfered with. The books are asked only in the end, and then everything is compared.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col, select

from projectloom import limits
from projectloom.db import database_now, reading, transaction
from projectloom.errors import (
    DatabaseUnavailable,
)
from projectloom.jobs.audit import report
from projectloom.metering.models import OPEN_STATES, Turn
from projectloom.metering.recovery import recover_turns
from projectloom.metering.running import runner
from projectloom.metering.turn import stop_turn
from projectloom.operating.audit import audit
from tests.properties.turn_model import check_books_of
from tests.properties.turn_people import People

STEPS = 25
REST_SECONDS = 60


class Schedule(People):
    """One life of one or two people, with all that goes wrong around them."""

    async def run(self) -> None:
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            *(self.send,) * 6,
            *(self.advance,) * 6,
            *(self.watch,) * 2,
            self.leave,
            self.stop,
            self.send_again,
            self.send_at_once,
            *(self.change_caps,) * 2,
            self.change_payer,
            self.change_key,
            self.delete_conversation,
            self.give_or_spend,
            self.change_prices,
            self.recover,
            self.recover,
            self.lose_database_during_authorize,
            self.lose_database_during_checkpoint,
            self.lose_database_during_capture,
        )
        for _ in range(STEPS):
            # Trouble that a step itself met changes nothing of the model: it is told only of what succeeded.
            with suppress(DatabaseUnavailable):
                await self.random.choice(steps)()
            await asyncio.sleep(self.random.choice((0, 0, 0.01, 0.05)))
        await self.come_to_rest()
        self.check()

    # What happens to them.

    async def recover(self) -> None:
        """Recovery runs, once or several times at once; perhaps a process is believed dead that is not."""
        reply = self._open_reply()
        late = reply is not None and self.random.random() < 0.3
        if reply is not None and late:
            reply.taken_over = True
            _let_the_lease_run_out(reply.turn_id)
            if self.random.random() < 0.5:
                # Its provider ends at the same moment, so that its own settlement and recovery's meet.
                for gate in reply.plan.gates:
                    gate.set()
        with ThreadPoolExecutor(3) as threads:
            loop = asyncio.get_running_loop()
            jobs = [loop.run_in_executor(threads, recover_turns) for _ in range(self.random.choice((1, 2, 3)))]
            settled = sum(await asyncio.gather(*jobs))
        assert settled <= late

    async def lose_database_during_authorize(self) -> None:
        async with self.trouble.away(self.random):
            await self.send()

    async def lose_database_during_checkpoint(self) -> None:
        """Replies go on being written; none of them may notice."""
        async with self.trouble.away(self.random):
            await self.advance()
            await asyncio.sleep(3 * limits.CHECKPOINT_SECONDS)

    async def lose_database_during_capture(self) -> None:
        async with self.trouble.away(self.random):
            if reply := self._open_reply():
                for gate in reply.plan.gates:
                    gate.set()
                await asyncio.sleep(0.05)

    async def come_to_rest(self) -> None:
        """Some replies are stopped and the others go on to their end; what has no process is recovered."""
        for reply in self.replies.values():
            if reply.plan.waits and reply.turn_id in runner.living() and self.random.random() < 0.3:
                await self._insist(lambda turn=reply: stop_turn(turn.person.id, turn.turn_id))
                reply.stopped = True
            for gate in reply.plan.gates:
                gate.set()
        async with asyncio.timeout(REST_SECONDS):
            while rest := self._still_open():
                for turn_id in rest - runner.living():
                    # Committed by a request whose answer the database's end cut off: it has no process.
                    assert turn_id not in self.replies or self.replies[turn_id].taken_over
                    with suppress(DatabaseUnavailable):
                        _let_the_lease_run_out(turn_id)
                with suppress(DatabaseUnavailable):
                    await asyncio.to_thread(recover_turns, runner.living())
                await asyncio.sleep(0.02)
            await asyncio.gather(*(task for _, task in self.watchers))

    async def _insist(self, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await action()
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)

    def _still_open(self) -> set[str]:
        people = [person.id for person in self.people]
        with reading() as session:
            query = select(Turn.id).where(col(Turn.user_id).in_(people), col(Turn.state).in_(OPEN_STATES))
            return set(session.exec(query).all())

    # What must follow.

    def check(self) -> None:
        for person in self.people:
            check_books_of(person, [reply for reply in self.replies.values() if reply.person is person], self.cards)
        for name, count in self.provider.calls.items():
            assert count == 1, f"{name} was asked {count} times"
        opened = {reply.request.messages[-1].text.split()[0] for reply in self.replies.values()}
        assert set(self.provider.calls) <= opened, "a provider was called for what was refused"
        found = audit()
        assert found.holds, report(found.checks)


def _let_the_lease_run_out(turn_id: str) -> None:
    with transaction() as session:
        gone = database_now(session) - timedelta(seconds=1)
        session.connection().execute(update(Turn).where(col(Turn.id) == turn_id).values(lease_until=gone))
