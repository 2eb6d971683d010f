"""Signing up, in and out, and who is behind a session token.

The one identity function for both doors is :func:`identify`. An answer may be up to a second old, so that a page that
asks often costs one look-up; signing out is effective at once in this process. What lasts (a key, a payer, money)
is not given on such an answer alone: :func:`is_still` asks the database.
"""

import logging
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.clerk import admit, find_by_clerk, find_who_left, hold_clerk_id, what_was_told
from projectloom.accounts.links import forget_old_links
from projectloom.accounts.models import User
from projectloom.accounts.users import (
    close_session,
    create_user,
    find_user,
    forget_expired_sessions,
    has_left,
    hash_password,
    made_since,
    normalise_email,
    open_session,
    session_user,
)
from projectloom.accounts.waits import forget_old_waits
from projectloom.clerk import BadToken, NewsKind, fetch_person, verify_token
from projectloom.config import settings
from projectloom.db import database_now, reading, transaction
from projectloom.errors import (
    EmailTaken,
    EmailUnconfirmed,
    Forbidden,
    InvalidCredentials,
    NotFound,
    SignInUnavailable,
    TooManyRequests,
)
from projectloom.ledger.accounts import open_accounts
from projectloom.ledger.credits import SIGN_UP_REASON, grant
from projectloom.rates import accounts_over_all
from projectloom.workspace.account_mails import put_confirmation
from projectloom.workspace.api_keys import forget_keys_of
from projectloom.workspace.passwords import check_password, was_right

_log = logging.getLogger(__name__)

DEMO_EMAIL = "demo@projectloom.example"

_FRESH_SECONDS = 1.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    user_id: str
    email: str
    confirmed: bool = field(default=False, compare=False)
    """They are known to read mails at their address."""


