"""What goes back takes its credit with it; what was spent becomes debt; what did not stand comes back exactly."""

from datetime import timedelta

import pytest
from sqlmodel import select

from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import IdempotencyConflict, InsufficientCredits
from projectloom.ledger import holds
from projectloom.ledger.accounts import Balances, read_balances
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import expire_lot, expired_lots, grant, top_up
from projectloom.ledger.models import CreditLot
from projectloom.ledger.reversals import freeze, put_back, take_back
from projectloom.money import from_usd


def balances(person: str) -> Balances:
    with reading() as session:
        found = read_balances(session, user_id=person)
        broken = [check for check in audit_ledger(session) if not check.holds]
    assert not broken
    assert found is not None
    return found


def lots(person: str) -> dict[tuple[str, str], int]:
    with reading() as session:
        rows = session.exec(select(CreditLot).where(CreditLot.account_id == f"user:{person}:credits")).all()
        return {(row.entry_id, row.kind): row.remaining_nanos for row in rows}


def buy(person: str, order: str = "ord_1", paid: int = 25, bonus: int = 2) -> None:
    with transaction() as session:
        top_up(session, user_id=person, order_id=order, paid_nanos=from_usd(paid), bonus_nanos=from_usd(bonus))


def spend(person: str, nanos: int, key: str = "h") -> None:
    with transaction() as session:
        hold = holds.authorize(
            session, user_id=person, amount_nanos=nanos, idempotency_key=key, cause="t", expires_at=now() + timedelta(1)
        )
        holds.capture(session, hold_id=hold.id, amount_nanos=nanos)


def refund(person: str, refund_id: str = "re_1", order: str = "ord_1", paid: int = 25, bonus: int = 2) -> None:
    with transaction() as session:
        take_back(
            session,
            user_id=person,
            order_id=order,
            idempotency_key=f"reversal:{refund_id}",
            cause=refund_id,
            paid_nanos=from_usd(paid),
            bonus_nanos=from_usd(bonus),
        )


def undo(person: str, key: str, by: str) -> None:
    with transaction() as session:
        put_back(session, user_id=person, undone_key=key, idempotency_key=by, cause=by)


def test_a_refund_takes_the_credit_and_the_bonus_once(person: str):
    buy(person)
    for _ in range(3):
        refund(person)
    assert balances(person).posted_nanos == 0
    with pytest.raises(IdempotencyConflict):
        refund(person, paid=24)


def test_what_was_spent_already_becomes_debt_and_debt_blocks_spending(person: str):
    buy(person)
    spend(person, from_usd(20))
    refund(person)
    after = balances(person)
    assert (after.posted_nanos, after.debt_nanos, after.available_nanos) == (0, from_usd(20), 0)
    with pytest.raises(InsufficientCredits):
        spend(person, 1, "h2")


def test_the_next_purchase_pays_the_debt_first(person: str):
    buy(person)
    spend(person, from_usd(20))
    refund(person)
    buy(person, "ord_2", 50, 5)
    after = balances(person)
    assert (after.debt_nanos, after.available_nanos) == (0, from_usd(35))


def test_a_refund_takes_the_purchase_s_own_lots_first(person: str):
    buy(person, "ord_1", 10, 0)
    buy(person, "ord_2", 25, 2)
    spend(person, from_usd(1))
    refund(person, order="ord_2")
    left = sorted(lots(person).values())
    assert left == [0, 0, from_usd(9)]
    assert balances(person).posted_nanos == from_usd(9)


def test_a_refund_that_failed_puts_the_exact_rows_back(person: str):
    buy(person)
    spend(person, from_usd(1))
    before, kept = balances(person), lots(person)
    refund(person)
    for _ in range(2):
        undo(person, "reversal:re_1", "reinstatement:re_1")
    assert balances(person) == before
    assert lots(person) == kept


def test_a_failed_refund_whose_debt_was_paid_meanwhile_comes_back_as_credit(person: str):
    buy(person)
    spend(person, from_usd(20))
    refund(person)
    buy(person, "ord_2", 50, 5)
    undo(person, "reversal:re_1", "reinstatement:re_1")
    after = balances(person)
    assert (after.debt_nanos, after.posted_nanos) == (0, from_usd(27 - 20 + 55))


def test_undoing_what_never_happened_changes_nothing(person: str):
    buy(person)
    undo(person, "reversal:re_unknown", "reinstatement:re_unknown")
    assert balances(person).posted_nanos == from_usd(27)


def test_held_credit_is_not_taken_but_what_the_hold_frees_pays_the_debt(person: str):
    buy(person)
    with transaction() as session:
        hold = holds.authorize(
            session,
            user_id=person,
            amount_nanos=from_usd(5),
            idempotency_key="h",
            cause="t",
            expires_at=now() + timedelta(1),
        )
    refund(person)
    assert balances(person).debt_nanos == from_usd(5)
    with transaction() as session:
        holds.capture(session, hold_id=hold.id, amount_nanos=from_usd(1))
    after = balances(person)
    assert (after.debt_nanos, after.posted_nanos) == (from_usd(1), 0)


def test_a_dispute_freezes_only_its_own_purchase_s_credit(person: str):
    buy(person, "ord_1", 10, 0)
    buy(person, "ord_2", 25, 2)
    with transaction() as session:
        freeze(session, user_id=person, order_id="ord_2", dispute_id="dp_1")
        freeze(session, user_id=person, order_id="ord_2", dispute_id="dp_1")
    after = balances(person)
    assert (after.available_nanos, after.frozen_nanos) == (from_usd(10), from_usd(27))
    undo(person, "freeze:dp_1", "unfreeze:dp_1")
    assert (balances(person).available_nanos, balances(person).frozen_nanos) == (from_usd(37), 0)


def test_given_credit_expires_once_and_paid_credit_never(person: str):
    buy(person)
    moment = now()
    with transaction() as session:
        grant(session, user_id=person, reason="spring", amount_nanos=from_usd(3), expires_at=moment)
    spend(person, from_usd(1))
    with transaction() as session:
        due = expired_lots(session, moment=moment + timedelta(days=1), limit=10)
        assert len(due) == 1
        assert expire_lot(session, lot_id=due[0], moment=moment - timedelta(seconds=1)) is None
        assert expire_lot(session, lot_id=due[0], moment=moment) is not None
        assert expire_lot(session, lot_id=due[0], moment=moment) is None
    assert balances(person).posted_nanos == from_usd(27)


def test_expired_credit_that_a_running_reply_holds_stays_until_the_reply_ends(person: str):
    moment = now()
    with transaction() as session:
        grant(session, user_id=person, reason="spring", amount_nanos=from_usd(3), expires_at=moment)
        hold = holds.authorize(
            session, user_id=person, amount_nanos=5, idempotency_key="h", cause="t", expires_at=moment + timedelta(1)
        )
    with transaction() as session:
        (lot,) = expired_lots(session, moment=moment, limit=10)
        assert expire_lot(session, lot_id=lot, moment=moment) is None
        holds.capture(session, hold_id=hold.id, amount_nanos=4)
        assert expire_lot(session, lot_id=lot, moment=moment) is not None
    assert balances(person).posted_nanos == 0
