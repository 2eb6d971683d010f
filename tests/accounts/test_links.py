"""Links in mails: they open once, for a while, for whoever reads the mails, and tell nobody anything else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from projectloom import limits
from projectloom.accounts.models import MailedLink, User
from projectloom.accounts.users import hash_password
from projectloom.accounts.waits import forget_account_waits
from projectloom.billing.mailer import send_due_mails
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import (
    AccountUnproven,
    EmailUnconfirmed,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    LinkOver,
    TooManyRequests,
)
from projectloom.ids import new_id
from projectloom.mails import post
from projectloom.mails.models import MailKind, MailOut
from projectloom.workspace import profile
from projectloom.workspace.account_links import ask_reset, can_reset, confirm_email, reset_password, send_confirmation
from projectloom.workspace.api_keys import create_key, identify_key, my_keys, remembered_caller
from projectloom.workspace.identity import DEMO_EMAIL, demo_sign_in, identify, sign_in, sign_out, sign_up
from projectloom.workspace.preferences import provider_keys, read_preferences, save_provider_key, set_api_key_mode
from projectloom.workspace.profile import change_password
from tests.conftest import forget_settings

PASSWORD = "correct horse battery"
NEW = "another good password"


@pytest.fixture
def ada(books) -> str:
    """Somebody who signed up; their e-mail."""
    email = f"{new_id('p').lower()}@example.org"
    sign_up(email, PASSWORD)
    return email


def user_of(email: str) -> User:
    with reading() as session:
        return session.exec(select(User).where(User.email == email)).one()


def mails(kind: MailKind) -> list[MailOut]:
    with reading() as session:
        return list(session.exec(select(MailOut).where(MailOut.kind == kind).order_by(col(MailOut.id))).all())


def secret_in(mail: MailOut) -> str:
    (address,) = [line for line in mail.body.splitlines() if line.startswith("http")]
    page, _, secret = address.partition("#")  # what stands behind it no server is sent
    assert page in ("http://localhost:3000/reset-password", "http://localhost:3000/confirm-email")
    return secret


def reset_secret(email: str) -> str:
    ask_reset(email)
    return secret_in(mails(MailKind.RESET_PASSWORD)[-1])


def test_a_forgotten_password_is_replaced_once_and_every_session_ends(ada: str):
    sessions = [sign_in(ada, PASSWORD), sign_in(ada, PASSWORD)]
    secret = reset_secret(ada)
    reset_password(secret, NEW)
    assert [identify(one.token) for one in sessions] == [None, None]
    with pytest.raises(InvalidCredentials):
        sign_in(ada, PASSWORD)
    assert sign_in(ada, NEW).person.email == ada
    with pytest.raises(LinkOver):
        reset_password(secret, "a third password")
    assert user_of(ada).email_confirmed_at is not None  # only who reads the mails could do it
    assert len(mails(MailKind.PASSWORD_CHANGED)) == 1


def test_a_link_ends_after_its_time(ada: str):
    secret = reset_secret(ada)
    with transaction() as session:
        session.connection().execute(update(MailedLink).values({col(MailedLink.expires_at): now()}))
    with pytest.raises(LinkOver):
        reset_password(secret, NEW)
    assert sign_in(ada, PASSWORD)


def test_links_last_as_long_as_their_mails_say(ada: str):
    reset_secret(ada)
    send_confirmation(user_of(ada).id)
    with reading() as session:
        lasting = {row.purpose: row.expires_at - row.created_at for row in session.exec(select(MailedLink)).all()}
    assert lasting == {"reset": timedelta(hours=1), "confirm": timedelta(days=2)}


def test_a_later_link_ends_the_earlier_one(ada: str):
    first, second = reset_secret(ada), reset_secret(ada)
    with pytest.raises(LinkOver):
        reset_password(first, NEW)
    reset_password(second, NEW)


def test_a_link_opens_only_what_it_is_for_and_no_other_text_opens_anything(ada: str):
    secret = reset_secret(ada)
    with pytest.raises(LinkOver):
        confirm_email(secret)
    for other in ("", "x", secret[:-1], secret + "x", "é", "\x00", "\ud800"):
        with pytest.raises(LinkOver):
            reset_password(other, NEW)
    reset_password(secret, NEW)


def test_a_password_that_cannot_be_used_leaves_the_link_as_it_is(ada: str):
    secret = reset_secret(ada)
    with pytest.raises(InvalidInput):
        reset_password(secret, "short")
    reset_password(secret, NEW)


def test_who_has_no_account_is_sent_nothing_and_answered_alike(books):
    assert can_reset(" Nobody@Example.org ") == "nobody@example.org"
    ask_reset("nobody@example.org")
    demo_sign_in()
    ask_reset(DEMO_EMAIL)
    assert mails(MailKind.RESET_PASSWORD) == []


def test_nobody_is_flooded_with_links(ada: str):
    for _ in range(limits.LINKS_AN_HOUR + 3):
        ask_reset(ada)
    assert len(mails(MailKind.RESET_PASSWORD)) == limits.LINKS_AN_HOUR


def test_only_a_hash_of_a_secret_is_kept_and_the_mail_s_words_go_once_it_is_sent(ada: str, monkeypatch):
    secret = reset_secret(ada)
    with reading() as session:
        (link,) = session.exec(select(MailedLink)).all()
    assert secret not in repr(link)
    sent: list[str] = []
    monkeypatch.setattr("projectloom.billing.mailer.post_mail", lambda mail: sent.append(mail.body))
    send_due_mails()
    assert [secret in body for body in sent] == [True]
    (mail,) = mails(MailKind.RESET_PASSWORD)
    assert (mail.body, mail.sent_at is not None) == ("", True)
    assert post  # the way out itself is tested elsewhere
    reset_password(secret, NEW)


def test_a_changed_password_ends_links_too_and_is_told(ada: str):
    secret = reset_secret(ada)
    signed_in = sign_in(ada, PASSWORD)
    change_password(signed_in.person.user_id, signed_in.token, old=PASSWORD, new=NEW)
    with pytest.raises(LinkOver):
        reset_password(secret, "a third password")
    (told,) = mails(MailKind.PASSWORD_CHANGED)
    assert told.to == ada
    assert NEW not in told.body


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done by others while the next new password of the settings is hashed."""

    def slowly(password: str) -> str:
        act()
        return hash_password(password)

    monkeypatch.setattr(profile, "hash_password", slowly)


