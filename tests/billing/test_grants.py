"""Credit that the operator gives by hand."""

import pytest
from sqlmodel import select

from projectloom.accounts.models import User
from projectloom.billing.balance import read_balance
from projectloom.billing.grants import give
from projectloom.db import reading
from projectloom.errors import IdempotencyConflict, InvalidAmount, InvalidInput, NotFound
from projectloom.money import from_usd


def email_of(person: str) -> str:
    with reading() as session:
        return session.exec(select(User.email).where(User.id == person)).one()


def test_a_grant_is_given_once_for_its_reason(person: str):
    email = email_of(person)
    assert "nothing was added" not in give(email, 5, reason="sorry")
    assert "nothing was added" in give(email, 5, reason="sorry")
    with pytest.raises(IdempotencyConflict):
        give(email, 6, reason="sorry")
    assert read_balance(person).posted_nanos == from_usd(5)


@pytest.mark.parametrize("reason", ["sign_up", "code:SPRING-2027"])
def test_reasons_of_the_server_s_own_are_refused(person: str, reason: str):
    with pytest.raises(InvalidInput):
        give(email_of(person), 5, reason=reason)
    assert read_balance(person).posted_nanos == 0


@pytest.mark.parametrize(("dollars", "days"), [(0, None), (-1, None), (10_001, None), (5, 0), (5, 10**9)])
def test_odd_amounts_and_days_give_nothing(person: str, dollars: int, days: int | None):
    with pytest.raises(InvalidAmount):
        give(email_of(person), dollars, reason="odd", days=days)
    assert read_balance(person).posted_nanos == 0


def test_nobody_is_given_anything_by_an_unknown_e_mail(person: str):
    with pytest.raises(NotFound):
        give("nobody@example.org", 5, reason="lost")
