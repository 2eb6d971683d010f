"""What everybody is given who makes an account: what the operator said, once, with the account or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import func, select

from projectloom.accounts.models import User
from projectloom.billing.balance import read_balance
from projectloom.billing.statement import read_statement
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.errors import EmailTaken, LoomError
from projectloom.ids import new_id
from projectloom.jobs.audit import run_audit
from projectloom.ledger.models import CreditLot
from projectloom.money import usd_string
from projectloom.state.movements import movement_rows
from projectloom.workspace.identity import demo_sign_in, sign_in, sign_up

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _sound_books(books) -> Iterator[None]:
    yield
    assert [(check.name, check.offenders) for check in run_audit() if not check.holds] == []


def bonus(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"SIGN_UP_BONUS_{name}", value)
    settings.cache_clear()


def fresh_email() -> str:
    return f"{new_id('p').lower()}@example.org"


def balance(user_id: str) -> str:
    return usd_string(read_balance(user_id).posted_nanos)


def lots() -> list[CreditLot]:
    with reading() as session:
        return list(session.exec(select(CreditLot)).all())


def test_without_a_bonus_nobody_is_given_anything():
    assert balance(sign_up(fresh_email(), PASSWORD).person.user_id) == "0.00"
    assert balance(demo_sign_in().person.user_id) == "0.00"
    assert lots() == []


def test_a_new_person_has_the_bonus_once_and_the_statement_says_what_it_is(monkeypatch: pytest.MonkeyPatch):
    bonus(monkeypatch, USD="2.5", DAYS="30")
    email = fresh_email()
    person = sign_up(email, PASSWORD).person
    sign_in(email, PASSWORD)
    with pytest.raises(EmailTaken):
        sign_up(email, PASSWORD)
    assert balance(person.user_id) == "2.50"
    (lot,) = lots()
    assert lot.expires_at is not None
    assert timedelta(days=30) - timedelta(minutes=1) < lot.expires_at - now() <= timedelta(days=30)
    (row,) = movement_rows(read_statement(person.user_id), {})
    assert (row.label, row.amount) == ("Welcome credit", "+$2.50")


def test_a_bonus_without_days_never_expires(monkeypatch: pytest.MonkeyPatch):
    bonus(monkeypatch, USD="0.01")
    assert balance(sign_up(fresh_email(), PASSWORD).person.user_id) == "0.01"
    assert [lot.expires_at for lot in lots()] == [None]


def test_one_address_at_the_same_moment_has_one_bonus_and_so_has_the_demonstration(monkeypatch: pytest.MonkeyPatch):
    bonus(monkeypatch, USD="3")
    email = fresh_email()

    def attempt(_: int) -> str | None:
        try:
            return sign_up(email, PASSWORD).person.user_id
        except EmailTaken:
            return None

    with ThreadPoolExecutor(4) as pool:
        (user_id,) = [found for found in pool.map(attempt, range(4)) if found]
        demo = {signed_in.person.user_id for signed_in in pool.map(lambda _: demo_sign_in(), range(4))}
    assert balance(user_id) == "3.00"
    assert [balance(demo_id) for demo_id in demo] == ["3.00"]
    assert len(lots()) == 2


def test_a_bonus_that_was_raised_later_is_for_new_people_only(monkeypatch: pytest.MonkeyPatch):
    early = demo_sign_in().person.user_id
    bonus(monkeypatch, USD="3")
    assert demo_sign_in().person.user_id == early
    assert balance(early) == "0.00"


def test_an_account_without_its_bonus_is_not_made(monkeypatch: pytest.MonkeyPatch):
    bonus(monkeypatch, USD="3")
    _rename("credit_lots", "away")
    with pytest.raises((LoomError, SQLAlchemyError)):
        sign_up(fresh_email(), PASSWORD)
    _rename("away", "credit_lots")
    with reading() as session:
        assert session.exec(select(func.count()).select_from(User)).one() == 0


def _rename(table: str, name: str) -> None:
    with transaction() as session:
        session.connection().execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