def test_who_changes_a_password_with_the_old_one_does_not_undo_a_reset_that_comes_between(ada: str, monkeypatch):
    secret, thief = reset_secret(ada), sign_in(ada, PASSWORD)
    meanwhile(monkeypatch, lambda: reset_password(secret, NEW))
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        change_password(thief.person.user_id, thief.token, old=PASSWORD, new="the thief's password")
    assert sign_in(ada, NEW).person.email == ada
    assert len(mails(MailKind.PASSWORD_CHANGED)) == 1  # of the reset; nothing tells of what was refused


def test_a_session_that_ended_meanwhile_changes_no_password(ada: str, monkeypatch):
    thief = sign_in(ada, PASSWORD)
    meanwhile(monkeypatch, lambda: sign_out(thief.token))
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        change_password(thief.person.user_id, thief.token, old=PASSWORD, new="the thief's password")
    assert sign_in(ada, PASSWORD).person.email == ada


def test_an_address_is_confirmed_by_its_link_and_no_further_one_is_sent(ada: str):
    user = user_of(ada)
    assert send_confirmation(user.id)
    secret = secret_in(mails(MailKind.CONFIRM_EMAIL)[-1])
    person = sign_in(ada, PASSWORD).person
    assert confirm_email(secret, person=person) == ada
    assert user_of(ada).email_confirmed_at is not None
    with pytest.raises(LinkOver):
        confirm_email(secret, person=person)
    assert not send_confirmation(user.id)


