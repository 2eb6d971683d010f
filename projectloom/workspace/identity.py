"""Signing up, in and out, and who is behind a session token.

The one identity function for both doors is :func:`identify`. An answer may be up to a second old, so that a page that
asks often costs one look-up; signing out is effective at once in this process.
"""

import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.accounts.users import (
    close_session,
    create_user,
    find_user,
    forget_expired_sessions,
    hash_password,
    normalise_email,
    open_session,
    session_user,
    verify_password,
)
from projectloom.config import settings
from projectloom.db import database_now, reading, transaction
from projectloom.errors import EmailTaken, InvalidCredentials, NotFound
from projectloom.ledger.accounts import open_accounts
from projectloom.ledger.credits import SIGN_UP_REASON, grant

DEMO_EMAIL = "demo@projectloom.example"

_FRESH_SECONDS = 1.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    user_id: str
    email: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. The token is shown to the person once and shows in no repr."""

    token: str = field(repr=False)
    person: Person


def sign_up(email: str, password: str) -> SignedIn:
    """Make an account, with the welcome credit where there is one, and sign in.

    Raises:
        InvalidInput: not an e-mail, or a password that is too short or too long.
        EmailTaken: there is an account.
    """
    address = normalise_email(email)
    if address == DEMO_EMAIL:
        # Everybody in a sandbox signs in as this person by a button; nobody may give them a password.
        raise EmailTaken
    hashed = hash_password(password)
    with transaction() as session:
        user = create_user(session, email=address, password_hash=hashed)
        _open_accounts(session, user_id=user.id)
        return SignedIn(open_session(session, user_id=user.id), Person(user.id, user.email))


def sign_in(email: str, password: str) -> SignedIn:
    """Sign in with e-mail and password.

    Raises:
        InvalidCredentials: no such account, or another password; which of both is not told.
        TooManyRequests: too many attempts for this e-mail.
    """
    address = normalise_email(email)
    _attempts.count(address)
    with reading() as session:
        user = find_user(session, email=address)
    verify_password(user.password_hash if user else None, password)
    if user is None:
        raise InvalidCredentials
    with transaction() as session:
        return SignedIn(open_session(session, user_id=user.id), Person(user.id, user.email))


def demo_sign_in() -> SignedIn:
    """Sign in the sandbox's demonstration user.

    Raises:
        NotFound: this server is not a sandbox.
    """
    if not settings().sandbox_on:
        raise NotFound
    with transaction() as session:
        # Two who press the button at once make one user: the later one finds what the earlier one committed.
        with suppress(EmailTaken):
            _open_accounts(session, user_id=create_user(session, email=DEMO_EMAIL, password_hash=None).id)
        user = find_user(session, email=DEMO_EMAIL)
        if user is None:
            raise RuntimeError("the demonstration user was not made")
        return SignedIn(open_session(session, user_id=user.id), Person(user.id, user.email))


def _open_accounts(session: Session, *, user_id: str) -> None:
    """The accounts of somebody new, and the credit that the operator gives everybody to begin with."""
    open_accounts(session, user_id=user_id)
    bonus, days = settings().sign_up_bonus_nanos, settings().sign_up_bonus_days
    if bonus:
        expires_at = None if days is None else database_now(session) + timedelta(days=days)
        grant(session, user_id=user_id, reason=SIGN_UP_REASON, amount_nanos=bonus, expires_at=expires_at)


def sign_out(token: str | None) -> None:
    """End a session. Ending none is fine."""
    if not token:
        return
    with transaction() as session:
        close_session(session, token=token)
    _known.forget(token)


def forget_expired() -> int:
    """Delete every session that has run out; how many there were."""
    with transaction() as session:
        return forget_expired_sessions(session)


def identify(token: str | None) -> Person | None:
    """Who is behind a session token; None when nobody is."""
    if not token or len(token) > limits.MAX_API_KEY_CHARS:
        return None
    known = _known.get(token)
    if known is not None:
        return known
    with reading() as session:
        user = session_user(session, token=token)
    if user is None:
        return None
    person = Person(user.id, user.email)
    _known.put(token, person)
    return person


class _FreshPeople:
    """Sessions that were looked up within the last second, and the ones that ended in it."""

    def __init__(self) -> None:
        self._people: OrderedDict[str, tuple[float, Person | None]] = OrderedDict()
        self._lock = Lock()

    def get(self, token: str) -> Person | None:
        with self._lock:
            known = self._people.get(token)
        return known[1] if known and known[0] > time.monotonic() else None

    def put(self, token: str, person: Person) -> None:
        with self._lock:
            until, known = self._people.get(token, (0.0, person))
            if known is None and until > time.monotonic():
                # It was read before the session ended and arrives after.
                return
            self._keep(token, person)

    def forget(self, token: str) -> None:
        with self._lock:
            self._keep(token, None)

    def _keep(self, token: str, person: Person | None) -> None:
        self._people[token] = (time.monotonic() + _FRESH_SECONDS, person)
        while len(self._people) > _REMEMBERED:
            self._people.popitem(last=False)


_known = _FreshPeople()
_attempts = Attempts(
    most=limits.SIGN_IN_ATTEMPTS,
    seconds=limits.SIGN_IN_WINDOW_SECONDS,
    refusal="Too many attempts. Please wait a few minutes.",
)
