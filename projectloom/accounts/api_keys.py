"""People's own keys for ProjectLoom: their programs show one instead of a session.

The secret is 256 random bits and only its SHA-256 is kept. A key does what its scopes say, spends at most what its
limits allow (the meter counts that), and is over for good once it is revoked.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import or_, update
from sqlmodel import Session, col, func, select

from projectloom import limits
from projectloom.accounts.models import ApiKey, User
from projectloom.accounts.users import lock_user
from projectloom.clock import now
from projectloom.errors import InvalidInput, NotFound, Unauthorized
from projectloom.ids import new_id
from projectloom.money import Nanos
from projectloom.texts import is_storable

KEY_PREFIX = "loom-sk-"

_SECRET_BYTES = 32
_HINT_TAIL = 4
# Control characters and line ends: a name stands in one line, also in the subject of a mail.
_NOT_IN_NAMES = frozenset({"Cc", "Zl", "Zp"})


class Scope(StrEnum):
    """What a key may do."""

    GENERATE = "generate"
    """Ask models."""
    READ = "read"
    """Read the balance, the usage, models and prices."""


EVERYTHING = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The most that a key may spend from credit; None is no limit."""

    day_nanos: Nanos | None = None
    month_nanos: Nanos | None = None
    total_nanos: Nanos | None = None


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose living key it is, and what it may do."""

    user_id: str
    key_id: str
    scopes: frozenset[Scope]


def create_api_key(
    session: Session, *, user_id: str, name: str, allowed: KeyLimits, scopes: Iterable[Scope], token: str | None = None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is to be shown once. ``token`` is the session that has to live still, if any.

    Raises:
        InvalidInput: the name is none, there are no scopes, or the person has as many keys as they may.
        Unauthorized: the person has left, or the session has ended.
    """
    row_name, row_scopes = _checked_name(name), " ".join(sorted(set(scopes)))
    if not row_scopes:
        raise InvalidInput("A key must be allowed to do something.")
    # Two who ask at once are counted one after the other, and none is made for somebody who is being deleted or shut
    # out: either ends what was made before it, or is seen here.
    if lock_user(session, user_id=user_id, token=token) is None:
        raise Unauthorized
    living = select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user_id, col(ApiKey.revoked_at).is_(None))
    if session.exec(living).one() >= limits.MAX_API_KEYS_PER_PERSON:
        raise InvalidInput(f"You have {limits.MAX_API_KEYS_PER_PERSON} keys. Revoke one that you no longer need first.")
    secret = KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = ApiKey(
        id=new_id("key"),
        user_id=user_id,
        name=row_name,
        secret_hash=hash_of_secret(secret),
        hint=f"{KEY_PREFIX}…{secret[-_HINT_TAIL:]}",
        scopes=row_scopes,
        limit_day_nanos=allowed.day_nanos,
        limit_month_nanos=allowed.month_nanos,
        limit_total_nanos=allowed.total_nanos,
    )
    session.add(row)
    session.flush()
    return row, secret


def list_api_keys(session: Session, *, user_id: str) -> list[ApiKey]:
    """A person's living keys, the latest first."""
    query = select(ApiKey).where(ApiKey.user_id == user_id, col(ApiKey.revoked_at).is_(None))
    return list(session.exec(query.order_by(col(ApiKey.id).desc())).all())


def revoke_api_key(session: Session, *, user_id: str, key_id: str) -> ApiKey:
    """End a key for good. Ending it again changes nothing.

    Raises:
        NotFound: there is no such key, or it is somebody else's.
    """
    row = session.get(ApiKey, key_id)
    if row is None or row.user_id != user_id:
        raise NotFound("There is no such key.")
    if row.revoked_at is None:
        row.revoked_at = now()
        session.add(row)
        session.flush()
    return row


def living_api_key(session: Session, *, user_id: str, key_id: str) -> ApiKey | None:
    """A person's key that is not revoked."""
    query = select(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id, col(ApiKey.revoked_at).is_(None))
    return session.exec(query).one_or_none()


def find_api_key(session: Session, *, secret_hash: str) -> KeyOwner | None:
    """Whose living key has a secret with this hash. Nobody has one who has left."""
    query = (
        select(ApiKey)
        .join(User, col(User.id) == col(ApiKey.user_id))
        .where(ApiKey.secret_hash == secret_hash, col(ApiKey.revoked_at).is_(None), col(User.deleted_at).is_(None))
    )
    row = session.exec(query).one_or_none()
    return None if row is None else KeyOwner(row.user_id, row.id, scopes_of(row))


def note_use(session: Session, *, key_id: str) -> None:
    """Write that a key is in use now, unless that was written within the named time."""
    moment = now()
    stale = moment - timedelta(seconds=limits.API_KEY_USE_SECONDS)
    session.connection().execute(
        update(ApiKey)
        .where(col(ApiKey.id) == key_id, or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) <= stale))
        .values(last_used_at=moment)
    )


def scopes_of(row: ApiKey) -> frozenset[Scope]:
    """What a key may do."""
    return frozenset(map(Scope, row.scopes.split()))


def hash_of_secret(secret: str) -> str:
    """What is kept of a secret. It is random and long, so guessing it is hopeless however fast the hash is."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _checked_name(name: str) -> str:
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= limits.MAX_API_KEY_NAME_CHARS:
        raise InvalidInput(f"A key's name has between 1 and {limits.MAX_API_KEY_NAME_CHARS} characters.")
    if not is_storable(trimmed) or any(unicodedata.category(character) in _NOT_IN_NAMES for character in trimmed):
        raise InvalidInput("The name has characters that are not valid text.")
    return trimmed
