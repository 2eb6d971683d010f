from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select

from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import HoldResolved, IdempotencyConflict, InsufficientCredits
from projectloom.ledger import holds
from projectloom.ledger.accounts import Balances, read_balances
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.models import CreditLot, Hold, LedgerAccount
from projectloom.money import from_usd


def authorize(person: str, amount: int, key: str = "hold:1") -> Hold:
    with transaction() as session:
        return holds.authorize(
            session,
            user_id=person,
            amount_nanos=amount,
            idempotency_key=key,
            cause="turn_1",
            expires_at=now() + timedelta(hours=1),
        )


def capture(hold: Hold, amount: int) -> str | None:
    with transaction() as session:
        return holds.capture(session, hold_id=hold.id, amount_nanos=amount)


def void(hold: Hold) -> None:
    with transaction() as session:
        holds.void(session, hold_id=hold.id)


def balances(person: str) -> Balances:
    with reading() as session:
        found = read_balances(session, user_id=person)
        assert all(check.holds for check in audit_ledger(session))
    assert found is not None
    return found


@pytest.fixture
def rich(person: str) -> str:
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(10), bonus_nanos=from_usd(1))
    return person


def test_a_hold_reserves_and_a_capture_charges_exactly_and_frees_the_rest(rich: str):
    hold = authorize(rich, from_usd(4))
    assert balances(rich).available_nanos == from_usd(7)
    capture(hold, 1_234_567)
    after = balances(rich)
    assert (after.posted_nanos, after.held_nanos, after.spent_nanos) == (from_usd(11) - 1_234_567, 0, 1_234_567)


def test_a_hold_above_what_is_available_is_refused_and_leaves_nothing(rich: str):
    authorize(rich, from_usd(6))
    with pytest.raises(InsufficientCredits):
        authorize(rich, from_usd(6), "hold:2")
    assert balances(rich).held_nanos == from_usd(6)
    with reading() as session:
        assert len(session.exec(select(Hold)).all()) == 1


def test_somebody_without_an_account_has_insufficient_credits(books):
    with pytest.raises(InsufficientCredits):
        authorize("usr_nobody", 1)


def test_the_same_hold_key_returns_the_same_hold(rich: str):
    assert authorize(rich, 5).id == authorize(rich, 5).id
    assert balances(rich).held_nanos == 5
    with pytest.raises(IdempotencyConflict):
        authorize(rich, 6)


def test_a_captured_hold_cannot_be_voided_or_captured_otherwise(rich: str):
    hold = authorize(rich, 100)
    entry = capture(hold, 40)
    assert capture(hold, 40) == entry
    with pytest.raises(HoldResolved) as refusal:
        capture(hold, 41)
    assert refusal.value.data == {"state": "captured", "captured_nanos": 40}
    with pytest.raises(HoldResolved):
        void(hold)
    assert balances(rich).spent_nanos == 40


def test_a_voided_hold_cannot_be_captured(rich: str):
    hold = authorize(rich, 100)
    void(hold)
    void(hold)
    with pytest.raises(HoldResolved):
        capture(hold, 1)
    assert balances(rich).available_nanos == from_usd(11)


def test_a_capture_above_the_hold_is_refused(rich: str):
    hold = authorize(rich, 100)
    with pytest.raises(ValueError, match="between nothing and the hold"):
        capture(hold, 101)


def test_an_expired_hold_frees_the_credit(rich: str):
    hold = authorize(rich, 100)
    with transaction() as session:
        holds.expire(session, hold_id=hold.id)
    assert balances(rich).available_nanos == from_usd(11)


def test_given_credit_is_spent_before_paid_credit_and_the_soonest_expiry_first(rich: str):
    with transaction() as session:
        grant(session, user_id=rich, reason="late", amount_nanos=from_usd(1), expires_at=now() + timedelta(days=90))
        grant(session, user_id=rich, reason="soon", amount_nanos=from_usd(1), expires_at=now() + timedelta(days=9))
    hold = authorize(rich, from_usd(4))
    capture(hold, from_usd(3) + 500)
    with reading() as session:
        remaining = {
            (lot.kind, lot.expires_at is not None): lot.remaining_nanos for lot in session.exec(select(CreditLot)).all()
        }
    assert remaining[("paid", False)] == from_usd(10) - 500
    assert remaining[("bonus", False)] == 0
    assert remaining[("promotional", True)] == 0
    balances(rich)


def test_debt_blocks_spending(rich: str):
    with transaction() as session:
        account = session.get_one(LedgerAccount, f"user:{rich}:debt")
        account.posted_nanos = -1
        session.add(account)
    with pytest.raises(InsufficientCredits):
        authorize(rich, 1)


def test_concurrent_holds_never_exceed_the_balance(rich: str):
    def attempt(number: int) -> bool:
        try:
            authorize(rich, from_usd(1), f"hold:{number}")
        except InsufficientCredits:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(50))) == 11
    assert balances(rich).available_nanos == 0


def test_a_capture_and_a_void_at_once_resolve_a_hold_once(rich: str):
    for number in range(20):
        hold = authorize(rich, 1000, f"hold:{number}")

        def settle(task, hold=hold):
            try:
                task(hold)
            except HoldResolved:
                return 0
            return 1

        with ThreadPoolExecutor(2) as threads:
            outcomes = list(threads.map(settle, [lambda h: capture(h, 10), void]))
        assert sum(outcomes) == 1
    assert balances(rich).held_nanos == 0
