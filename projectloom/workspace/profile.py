"""A person's password and where they are signed in."""

from dataclasses import dataclass
from datetime import datetime

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.accounts.links import end_links
from projectloom.accounts.models import User, UserSession
from projectloom.accounts.users import (
    close_sessions,
    hash_password,
    list_sessions,
    lock_user,
    token_hash,
    verify_password,
)
from projectloom.db import reading, transaction
from projectloom.errors import InvalidCredentials, InvalidInput, NotFound
from projectloom.workspace.account_mails import tell_password_changed

# Enough of a hash of 256 random bits to name one session among a person's, and of no use to anybody.
_ID_CHARS = 16


@dataclass(frozen=True, slots=True)
class SessionView:
    """One place where the person is signed in."""

    id: str
    device: str
    created_at: datetime
    current: bool
    """It is the one that asks."""


def has_password(user_id: str) -> bool:
    """Whether the person signs in with a password of their own."""
    with reading() as session:
        person = session.get(User, user_id)
        return person is not None and person.password_hash is not None


def change_password(user_id: str, token: str, *, old: str, new: str) -> None:
    """Give the person another password, and end their sessions but the one that asks. Slow on purpose.

    Raises:
        InvalidInput: the new one is too short or too long, or the old one is not theirs, or no more by the time that
            the new one is written, or the session that asks has ended by then.
        TooManyRequests: too many attempts.
    """
    _attempts.count(user_id)
    with reading() as session:
        person = session.get(User, user_id)
        known = None if person is None else person.password_hash
    try:
        verify_password(known, old)
    except InvalidCredentials:
        raise _not_right() from None
    hashed = hash_password(new)
    with transaction() as session:
        changed = lock_user(session, user_id=user_id, token=token)
        if changed is None or changed.password_hash != known:
            # It was replaced meanwhile, or the session ended: whoever did that may be keeping out the one who asks.
            raise _not_right()
        changed.password_hash = hashed
        session.add(changed)
        close_sessions(session, user_id=user_id, besides=token)
        end_links(session, user_id=user_id)
        tell_password_changed(session, changed)


def my_sessions(user_id: str, token: str) -> list[SessionView]:
    """Where the person is signed in, the latest first."""
    current = token_hash(token)
    with reading() as session:
        return [
            SessionView(_id(row), row.device or "A program", row.created_at, row.token_hash == current)
            for row in list_sessions(session, user_id=user_id)
        ]


def end_session(user_id: str, session_id: str) -> None:
    """End one session of the person's. Holds everywhere within a second. Raises NotFound."""
    with transaction() as session:
        row = next((row for row in list_sessions(session, user_id=user_id) if _id(row) == session_id), None)
        if row is None:
            raise NotFound("That session has ended already.")
        session.delete(row)


def end_other_sessions(user_id: str, token: str) -> None:
    """End every session of the person's but the one that asks. Holds everywhere within a second."""
    with transaction() as session:
        close_sessions(session, user_id=user_id, besides=token)


def _not_right() -> InvalidInput:
    return InvalidInput("The old password is not right. Nothing was changed.")


def _id(row: UserSession) -> str:
    return row.token_hash[:_ID_CHARS]


_attempts = Attempts(
    most=limits.PASSWORD_TRIES,
    seconds=limits.PASSWORD_WINDOW_SECONDS,
    refusal="Too many attempts. Please wait a few minutes.",
)
