"""Clerk's people and ours: one row a person, one welcome a person, and nobody who was deleted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from projectloom.accounts.api_keys import EVERYTHING, KeyLimits, create_api_key
from projectloom.accounts.models import ApiKey, User
from projectloom.accounts.users import create_user, email_of
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import Forbidden, NotFound, SignInUnavailable, TooManyRequests
from projectloom.ids import new_id
from projectloom.ledger.accounts import open_accounts, read_balances
from projectloom.workspace.identity import demo_sign_in, identify, sign_in, sign_up
from projectloom.workspace.preferences import provider_keys, save_provider_key
from tests.clerk.conftest import HERE
from tests.clerk_double import ClerkDouble
from tests.conftest import forget_settings


@pytest.fixture(autouse=True)
def _with_a_welcome(books, clerk: ClerkDouble, monkeypatch):
    monkeypatch.setenv("SIGN_UP_BONUS_USD", "3")
    forget_settings()


def someone(clerk: ClerkDouble, email: str | None = None, **known) -> str:
    clerk_id = new_id("user")
    clerk.join(clerk_id, email, **known)
    return clerk_id


def person_of(clerk: ClerkDouble, clerk_id: str) -> User:
    found = identify(clerk.token(clerk_id, HERE))
    assert found is not None
    with reading() as session:
        return session.get_one(User, found.user_id)


def credit(user_id: str) -> int:
    with reading() as session:
        balances = read_balances(session, user_id=user_id)
    assert balances is not None
    return balances.posted_nanos


def test_somebody_new_gets_an_account_with_the_welcome_credit_once_also_at_the_same_moment(clerk: ClerkDouble):
    clerk_id = someone(clerk, "Ada@Example.org")
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: identify(clerk.token(clerk_id, HERE, sid=str(number))), range(12)))
    assert len({one.user_id for one in found if one}) == 1
    user = person_of(clerk, clerk_id)
    assert (user.email, user.clerk_id, user.password_hash) == ("ada@example.org", clerk_id, None)
    assert user.email_confirmed_at is not None
    assert credit(user.id) == 3_000_000_000


def test_only_so_many_new_people_come_by_clerk_in_a_while_and_who_is_known_still_does(clerk: ClerkDouble, monkeypatch):
    monkeypatch.setenv("RATE_SIGN_UP_ALL", "1/hour")
    forget_settings()
    known, new = someone(clerk, "ada@example.org"), someone(clerk, "eve@example.org")
    ada = person_of(clerk, known)
    with pytest.raises(TooManyRequests):
        identify(clerk.token(new, HERE))
    assert person_of(clerk, known).id == ada.id
    with reading() as session:
        assert len(session.exec(select(User)).all()) == 1


def test_each_of_clerk_s_people_is_another_person_of_ours(clerk: ClerkDouble):
    ada, eve = (person_of(clerk, someone(clerk, f"{name}@example.org")) for name in ("ada", "eve"))
    assert ada.id != eve.id


def test_who_has_no_address_is_a_person_to_whom_no_mail_is_sent(clerk: ClerkDouble):
    one, other = person_of(clerk, someone(clerk)), person_of(clerk, someone(clerk))
    assert one.id != other.id
    with reading() as session:
        assert email_of(session, user_id=one.id) is None


def test_who_signed_up_here_before_keeps_their_account_when_the_address_is_theirs(clerk: ClerkDouble):
    with transaction() as session:
        old = create_user(session, email="ada@example.org", password_hash="hash")
        open_accounts(session, user_id=old.id)
        create_api_key(session, user_id=old.id, name="Mine", allowed=KeyLimits(), scopes=EVERYTHING)
        session.get_one(User, old.id).email_confirmed_at = now()
    user = person_of(clerk, someone(clerk, "ada@example.org"))
    assert (user.id, user.password_hash, credit(user.id)) == (old.id, "hash", 0)
    with reading() as session:
        assert session.exec(select(ApiKey.revoked_at)).one() is None


def test_an_account_that_somebody_else_may_have_made_for_the_address_loses_every_way_in(clerk: ClerkDouble):
    with transaction() as session:
        old = create_user(session, email="ada@example.org", password_hash="the password of somebody else")
        open_accounts(session, user_id=old.id)
        create_api_key(session, user_id=old.id, name="Theirs", allowed=KeyLimits(), scopes=EVERYTHING)
    save_provider_key(old.id, "openai", "sk-proj-of-somebody-else")
    user = person_of(clerk, someone(clerk, "ada@example.org"))
    assert (user.id, user.password_hash) == (old.id, None)
    assert user.email_confirmed_at is not None
    with reading() as session:
        assert session.exec(select(ApiKey.revoked_at)).one() is not None
    assert provider_keys(user.id) == []


def test_an_address_that_clerk_has_not_confirmed_opens_nobody_s_account(clerk: ClerkDouble):
    with transaction() as session:
        old = create_user(session, email="ada@example.org", password_hash=None)
        open_accounts(session, user_id=old.id)
    user = person_of(clerk, someone(clerk, "ada@example.org", verified=False))
    assert user.id != old.id
    assert user.email != "ada@example.org"
    assert user.email_confirmed_at is None
    # Nor is an account taken over that another of Clerk's people has.
    taken = person_of(clerk, someone(clerk, "eve@example.org"))
    assert person_of(clerk, someone(clerk, "eve@example.org")).id != taken.id


def test_whom_clerk_does_not_know_is_nobody(clerk: ClerkDouble):
    assert identify(clerk.token("user_gone", HERE)) is None
    with reading() as session:
        assert session.exec(select(User)).all() == []


def test_while_clerk_cannot_be_asked_who_is_known_goes_on_and_who_is_new_is_told_to_wait(clerk: ClerkDouble):
    known, new = someone(clerk, "ada@example.org"), someone(clerk, "eve@example.org")
    ada = person_of(clerk, known)
    clerk.down = True
    assert person_of(clerk, known).id == ada.id
    with pytest.raises(SignInUnavailable):
        identify(clerk.token(new, HERE))


def test_local_accounts_are_off_where_clerk_is_on(clerk: ClerkDouble, monkeypatch):
    for attempt in (sign_up, sign_in):
        with pytest.raises(Forbidden):
            attempt("ada@example.org", "correct horse battery")
    with pytest.raises(NotFound):
        demo_sign_in()
    for name in clerk.environment:
        monkeypatch.delenv(name)
    forget_settings()
    token = sign_up("ada@example.org", "correct horse battery").token
    for name, value in clerk.environment.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    assert identify(token) is None