def test_who_reads_the_mails_of_an_address_does_not_confirm_an_account_that_somebody_else_made_with_it(ada: str):
    send_confirmation(user_of(ada).id)
    secret = secret_in(mails(MailKind.CONFIRM_EMAIL)[-1])
    other = sign_up(f"{new_id('p').lower()}@example.org", PASSWORD).person
    for person in (None, other):
        with pytest.raises(AccountUnproven):
            confirm_email(secret, person=person)
        for _ in range(2):
            with pytest.raises(InvalidCredentials):
                confirm_email(secret, person=person, password="what others do not know")
    with pytest.raises(InvalidCredentials):
        confirm_email(secret, password="\ud800")
    with pytest.raises(TooManyRequests):
        confirm_email(secret, password=PASSWORD)
    assert user_of(ada).email_confirmed_at is None
    # The link is still good for whoever made the account and reads the mails.
    with transaction() as session:
        forget_account_waits(session, email=ada)
    assert confirm_email(secret, person=other, password=PASSWORD) == ada


def test_a_link_to_an_address_that_is_theirs_no_more_confirms_nothing(ada: str):
    user = user_of(ada)
    send_confirmation(user.id)
    secret = secret_in(mails(MailKind.CONFIRM_EMAIL)[-1])
    with transaction() as session:
        session.connection().execute(update(User).values({col(User.email): "new@example.org"}))
    with pytest.raises(LinkOver):
        confirm_email(secret)
    assert user_of("new@example.org").email_confirmed_at is None


def test_where_no_mails_are_sent_a_reset_is_refused_in_words(books, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")  # no sandbox, and no mail server
    forget_settings()
    with pytest.raises(Forbidden):
        can_reset("ada@example.org")


def test_where_signing_in_waits_for_it_a_new_person_confirms_first(books, monkeypatch):
    monkeypatch.setenv("CONFIRM_EMAIL", "sign_in")
    forget_settings()
    email = f"{new_id('p').lower()}@example.org"
    with pytest.raises(EmailUnconfirmed):
        sign_up(email, PASSWORD)
    with pytest.raises(EmailUnconfirmed):
        sign_in(email, PASSWORD)
    with pytest.raises(InvalidCredentials):
        sign_in(email, "not theirs")  # of whom nothing is told to who does not know the password
    confirm_email(secret_in(mails(MailKind.CONFIRM_EMAIL)[-1]), password=PASSWORD)
    assert sign_in(email, PASSWORD).person.confirmed


def test_a_crowd_of_wrong_passwords_is_ended_by_a_reset(ada: str):
    for _ in range(limits.FREE_TRIES):
        with pytest.raises(InvalidCredentials):
            sign_in(ada, "\ud800")
    with pytest.raises(TooManyRequests):
        sign_in(ada, PASSWORD)
    reset_password(reset_secret(ada), NEW)
    assert sign_in(ada, NEW)


def a_way_in_for_programs_and_a_provider_key(user_id: str) -> str:
    """The secret of an access key, in an account that also pays by a provider key."""
    secret = create_key(user_id, "Mine").secret
    save_provider_key(user_id, "openai", "sk-proj-somebody-s-own")
    set_api_key_mode(user_id, "credits")
    assert identify_key(secret)
    return secret


def test_a_reset_ends_access_keys_at_once_and_keeps_provider_keys_of_a_confirmed_address(ada: str):
    reset_password(reset_secret(ada), NEW)
    user = user_of(ada)
    secret = a_way_in_for_programs_and_a_provider_key(user.id)
    reset_password(reset_secret(ada), "a third password")
    assert (remembered_caller(secret), identify_key(secret), my_keys(user.id)) == (None, None, [])
    assert [one.provider for one in provider_keys(user.id)] == ["openai"]
    assert read_preferences(user.id).api_key_mode == "credits"
    assert "access keys were revoked.\n" in mails(MailKind.PASSWORD_CHANGED)[-1].body


def test_a_reset_takes_all_from_whoever_made_an_account_with_the_address_of_somebody_else(ada: str):
    user = user_of(ada)
    secret = a_way_in_for_programs_and_a_provider_key(user.id)
    send_confirmation(user.id)
    reset_password(reset_secret(ada), NEW)
    assert (identify_key(secret), my_keys(user.id), provider_keys(user.id)) == (None, [], [])
    assert read_preferences(user.id).api_key_mode == "credits"
    assert "Provider keys that were kept in it were deleted" in mails(MailKind.PASSWORD_CHANGED)[-1].body
