"""Giving credit and taking it back: once, with a reason, never what was bought, and always written down."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select

from projectloom.belongings.deleting import delete_everything
from projectloom.billing.balance import read_balance, read_lots
from projectloom.billing.statement import read_statement
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import IdempotencyConflict, InvalidAmount, InvalidInput, NotFound, NotRevocable
from projectloom.jobs.audit import report, run_audit
from projectloom.ledger import holds
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.models import JournalEntry, LotKind
from projectloom.money import from_usd
from projectloom.operating.actions import read_actions
from projectloom.operating.credit import grant_credit, revoke_credit
from projectloom.workspace.identity import Person, sign_up
from tests.conftest import new_person


def posted(person: str) -> int:
    return read_balance(person).posted_nanos


def lot_of(person: str, kind: LotKind) -> str:
    return next(lot.id for lot in read_lots(person) if lot.kind == kind)


def hold(person: str, nanos: int) -> str:
    with transaction() as session:
        return holds.authorize(
            session,
            user_id=person,
            amount_nanos=nanos,
            idempotency_key=f"hold:{person}:{nanos}",
            cause="turn",
            expires_at=now() + timedelta(hours=1),
        ).id


def test_a_grant_is_given_once_however_often_it_is_pressed_and_each_press_stands_there(operator: Person, person: str):
    first = grant_credit(operator, person, 5, reason="  Sorry for\nthe outage ")
    second = grant_credit(operator, person, 5, reason="Sorry for the outage")
    assert posted(person) == from_usd(5)
    assert first.entry_id == second.entry_id
    assert (first.words, second.words) == (
        "$5.00 was given, for ever.",
        "Nothing was added: it was given for this reason before.",
    )
    lines = read_actions(user_id=person)
    assert [(line.operator, line.action, line.reason, line.details, line.entry_id) for line in lines] == [
        (operator.email, "grant", "Sorry for the outage", done.words, first.entry_id) for done in (second, first)
    ]
    run_and_assert()


def test_many_presses_at_once_give_once(operator: Person, person: str):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: grant_credit(operator, person, 5, reason="Sorry"), range(8)))
    assert posted(person) == from_usd(5)
    assert len(read_actions(user_id=person)) == 8
    run_and_assert()


def test_another_amount_for_the_same_reason_is_refused_and_nothing_is_written_down(operator: Person, person: str):
    grant_credit(operator, person, 5, reason="Sorry")
    with pytest.raises(IdempotencyConflict, match="Choose another reason"):
        grant_credit(operator, person, 6, reason="Sorry")
    assert posted(person) == from_usd(5)
    assert len(read_actions()) == 1


@pytest.mark.parametrize(
    ("dollars", "reason", "days", "error"),
    [
        (5, "  ", None, InvalidInput),
        (5, "x" * 201, None, InvalidInput),
        (5, "half a \ud800", None, InvalidInput),
        (5, "sign_up", None, InvalidInput),
        (5, "code:SPRING", None, InvalidInput),
        (0, "Sorry", None, InvalidAmount),
        (-5, "Sorry", None, InvalidAmount),
        (10_001, "Sorry", None, InvalidAmount),
        (5, "Sorry", 0, InvalidAmount),
    ],
)
def test_what_cannot_be_given_is_refused_and_leaves_no_trace(operator, person, dollars, reason, days, error):
    with pytest.raises(error):
        grant_credit(operator, person, dollars, reason=reason, days=days)
    assert posted(person) == 0
    assert read_actions() == []


async def test_nobody_who_is_not_there_or_has_left_is_given_anything(operator: Person):
    with pytest.raises(NotFound):
        grant_credit(operator, "usr_nobody", 5, reason="Sorry")
    left = sign_up("leaver@example.org", "correct horse battery").person
    await delete_everything(left.user_id, left.email)
    with pytest.raises(NotFound):
        grant_credit(operator, left.user_id, 5, reason="Sorry")


def test_what_is_left_of_a_grant_is_taken_back_once_and_the_statement_says_so(operator: Person, person: str):
    grant_credit(operator, person, 5, reason="Sorry", days=30)
    lot_id = lot_of(person, LotKind.PROMOTIONAL)
    done = revoke_credit(operator, person, lot_id, reason="Wrong person")
    again = revoke_credit(operator, person, lot_id, reason="Wrong person")
    assert (done.words, again.words) == ("$5.00 was taken back.", "Nothing was left to take back.")
    assert again.entry_id is None
    assert posted(person) == 0
    newest = read_statement(person)[0]
    assert (newest.label, newest.amount_nanos, newest.cause) == ("Given credit taken back", -from_usd(5), lot_id)
    run_and_assert()


def test_two_who_take_back_at_once_take_it_once(operator: Person, person: str):
    grant_credit(operator, person, 5, reason="Sorry")
    lot_id = lot_of(person, LotKind.PROMOTIONAL)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: revoke_credit(operator, person, lot_id, reason="Wrong"), range(4)))
    assert sum(one.entry_id is not None for one in done) == 1
    assert posted(person) == 0
    run_and_assert()


def test_neither_bought_credit_nor_the_bonus_of_a_purchase_is_taken_back(operator: Person, person: str):
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(25), bonus_nanos=from_usd(2))
    for kind in (LotKind.PAID, LotKind.BONUS):
        with pytest.raises(NotRevocable):
            revoke_credit(operator, person, lot_of(person, kind), reason="Fraud")
    assert posted(person) == from_usd(27)
    assert read_actions() == []


def test_credit_that_a_running_reply_was_promised_stays_so_that_it_spends_no_more_of_what_was_bought(
    operator: Person, person: str
):
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(10), bonus_nanos=0)
        grant(session, user_id=person, reason="gift", amount_nanos=from_usd(5))
    hold_id = hold(person, from_usd(3))
    lot_id = lot_of(person, LotKind.PROMOTIONAL)
    assert revoke_credit(operator, person, lot_id, reason="Wrong").words == (
        "$2.00 was taken back. $3.00 stays: a running reply may spend it."
    )
    assert revoke_credit(operator, person, lot_id, reason="Wrong").words == (
        "Nothing was taken back. $3.00 stays: a running reply may spend it."
    )
    with transaction() as session:
        holds.capture(session, hold_id=hold_id, amount_nanos=from_usd(1))
    assert revoke_credit(operator, person, lot_id, reason="Wrong").words == "$2.00 was taken back."
    assert [(lot.kind, lot.left_nanos) for lot in read_lots(person)] == [("paid", from_usd(10))]


def test_nothing_of_another_persons_is_taken_back(operator: Person, person: str):
    other = new_person()
    grant_credit(operator, other, 5, reason="Sorry")
    for lot_id in (lot_of(other, LotKind.PROMOTIONAL), "lot_nothing"):
        with pytest.raises(NotFound):
            revoke_credit(operator, person, lot_id, reason="Wrong")
    assert posted(other) == from_usd(5)


def test_an_action_that_cannot_be_written_down_is_not_done(operator: Person, person: str, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr("projectloom.operating.credit.note", broken)
    with pytest.raises(RuntimeError):
        grant_credit(operator, person, 5, reason="Sorry")
    with reading() as session:
        assert session.exec(select(JournalEntry)).all() == []


def test_the_record_is_read_page_by_page(operator: Person, person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("projectloom.limits.ACTIONS_PAGE", 2)
    for number in range(5):
        grant_credit(operator, person, 1, reason=f"Gift {number}")
    seen, before = [], None
    while page := read_actions(before=before):
        seen += [line.reason for line in page]
        before = page[-1].id
    assert seen == [f"Gift {number}" for number in (4, 3, 2, 1, 0)]


def run_and_assert() -> None:
    checks = run_audit(full=True)
    assert all(check.holds for check in checks), report(checks)
