"""After an outage the living renew their leases before anybody takes them for dead."""

import asyncio
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest

from projectloom import db, limits
from projectloom.errors import DatabaseUnavailable
from projectloom.jobs import periodic
from projectloom.metering import patience as patiences
from projectloom.metering.patience import Patience, recover_patiently
from projectloom.metering.recovery import recover_turns
from tests.providers.dialects import O_START, o_text
from tests.providers.scripted_server import HANG, cut

HANGING = cut(O_START, o_text("Hello"), end=HANG)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """That of a process which has seen no trouble, on a database that runs for longer than a lease."""
    fresh = Patience()
    for room in (patiences, periodic):
        monkeypatch.setattr(room, "patience", fresh)
    monkeypatch.setattr("projectloom.metering.recovery.patience", fresh)
    monkeypatch.setattr(limits, "TURN_LEASE_SECONDS", 1.5)
    monkeypatch.setattr(limits, "CHECKPOINT_SECONDS", 0.5)
    return fresh


@contextmanager
def lock_on(what: str):
    """Somebody else's transaction that has taken this lock on Postgres."""
    address = db.engine().url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as other:
        other.execute(what)  # pyright: ignore[reportArgumentType]
        yield
        other.rollback()


@pytest.mark.parametrize("books", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    "what",
    [
        "LOCK TABLE turns IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE turns IN SHARE MODE",
        "SELECT id FROM turns FOR UPDATE",
    ],
)
async def test_living_replies_survive_an_outage_that_is_longer_than_their_lease(
    world, monkeypatch, patience: Patience, what: str
):
    monkeypatch.setattr(limits, "POSTGRES_LOCK_SECONDS", 1)
    async with world(HANGING) as w:
        db.engine().dispose()
        for _ in range(3):
            await w.start(max_tokens=300)
        await asyncio.sleep(0.6)
        recovered: list[int] = []
        over = threading.Event()

        def look_again_and_again() -> None:
            # Another process, which vouches for none of these and looks far more often than the real one.
            while not over.wait(0.02):
                try:
                    recovered.append(recover_patiently(recover_turns))
                except DatabaseUnavailable:
                    patience.note_trouble()

        def outage() -> None:
            with lock_on(what):
                time.sleep(3)

        looking = asyncio.create_task(asyncio.to_thread(look_again_and_again))
        await asyncio.to_thread(outage)
        await asyncio.sleep(2)
        over.set()
        await looking
        assert [turn.ended_at for turn in w.turns()] == [None] * 3
        assert sum(recovered) == 0


async def test_whoever_is_dead_is_recovered_a_lease_after_the_trouble(world, monkeypatch, patience: Patience):
    from projectloom.metering.opening import open_turn

    monkeypatch.setattr(limits, "TURN_LEASE_SECONDS", 0.6)
    async with world(HANGING) as w:
        open_turn(w.request())
        await asyncio.sleep(0.7)
        patience.note_trouble()
        assert recover_patiently(recover_turns) == 0
        await asyncio.sleep(0.7)
        assert recover_patiently(recover_turns) == 1
        assert w.balances.held_nanos == 0


async def test_a_database_that_is_always_slow_keeps_nobody_s_credit_for_ever(books, monkeypatch, patience: Patience):
    monkeypatch.setattr(limits, "TURN_LEASE_SECONDS", 0.0)
    monkeypatch.setattr(limits, "RECOVERY_LATE_SECONDS", -1.0)
    monkeypatch.setattr(limits, "RECOVERY_LATE_LOOKS", 3)
    assert [patience.note_wait(time.monotonic()) for _ in range(4)] == [True, True, True, False]
    assert recover_patiently(lambda: 1) == 1
    monkeypatch.setattr(limits, "RECOVERY_LATE_SECONDS", 10.0)
    assert not patience.note_wait(time.monotonic())
    monkeypatch.setattr(limits, "RECOVERY_LATE_SECONDS", -1.0)
    assert patience.note_wait(time.monotonic())


@pytest.mark.parametrize("books", ["postgres"], indirect=True)
async def test_a_database_that_was_just_started_lets_the_living_come_back_first(books, monkeypatch, patience: Patience):
    calls: list[int] = []
    monkeypatch.setattr(limits, "TURN_LEASE_SECONDS", 10**7)
    assert recover_patiently(lambda: calls.append(1) or 1) == 0
    monkeypatch.setattr(limits, "TURN_LEASE_SECONDS", 0.0)
    assert recover_patiently(lambda: calls.append(1) or 1) == 1
    assert calls == [1]


async def test_the_timer_rests_after_trouble(books, monkeypatch, patience: Patience):
    def away() -> int:
        raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        await periodic._patiently(away)
    assert patience.waits
    calls: list[int] = []
    await periodic._patiently(lambda: calls.append(1) or 1)
    assert calls == []
