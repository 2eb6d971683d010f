import pytest

from projectloom.db import reading, transaction
from projectloom.errors import IdempotencyConflict
from projectloom.ledger.accounts import Balances, read_balances
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.journal import Line, post_entry
from projectloom.ledger.models import EntryKind
from projectloom.money import from_usd

PAID, BONUS = from_usd(25), from_usd(2)


def balances(person: str) -> Balances:
    with reading() as session:
        found = read_balances(session, user_id=person)
    assert found is not None
    return found


def test_a_top_up_adds_what_was_paid_and_the_bonus(person: str):
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=PAID, bonus_nanos=BONUS)
    assert balances(person).available_nanos == from_usd(27)
    with reading() as session:
        assert all(check.holds for check in audit_ledger(session))


def test_the_same_order_is_credited_once_however_often_it_is_asked(person: str):
    entries = set()
    for _ in range(3):
        with transaction() as session:
            posted = top_up(session, user_id=person, order_id="ord_1", paid_nanos=PAID, bonus_nanos=BONUS)
            entries.add(posted.entry_id)
    assert len(entries) == 1
    assert balances(person).posted_nanos == from_usd(27)


def test_the_same_key_with_other_input_is_a_conflict_and_changes_nothing(person: str):
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=PAID, bonus_nanos=BONUS)
    with pytest.raises(IdempotencyConflict), transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(100), bonus_nanos=0)
    assert balances(person).posted_nanos == from_usd(27)


def test_a_top_up_opens_a_missing_account(books):
    with transaction() as session:
        top_up(session, user_id="usr_new", order_id="ord_1", paid_nanos=PAID, bonus_nanos=0)
    assert balances("usr_new").posted_nanos == PAID


def test_a_grant_is_made_once_for_its_reason(person: str):
    for _ in range(2):
        with transaction() as session:
            grant(session, user_id=person, reason="welcome", amount_nanos=from_usd(1))
    assert balances(person).posted_nanos == from_usd(1)


def test_an_entry_that_does_not_balance_is_refused(person: str):
    with pytest.raises(ValueError, match="sum to zero"), transaction() as session:
        post_entry(
            session,
            kind=EntryKind.GRANT,
            idempotency_key="k",
            cause="c",
            lines=(Line(f"user:{person}:credits", 5), Line("platform:promotions", -4)),
        )
