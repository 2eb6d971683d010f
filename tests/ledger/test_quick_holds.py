"""The quick path of holds keeps the promises of the slower one, and says so where it does not apply."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import Engine

from projectloom.clock import now
from projectloom.config import PROJECT_ROOT, settings
from projectloom.db import reading, transaction
from projectloom.errors import HoldResolved
from projectloom.group_commit import close_committers
from projectloom.group_stores import Answer, Outcome
from projectloom.ids import new_id
from projectloom.ledger import holds
from projectloom.ledger.accounts import Balances, read_balances
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.quick_holds import CaptureItem, HoldItem, quick_authorize, quick_capture
from projectloom.ledger.reversals import take_back
from projectloom.money import from_usd
from tests.conftest import new_person


@pytest_asyncio.fixture(autouse=True)
async def _given_back() -> AsyncIterator[None]:
    yield
    await close_committers()


def hold_item(person: str, amount: int, **changes) -> HoldItem:
    cause = new_id("turn")
    values = {
        "hold_id": new_id("hold"),
        "user_id": person,
        "amount_nanos": amount,
        "idempotency_key": f"hold:{cause}",
        "cause": cause,
        "created_at": now(),
        "expires_at": now() + timedelta(hours=1),
    }
    return HoldItem(**(values | changes))


def capture_item(hold: HoldItem, amount: int, **changes) -> CaptureItem:
    values = {"entry_id": new_id("je"), "moment": now()}
    return CaptureItem(hold_id=hold.hold_id, user_id=hold.user_id, amount_nanos=amount, **(values | changes))


def balances(person: str) -> Balances:
    with reading() as session:
        found = read_balances(session, user_id=person)
        broken = [check for check in audit_ledger(session) if not check.holds]
    assert not broken
    assert found is not None
    return found


async def held(person: str, amount: int) -> HoldItem:
    item = hold_item(person, amount)
    assert (await quick_authorize(item)).outcome == Outcome.DONE
    return item


@pytest.fixture
def rich(person: str) -> str:
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(10), bonus_nanos=from_usd(1))
    return person


async def test_a_quick_hold_reserves_and_a_quick_capture_charges_exactly_and_frees_the_rest(rich: str):
    item = hold_item(rich, from_usd(4))
    assert await quick_authorize(item) == Answer(Outcome.DONE, None, from_usd(11), from_usd(4))
    capture = capture_item(item, 1_234_567)
    assert await quick_capture(capture) == Answer(Outcome.DONE, capture.entry_id, from_usd(11) - 1_234_567, 0)
    after = balances(rich)
    assert (after.posted_nanos, after.held_nanos, after.spent_nanos) == (from_usd(11) - 1_234_567, 0, 1_234_567)


async def test_sending_the_same_again_changes_nothing_and_gives_the_first_answer(rich: str):
    item = await held(rich, 100)
    assert (await quick_authorize(item)).outcome == Outcome.DONE
    first = capture_item(item, 40)
    for capture in (first, first, capture_item(item, 40)):
        assert (await quick_capture(capture)).entry_id == first.entry_id
    assert balances(rich).spent_nanos == 40


async def test_what_is_resolved_otherwise_is_gone(rich: str):
    captured, voided = await held(rich, 100), await held(rich, 100)
    await quick_capture(capture_item(captured, 40))
    await quick_capture(capture_item(voided, 0))
    for item, amount in ((captured, 41), (captured, 0), (voided, 1)):
        assert (await quick_capture(capture_item(item, amount))).outcome == Outcome.GONE
    assert balances(rich).spent_nanos == 40


async def test_what_is_not_plain_is_answered_so_and_leaves_nothing(rich: str):
    item = await held(rich, from_usd(6))
    refused = (
        hold_item(rich, from_usd(6)),
        hold_item(rich, 1, least_nanos=from_usd(6)),
        hold_item("usr_nobody", 1),
        hold_item(rich, 1, idempotency_key=item.idempotency_key),
    )
    for other in refused:
        assert (await quick_authorize(other)).outcome == Outcome.NOT_PLAIN
    assert (await quick_capture(capture_item(item, from_usd(7)))).outcome == Outcome.NOT_PLAIN
    warned = capture_item(item, from_usd(1), warn_below_nanos=from_usd(11))
    assert (await quick_capture(warned)).outcome == Outcome.NOT_PLAIN
    assert balances(rich).held_nanos == from_usd(6)


async def test_debt_is_not_plain(rich: str):
    item = await held(rich, from_usd(6))
    with transaction() as session:
        take_back(
            session,
            user_id=rich,
            order_id="ord_1",
            idempotency_key="reversal:1",
            cause="re_1",
            paid_nanos=from_usd(10),
            bonus_nanos=from_usd(1),
        )
    assert (await quick_capture(capture_item(item, 5))).outcome == Outcome.NOT_PLAIN
    assert (await quick_authorize(hold_item(rich, 1))).outcome == Outcome.NOT_PLAIN
    with transaction() as session:
        holds.capture(session, hold_id=item.hold_id, amount_nanos=5)
    assert balances(rich).debt_nanos == 5 + from_usd(5) - from_usd(5)


async def test_fifty_holds_at_once_on_a_balance_for_one_leave_exactly_one(rich: str):
    answers = await asyncio.gather(*(quick_authorize(hold_item(rich, from_usd(11))) for _ in range(50)))
    assert [answer.outcome for answer in answers].count(Outcome.DONE) == 1
    assert balances(rich).available_nanos == 0


async def test_a_crowd_on_one_account_draws_its_lots_in_their_order_to_the_last_nano(rich: str):
    with transaction() as session:
        for days in (90, 30):
            expires_at = now() + timedelta(days=days)
            grant(session, user_id=rich, reason=f"{days}", amount_nanos=from_usd(1), expires_at=expires_at)
    others = [new_person() for _ in range(3)]
    with transaction() as session:
        for other in others:
            top_up(session, user_id=other, order_id=f"ord_{other}", paid_nanos=from_usd(2), bonus_nanos=0)
    share = from_usd(13) // 26

    async def spend(person: str, amount: int) -> None:
        item = await held(person, amount)
        assert (await quick_capture(capture_item(item, amount))).outcome == Outcome.DONE

    # Uneven amounts, so that charges lie across the borders of lots, together with other people's in one flush.
    amounts = [share + (7 if n % 2 else -7) for n in range(26)]
    await asyncio.gather(*(spend(rich, amount) for amount in amounts), *(spend(one, 5) for one in others * 5))
    assert balances(rich).posted_nanos == 0
    assert {balances(other).spent_nanos for other in others} == {25}


async def test_the_same_capture_twice_in_one_flush_charges_once(rich: str):
    item = await held(rich, 100)
    twice = await asyncio.gather(*(quick_capture(capture_item(item, 40)) for _ in range(8)))
    assert len({answer.entry_id for answer in twice}) == 1
    contrary = await held(rich, 100)
    answers = await asyncio.gather(*(quick_capture(capture_item(contrary, 40 + n)) for n in range(8)))
    assert sorted(answer.outcome for answer in answers) == [Outcome.DONE, *[Outcome.GONE] * 7]


async def test_a_release_and_a_charge_of_one_account_share_a_flush(rich: str, caplog: pytest.LogCaptureFixture):
    first, freed, second = [await held(rich, from_usd(1)) for _ in range(3)]
    ends = (capture_item(first, 7), capture_item(freed, 0), capture_item(second, 11))
    answers = await asyncio.gather(*(quick_capture(end) for end in ends))
    assert [answer.outcome for answer in answers] == [Outcome.DONE] * 3
    assert balances(rich).spent_nanos == 18
    assert not caplog.records


async def test_one_item_that_the_database_refuses_does_not_keep_the_others_from_theirs(rich: str):
    taken = await held(rich, 1)
    # Its id is taken, which only the table itself finds out.
    broken = hold_item(rich, 1, hold_id=taken.hold_id)
    answers = await asyncio.gather(
        *(quick_authorize(item) for item in (hold_item(rich, 1), broken, hold_item(rich, 1)))
    )
    assert [answer.outcome for answer in answers] == [Outcome.DONE, Outcome.NOT_PLAIN, Outcome.DONE]
    assert balances(rich).held_nanos == 3


async def test_what_the_slower_path_has_under_lock_is_left_to_it(rich: str, books: Engine):
    if books.dialect.name == "sqlite":
        pytest.skip("a writing transaction is alone there")
    other = new_person()
    with transaction() as session:
        top_up(session, user_id=other, order_id="ord_2", paid_nanos=from_usd(1), bonus_nanos=0)
    with transaction() as session:
        holds.authorize(
            session,
            user_id=rich,
            amount_nanos=5,
            idempotency_key="hold:slow",
            cause="turn_slow",
            expires_at=now() + timedelta(hours=1),
        )
        answers = await asyncio.gather(quick_authorize(hold_item(rich, 1)), quick_authorize(hold_item(other, 1)))
    assert [answer.outcome for answer in answers] == [Outcome.NOT_PLAIN, Outcome.DONE]
    assert balances(rich).held_nanos == 5


async def test_whoever_waits_may_leave_and_the_hold_is_taken_all_the_same(rich: str):
    item = hold_item(rich, 9)
    waiting = asyncio.create_task(quick_authorize(item))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await quick_authorize(item)).outcome == Outcome.DONE
    assert balances(rich).held_nanos == 9


async def test_a_capture_racing_a_void_and_an_expiry_has_one_winner(rich: str):
    def slower(act, item: HoldItem) -> str:
        try:
            with transaction() as session:
                act(session, hold_id=item.hold_id)
        except HoldResolved:
            return Outcome.GONE
        return Outcome.DONE

    for _ in range(6):
        item = await held(rich, 100)
        ends = await asyncio.gather(
            asyncio.to_thread(slower, holds.void, item),
            quick_capture(capture_item(item, 40)),
            asyncio.to_thread(slower, holds.expire, item),
        )
        outcomes = [ends[0], ends[1].outcome, ends[2]]
        assert outcomes.count(Outcome.DONE) == 1
        assert balances(rich).held_nanos == 0


ANOTHER_PROCESS = """
import asyncio, sys
from tests.ledger.test_quick_holds import capture_item, close_committers, hold_item, Outcome, quick_authorize
from tests.ledger.test_quick_holds import quick_capture

async def spend() -> int:
    item = hold_item(sys.argv[1], 10)
    if (await quick_authorize(item)).outcome != Outcome.DONE:
        return 0
    while (await quick_capture(capture_item(item, 10))).outcome != Outcome.DONE:
        await asyncio.sleep(0.01)
    return 1

async def main() -> None:
    spent = await asyncio.gather(*(spend() for _ in range(40)))
    await close_committers()
    print(sum(spent))

asyncio.run(main())
"""


def test_two_processes_spend_from_one_account_exactly_what_is_there(person: str):
    with transaction() as session:
        grant(session, user_id=person, reason="little", amount_nanos=500)
    environment = os.environ | {"LOOM_DATA_DIR": str(settings().data_dir), "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-c", ANOTHER_PROCESS, person]
    others = [
        subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    spent = [int(other.communicate(timeout=100)[0]) for other in others]
    after = balances(person)
    assert (after.spent_nanos, after.held_nanos) == (10 * sum(spent), 0)
    assert 0 < after.spent_nanos <= 500
