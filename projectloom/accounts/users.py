"""Accounts with e-mail and password, and the sessions they open.

Passwords are hashed with Argon2id by argon2-cffi at its recommended strength; session tokens are 256 random bits,
stored as a hash.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from projectloom import limits
from projectloom.accounts.models import User, UserSession
from projectloom.clock import now
from projectloom.db import insert_once
from projectloom.errors import EmailTaken, InvalidCredentials, InvalidInput
from projectloom.ids import first_id, new_id

# One @, something on both sides, a dot in the domain, no white space or control characters. Whether the address exists
# only a mail can tell.
_EMAIL = re.compile(
    r"[^\s@\x00-\x1f\x7f\ud800-\udfff]+@[^\s@\x00-\x1f\x7f\ud800-\udfff]+\.[^\s@.\x00-\x1f\x7f\ud800-\udfff]+"
)

NO_ADDRESS = ".invalid"
"""What the address of somebody ends with who has none: no mail can go there (https://www.rfc-editor.org/rfc/rfc2606)."""

GONE = "gone:"
"""What Clerk's id of somebody who left begins with, also while what is theirs has yet to be deleted."""


def has_left(user: User) -> bool:
    """Whether nothing may be done in the name of a person any more: they were deleted, or are about to be."""
    return user.deleted_at is not None or (user.clerk_id or "").startswith(GONE)


def create_user(session: Session, *, email: str, password_hash: str | None) -> User:
    """A new person with this (normalised) e-mail.

    Raises:
        EmailTaken: somebody has it.
    """
    user = User(id=new_id("usr"), email=email, password_hash=password_hash)
    if not insert_once(session, User, user.model_dump(), key=["email"]):
        raise EmailTaken
    return user


def made_since(session: Session, *, moment: datetime, most: int) -> int:
    """How many accounts were made since a moment, counted no further than ``most``."""
    # By their ids, which are indexed and sort by creation.
    recent = select(User.id).where(col(User.id) >= first_id("usr", moment)).limit(most).subquery()
    return session.exec(select(func.count()).select_from(recent)).one()


def find_user(session: Session, *, email: str) -> User | None:
    """The person with this (normalised) e-mail."""
    return session.exec(select(User).where(User.email == email)).one_or_none()


def email_of(session: Session, *, user_id: str) -> str | None:
    """A person's e-mail; None for somebody who has none, or had their data deleted."""
    query = select(User.email).where(User.id == user_id, col(User.deleted_at).is_(None))
    email = session.exec(query).one_or_none()
    return None if email is None or email.endswith(NO_ADDRESS) else email


def is_confirmed(session: Session, *, user_id: str) -> bool:
    """Whether a person is known to read mails at their address."""
    query = select(User.email_confirmed_at).where(User.id == user_id)
    return session.exec(query).one_or_none() is not None


def normalise_email(email: str) -> str:
    """Trimmed, lower-case e-mail.

    Raises:
        InvalidInput: it cannot be an e-mail address.
    """
    trimmed = email.strip().lower()
    if len(trimmed) > limits.MAX_EMAIL_CHARS or not _EMAIL.fullmatch(trimmed):
        raise InvalidInput("Please enter a valid e-mail address.")
    return trimmed


def hash_password(password: str) -> str:
    """The Argon2id hash of a new password. Slow on purpose; call it outside a transaction.

    Raises:
        InvalidInput: too short, too long, or not encodable.
    """
    if len(password) < limits.MIN_PASSWORD_CHARS:
        raise InvalidInput(f"Please choose a password of at least {limits.MIN_PASSWORD_CHARS} characters.")
    return _hasher().hash(_encodable(password))


def verify_password(password_hash: str | None, password: str) -> None:
    """Check a password; takes as long for an unknown person as for a wrong password.

    Raises:
        InvalidCredentials: it does not match, or there is no hash to match.
    """
    known = password_hash or _decoy_hash()
    try:
        _hasher().verify(known, _encodable(password))
    except (VerificationError, InvalidHashError, InvalidInput):
        raise InvalidCredentials from None
    if password_hash is None:
        raise InvalidCredentials


def _encodable(password: str) -> bytes:
    try:
        encoded = password.encode()
    except UnicodeEncodeError:
        raise InvalidInput("That password has characters that cannot be used.") from None
    if len(password) > limits.MAX_PASSWORD_CHARS:
        raise InvalidInput(f"Please choose a password of at most {limits.MAX_PASSWORD_CHARS} characters.")
    return encoded


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache(maxsize=1)
def _decoy_hash() -> str:
    return _hasher().hash(secrets.token_bytes(32))


def open_session(session: Session, *, user_id: str, device: str | None = None) -> str:
    """A new session's token. Shown to the person once; only its hash is kept. ``device`` is what it is signed in on."""
    token = secrets.token_urlsafe(32)
    moment = now()
    session.add(
        UserSession(
            token_hash=token_hash(token),
            user_id=user_id,
            created_at=moment,
            expires_at=moment + timedelta(days=limits.SESSION_DAYS),
            device=device,
        )
    )
    session.flush()
    return token


def session_user(session: Session, *, token: str) -> User | None:
    """The person behind a live session token."""
    return session.exec(
        select(User)
        .join(UserSession, col(UserSession.user_id) == col(User.id))
        .where(UserSession.token_hash == token_hash(token), UserSession.expires_at > now())
    ).one_or_none()


def lock_user(session: Session, *, user_id: str, token: str | None = None) -> User | None:
    """A person who has not left, and where ``token`` is given is signed in by it still; else None.

    Nobody else changes the row until the caller's transaction ends: what resets a password or deletes a person has
    ended before, or sees what the caller did.
    """
    user = session.get(User, user_id, with_for_update=True)
    if user is None or has_left(user):
        return None
    if token is not None:
        # After the lock: who ended the session while this waited for it is heard.
        signed_in = session_user(session, token=token)
        if signed_in is None or signed_in.id != user_id:
            return None
    return user


def close_session(session: Session, *, token: str) -> None:
    """End a session. Ending one that is not there is fine."""
    session.connection().execute(delete(UserSession).where(col(UserSession.token_hash) == token_hash(token)))


def list_sessions(session: Session, *, user_id: str) -> list[UserSession]:
    """A person's living sessions, the latest first."""
    query = select(UserSession).where(UserSession.user_id == user_id, UserSession.expires_at > now())
    return list(session.exec(query.order_by(col(UserSession.created_at).desc())).all())


def close_sessions(session: Session, *, user_id: str, besides: str | None = None) -> None:
    """End a person's sessions, all of them or all but the one of this token."""
    ended = delete(UserSession).where(col(UserSession.user_id) == user_id)
    if besides is not None:
        ended = ended.where(col(UserSession.token_hash) != token_hash(besides))
    session.connection().execute(ended)


def forget_expired_sessions(session: Session) -> int:
    """Delete sessions that have run out; how many there were."""
    return session.connection().execute(delete(UserSession).where(col(UserSession.expires_at) <= now())).rowcount


def token_hash(token: str) -> str:
    """What is kept of a session's token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
