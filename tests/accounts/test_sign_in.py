"""Signing up, in and out: who may, with what, for how long."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from projectloom import limits
from projectloom.accounts.models import User, UserSession
from projectloom.accounts.users import hash_password, normalise_email, verify_password
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import EmailTaken, InvalidCredentials, InvalidInput, TooManyRequests
from projectloom.ids import new_id
from projectloom.workspace import identity as identity_room
from projectloom.workspace.identity import Person, demo_sign_in, identify, sign_in, sign_out, sign_up

PASSWORD = "correct horse battery"


def fresh_email() -> str:
    return f"{new_id('p').lower()}@example.org"


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@example.",
        "a da@example.org",
        "ada@@example.org",
        "ada@example.org\x00",
        "ada\n@example.org",
        "ada@exam\ud800ple.org",
        "\udc00@example.org",
        "a" * 250 + "@example.org",
        "ada@example.org, eve@example.org",
    ],
    ids=repr,
)
def test_what_cannot_be_an_address_is_refused(email: str):
    with pytest.raises(InvalidInput):
        normalise_email(email)


def test_an_address_is_one_person_however_it_is_typed():
    assert normalise_email("  Ada@Example.ORG ") == "ada@example.org"
    assert normalise_email("zoë+credits@exämple.org") == "zoë+credits@exämple.org"


@pytest.mark.parametrize("password", ["", "1234567", "a" * (limits.MAX_PASSWORD_CHARS + 1), "half a pair \ud83e"])
def test_a_password_that_cannot_be_used_is_refused(password: str):
    with pytest.raises(InvalidInput):
        hash_password(password)
    with pytest.raises(InvalidCredentials):
        verify_password(hash_password(PASSWORD), password)


@pytest.mark.parametrize(
    "password", ["12345678", "пароль и ключ", "🧵" * limits.MAX_PASSWORD_CHARS, "nul\x00inside", " " * 8]
)
def test_any_text_of_a_fitting_length_is_a_password(password: str):
    hashed = hash_password(password)
    assert password not in hashed
    verify_password(hashed, password)
    with pytest.raises(InvalidCredentials):
        verify_password(hashed, password[:-1])


@pytest.mark.alone
def test_an_unknown_person_takes_as_long_as_a_wrong_password():
    hashed = hash_password(PASSWORD)

    def seconds(known: str | None) -> float:
        began = time.perf_counter()
        with pytest.raises(InvalidCredentials):
            verify_password(known, "something else")
        return time.perf_counter() - began

    seconds(None)  # the first one also makes the decoy
    unknown, wrong = min(seconds(None) for _ in range(3)), min(seconds(hashed) for _ in range(3))
    assert unknown > wrong / 3


def test_a_new_person_is_signed_in_with_accounts_at_zero(books):
    signed_in = sign_up(fresh_email(), PASSWORD)
    assert identify(signed_in.token) == signed_in.person
    assert signed_in.token not in repr(signed_in)
    with reading() as session:
        rows = session.connection().execute(text("SELECT posted_nanos FROM ledger_accounts WHERE user_id IS NOT NULL"))
        assert {row[0] for row in rows} == {0}
        (user,) = session.exec(select(User)).all()
        (kept,) = session.exec(select(UserSession)).all()
    assert PASSWORD not in (user.password_hash or "")
    assert signed_in.token not in kept.token_hash


def test_an_address_is_taken_once_also_by_two_at_the_same_moment(books):
    email = fresh_email()

    def attempt(_: int) -> bool:
        try:
            sign_up(email.upper(), PASSWORD)
        except EmailTaken:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]


def test_the_demonstration_button_pressed_by_several_at_once_signs_each_in(books):
    with ThreadPoolExecutor(4) as pool:
        signed_in = list(pool.map(lambda _: demo_sign_in(), range(4)))
    assert len({one.token for one in signed_in}) == 4
    assert len({one.person for one in signed_in}) == 1


def test_a_wrong_password_and_an_unknown_person_are_told_alike(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    messages = set()
    for address, password in ((email, "wrong password"), (fresh_email(), PASSWORD), (email, ""), (email, "\ud800")):
        with pytest.raises(InvalidCredentials) as refused:
            sign_in(address, password)
        messages.add(refused.value.message)
    assert len(messages) == 1
    assert sign_in(f" {email.upper()} ", PASSWORD).person.email == email


def test_who_has_no_password_cannot_sign_in_with_one(person: str):
    with reading() as session:
        email = session.get_one(User, person).email
    for password in ("", "None", PASSWORD):
        with pytest.raises(InvalidCredentials):
            sign_in(email, password)


def test_guessing_is_stopped_after_a_while_and_told_for_how_long(books):
    email = fresh_email()
    for _ in range(limits.FREE_TRIES):
        with pytest.raises(InvalidCredentials):
            sign_in(email, "\ud800")  # refused without the cost of hashing
    with pytest.raises(TooManyRequests) as refused:
        sign_in(email, PASSWORD)
    assert 0 < int(str(refused.value.data["retry_after"])) <= limits.SIGN_IN_WINDOW_SECONDS + 1


def test_a_session_ends_when_its_time_is_over(books):
    signed_in = sign_up(fresh_email(), PASSWORD)
    with transaction() as session:
        session.connection().execute(update(UserSession).values({col(UserSession.expires_at): now()}))
    assert identify(signed_in.token) is None


def test_a_new_session_lasts_as_long_as_is_said(books):
    sign_up(fresh_email(), PASSWORD)
    with reading() as session:
        kept = session.exec(select(UserSession)).one()
    assert kept.expires_at - kept.created_at == timedelta(days=limits.SESSION_DAYS)


def test_signing_out_ends_one_session_at_once_and_leaves_the_others(books):
    email = fresh_email()
    first, second = sign_up(email, PASSWORD), sign_in(email, PASSWORD)
    assert identify(first.token) == first.person  # remembered for a moment
    sign_out(first.token)
    assert identify(first.token) is None
    assert identify(second.token) == Person(first.person.user_id, email)
    for token in (first.token, None, "", "never issued", "\ud800"):
        sign_out(token)


@pytest.mark.parametrize(
    "token", [None, "", "x", "x" * 100_000, "\x00", "\ud800", "é", "' OR 1=1 --"], ids=lambda t: repr(t)[:12]
)
def test_what_is_no_token_is_nobody(books, token: str | None):
    assert identify(token) is None


def test_nobody_can_give_the_demonstration_account_a_password(books):
    with pytest.raises(EmailTaken):
        sign_up("Demo@ProjectLoom.example", PASSWORD)


def test_a_session_that_was_read_before_it_ended_is_not_known_after(books):
    signed_in = sign_up(fresh_email(), PASSWORD)
    sign_out(signed_in.token)
    identity_room._known.put(signed_in.token, signed_in.person)
    assert identify(signed_in.token) is None
