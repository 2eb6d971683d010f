"""Flushes that run beside each other: never on one account, always in the order of their coming, none lost."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from sqlalchemy import Engine, text

from projectloom import limits
from projectloom.db import engine, transaction
from projectloom.errors import DatabaseUnavailable
from projectloom.group_commit import Committer, hurry
from projectloom.group_stores import Answer, Outcome, PostgresStore, Store, Waiting, stores_of
from projectloom.ledger.credits import top_up
from projectloom.ledger.quick_holds import AUTHORIZE, CAPTURE, HoldItem
from projectloom.money import from_usd
from tests.conftest import new_person
from tests.ledger.test_quick_holds import balances, capture_item, hold_item

PEOPLE = 24


@dataclass
class Watched:
    """A real store, and which accounts it was writing for beside which others."""

    store: Store
    together: list["Watched"]
    now: list[str] = field(default_factory=list[str])
    written: list[int] = field(default_factory=list[int])
    beside: int = 0

    async def write(self, batch: Sequence[Waiting]) -> Mapping[int, Answer]:
        self.now = [waiting.item.user_id for waiting in batch]
        others = {user_id for other in self.together if other is not self for user_id in other.now}
        assert not others & set(self.now)
        self.beside += bool(others)
        self.written += [waiting.number for waiting in batch]
        try:
            return await self.store.write(batch)
        finally:
            self.now = []

    def close(self) -> None:
        self.store.close()


@dataclass
class Watch:
    committer: Committer
    stores: list[Watched]


@pytest_asyncio.fixture
async def watch(books: Engine) -> AsyncIterator[Watch]:
    del books
    stores: list[Watched] = []
    stores += [Watched(store, stores) for store in stores_of(engine())]
    committer = Committer(stores)
    yield Watch(committer, stores)
    await committer.drain()
    committer.close()


@pytest.fixture
def crowd(books: Engine) -> list[str]:
    del books
    people = [new_person() for _ in range(PEOPLE)]
    with transaction() as session:
        for number, person in enumerate(people):
            top_up(session, user_id=person, order_id=f"ord_{number}", paid_nanos=from_usd(1), bonus_nanos=0)
    return people


async def spend(committer: Committer, person: str, times: int = 5) -> None:
    for _ in range(times):
        hold = hold_item(person, 100)
        assert (await committer.submit(AUTHORIZE, hold)).outcome == Outcome.DONE
        assert (await committer.submit(CAPTURE, capture_item(hold, 40))).outcome == Outcome.DONE


async def test_a_crowd_is_written_on_two_lanes_that_never_share_an_account(watch: Watch, crowd: list[str]):
    # Some of them ask twice at once.
    await asyncio.gather(*(spend(watch.committer, person) for person in [*crowd, *crowd[:8]]))
    expected = [5 * 40] * PEOPLE
    for number in range(8):
        expected[number] *= 2
    assert [balances(person).spent_nanos for person in crowd] == expected
    if len(watch.stores) > 1:
        assert all(store.beside for store in watch.stores)


async def test_what_one_account_waits_for_is_written_in_the_order_of_its_coming(watch: Watch, crowd: list[str]):
    items = [hold_item(person, 1) for _ in range(6) for person in crowd]
    asked = [asyncio.create_task(watch.committer.submit(AUTHORIZE, item)) for item in items]
    held: dict[str, list[int | None]] = {}
    for item, answer in zip(items, await asyncio.gather(*asked), strict=True):
        held.setdefault(item.user_id, []).append(answer.held_nanos)
    # Those of one flush are told of all that it held.
    assert all(seen == sorted(seen, key=lambda nanos: nanos or 0) and seen[-1] == 6 for seen in held.values())
    assert sorted(number for store in watch.stores for number in store.written) == list(range(1, len(items) + 1))


async def test_one_account_alone_is_never_halved(watch: Watch, crowd: list[str]):
    await asyncio.gather(*(spend(watch.committer, crowd[0]) for _ in range(3 * limits.QUICK_LANE_LEAST)))
    assert balances(crowd[0]).spent_nanos == 3 * limits.QUICK_LANE_LEAST * 5 * 40
    assert not any(store.beside for store in watch.stores)


async def test_whoever_is_in_a_hurry_waits_for_every_lane(watch: Watch, crowd: list[str]):
    asked = [asyncio.create_task(watch.committer.submit(AUTHORIZE, hold_item(person, 1))) for person in crowd]
    await asyncio.sleep(0)
    await watch.committer.hurry()
    await asyncio.sleep(0)
    assert all(one.done() for one in asked)
    await hurry()


async def test_lanes_whose_connections_break_write_once_or_say_so(watch: Watch, crowd: list[str], books: Engine):
    if books.dialect.name == "sqlite":
        pytest.skip("there is no connection to break")
    ended = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query LIKE '%quick_%'"
    )

    def break_connections() -> None:
        with suppress(DatabaseUnavailable), transaction() as session:
            session.connection().execute(ended)

    async def hold(item: HoldItem) -> Answer:
        while True:
            with suppress(DatabaseUnavailable):
                return await watch.committer.submit(AUTHORIZE, item)

    holds = [hold_item(person, 100) for person in crowd for _ in range(4)]
    asked = [asyncio.create_task(hold(item)) for item in holds]
    for _ in range(10):
        await asyncio.sleep(0.003)
        await asyncio.to_thread(break_connections)
    assert {answer.outcome for answer in await asyncio.gather(*asked)} == {Outcome.DONE}
    assert [balances(person).held_nanos for person in crowd] == [400] * PEOPLE


async def test_a_lane_that_finds_no_connection_leaves_its_work_to_the_other(crowd: list[str], books: Engine):
    if books.dialect.name == "sqlite":
        pytest.skip("there is one lane")
    nowhere = {"host": "127.0.0.1", "port": "1", "dbname": "books"}
    for stores in ([PostgresStore(nowhere), stores_of(engine())[0]], [stores_of(engine())[0], PostgresStore(nowhere)]):
        committer = Committer(stores)
        await asyncio.gather(*(spend(committer, person) for person in crowd))
        await spend(committer, crowd[0])
        await committer.drain()
        committer.close()
    assert [balances(person).spent_nanos for person in crowd] == [4 * 5 * 40] + [2 * 5 * 40] * (PEOPLE - 1)


async def test_where_no_lane_finds_a_connection_everybody_is_told(crowd: list[str], books: Engine):
    del books
    nowhere = {"host": "127.0.0.1", "port": "1", "dbname": "books"}
    committer = Committer([PostgresStore(nowhere), PostgresStore(nowhere)])
    for _ in range(2):
        asked = [committer.submit(AUTHORIZE, hold_item(person, 1)) for person in crowd]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(one) for one in told} == {DatabaseUnavailable}
    await committer.drain()
    assert {balances(person).held_nanos for person in crowd} == {0}