def person_of(user: User) -> Person:
    """The person of a row."""
    return Person(user.id, user.email, confirmed=user.email_confirmed_at is not None)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. The token is shown to the person once and shows in no repr."""

    token: str = field(repr=False)
    person: Person


def sign_up(email: str, password: str, device: str | None = None) -> SignedIn:
    """Make an account, with the welcome credit where there is one, and sign in.

    Raises:
        InvalidInput: not an e-mail, or a password that is too short or too long.
        EmailTaken: there is an account.
        EmailUnconfirmed: the account was made, and signing in waits for its address to be confirmed.
        Forbidden: Clerk signs people in here. TooManyRequests: too many accounts were made in a while.
    """
    be_local()
    address = normalise_email(email)
    if address == DEMO_EMAIL:
        # Everybody in a sandbox signs in as this person by a button; nobody may give them a password.
        raise EmailTaken
    hashed = hash_password(password)
    with transaction() as session:
        user = create_user(session, email=address, password_hash=hashed)
        _make_room(session)
        _open_accounts(session, user_id=user.id)
        if settings().confirm_email != "off":
            put_confirmation(session, user)
        if settings().confirm_email != "sign_in":
            return SignedIn(open_session(session, user_id=user.id, device=device), person_of(user))
    raise EmailUnconfirmed("Your account is made. Open the link in the mail that we sent you, then sign in.")


def sign_in(email: str, password: str, device: str | None = None, *, network: str | None = None) -> SignedIn:
    """Sign in with e-mail and password. ``network`` is the address that the try comes from, where it is known.

    Raises:
        InvalidCredentials: no such account, or another password; which of both is not told.
        TooManyRequests: too many wrong tries for this e-mail or from this address; the password was not looked at.
        EmailUnconfirmed: all is right, and the address has to be confirmed first. The link was sent again.
        Forbidden: Clerk signs people in here.
    """
    be_local()
    address = normalise_email(email)
    user, names = check_password(address, password, network=network)
    with transaction() as session:
        if session.get_one(User, user.id, with_for_update=True).password_hash != user.password_hash:
            # It was replaced meanwhile, which ended all sessions; none begins by the old one.
            raise InvalidCredentials
        was_right(session, names)
        if settings().confirm_email != "sign_in" or user.email_confirmed_at is not None:
            return SignedIn(open_session(session, user_id=user.id, device=device), person_of(user))
        put_confirmation(session, session.get_one(User, user.id))
    raise EmailUnconfirmed


def demo_sign_in(device: str | None = None) -> SignedIn:
    """Sign in the sandbox's demonstration user.

    Raises:
        NotFound: this server is not a sandbox, or Clerk signs people in here.
    """
    if not settings().sandbox_on or settings().clerk is not None:
        raise NotFound
    with transaction() as session:
        # Two who press the button at once make one user: the later one finds what the earlier one committed.
        with suppress(EmailTaken):
            made = create_user(session, email=DEMO_EMAIL, password_hash=None)
            _open_accounts(session, user_id=made.id)
            # Nobody reads mails there, and nothing waits for it.
            session.get_one(User, made.id).email_confirmed_at = database_now(session)
        user = find_user(session, email=DEMO_EMAIL)
        if user is None:
            raise RuntimeError("the demonstration user was not made")
        return SignedIn(open_session(session, user_id=user.id, device=device), person_of(user))


def _make_room(session: Session) -> None:
    """Somebody new is being made in this transaction: only so many are in a while, wherever they come from."""
    most, seconds = accounts_over_all()
    since = database_now(session) - timedelta(seconds=seconds)
    if made_since(session, moment=since, most=most + 1) > most:
        raise TooManyRequests(
            "Many people are joining right now. Please try again in a few minutes.",
            retry_after=min(seconds, limits.FULL_RETRY_SECONDS),
        )


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


def forget_person(user_id: str) -> None:
    """Tell nobody from memory that they are this person, or hold a key of theirs: their doors may have closed."""
    _known.forget_person(user_id)
    forget_keys_of(user_id)


def forget_expired() -> int:
    """Delete every session that has run out, with links and waits that count no more; how many sessions there were."""
    with transaction() as session:
        moment = database_now(session)
        forget_old_links(session, moment=moment)
        forget_old_waits(session, moment=moment)
        return forget_expired_sessions(session)


def remembered_person(token: str | None) -> Person | None:
    """Who is behind a token, where that was looked up less than a second ago; asks no database."""
    return _known.get(token) if token and len(token) <= limits.MAX_API_KEY_CHARS else None


def identify(token: str | None) -> Person | None:
    """Who is behind a session token, of our own or where Clerk signs people in of Clerk's; None when nobody is.

    Whom Clerk knows and we do not is made a person here, as everybody who signs up.

    Raises:
        SignInUnavailable: only Clerk could tell, and cannot be asked.
        TooManyRequests: somebody new came after too many others.
    """
    if not token or len(token) > limits.MAX_TOKEN_CHARS:
        return None
    known = _known.get(token)
    if known is not None:
        return known
    user = _local_user(token) if settings().clerk is None else _clerk_user(token)
    if user is None or user.deleted_at is not None:
        return None
    person = person_of(user)
    _known.put(token, person)
    return person


def is_still(token: str | None, user_id: str) -> bool:
    """Whether whom :func:`identify` found by a token may still act by it. Asks the database, whatever is remembered.

    Of Clerk's tokens, which end by themselves within a minute, only the person is looked at: that they were good when a
    request began is enough for a file that takes longer to arrive.
    """
    with reading() as session:
        found = session_user(session, token=token or "") if settings().clerk is None else session.get(User, user_id)
    if found is not None and found.id == user_id and not has_left(found):
        return True
    if token:
        _known.forget(token)
    return False


def _local_user(token: str) -> User | None:
    with reading() as session:
        return session_user(session, token=token)


def _clerk_user(token: str) -> User | None:
    try:
        clerk_id = verify_token(token).clerk_id
    except BadToken as refused:
        _log.info("a token was refused", extra={"reason": str(refused)})
        return None
    with reading() as session:
        user = find_by_clerk(session, clerk_id=clerk_id) or find_who_left(session, clerk_id=clerk_id)
    if user is not None:
        return user if user.clerk_id == clerk_id else None
    return _admit(clerk_id)


def _admit(clerk_id: str) -> User | None:
    """Somebody whom Clerk let in for the first time.

    Raises:
        SignInUnavailable: Clerk does not answer, or only with what is older than what it has told of them.
    """
    for _ in range(limits.CLERK_FETCHES):
        known = fetch_person(clerk_id)
        if known is None:
            return None
        with transaction() as session:
            hold_clerk_id(session, clerk_id=clerk_id)
            told = what_was_told(session, clerk_id=clerk_id)
            if any(one.kind == NewsKind.DELETED for one in told):
                return None
            if any(one.changed_ms > known.changed_ms for one in told):
                # It came after Clerk had answered, and found nobody here whose address it could change.
                continue
            user, made = admit(
                session, clerk_id=clerk_id, email=known.email, confirmed=known.confirmed, changed_ms=known.changed_ms
            )
            if user is not None and made:
                _make_room(session)
                _open_accounts(session, user_id=user.id)
        if user is not None and not made:
            forget_person(user.id)
        return user
    raise SignInUnavailable


def be_local() -> None:
    """Raises Forbidden where Clerk signs people in."""
    if settings().clerk is not None:
        raise Forbidden("People sign in with Clerk here.")


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

    def forget_person(self, user_id: str) -> None:
        with self._lock:
            ended = [token for token, (_, person) in self._people.items() if person and person.user_id == user_id]
            for token in ended:
                self._keep(token, None)

    def _keep(self, token: str, person: Person | None) -> None:
        self._people[token] = (time.monotonic() + _FRESH_SECONDS, person)
        while len(self._people) > _REMEMBERED:
            self._people.popitem(last=False)


_known = _FreshPeople()
