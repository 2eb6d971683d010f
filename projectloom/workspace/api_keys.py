"""Keys by which a person's own programs ask in their name: making, listing, revoking, and who is behind one.

Who is behind a key may be told from memory for at most a second, so a revocation holds within a second in every
process, and at once in the one that made it. A key reaches what its scopes say and never what only a person may do.
"""

import logging
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import cast

from projectloom import limits
from projectloom.accounts.api_keys import (
    EVERYTHING,
    KEY_PREFIX,
    KeyLimits,
    Scope,
    create_api_key,
    find_api_key,
    hash_of_secret,
    list_api_keys,
    note_use,
    revoke_api_key,
    scopes_of,
)
from projectloom.accounts.models import ApiKey
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.errors import DatabaseUnavailable, InvalidInput
from projectloom.fresh import Fresh
from projectloom.money import NANOS_PER_USD, Nanos

__all__ = [
    "KEY_PREFIX",
    "Caller",
    "NewKey",
    "PersonalKey",
    "Scope",
    "create_key",
    "forget_keys_of",
    "identify_key",
    "my_keys",
    "remembered_caller",
    "revoke_key",
]

_log = logging.getLogger(__name__)

_WINDOWS = ("day", "month", "total")
_DOLLARS = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person by their session, or a program with one of their keys."""

    user_id: str
    api_key_id: str | None = None
    """None for a session."""
    scopes: frozenset[Scope] = EVERYTHING


@dataclass(frozen=True, slots=True)
class PersonalKey:
    """A key as its person sees it."""

    id: str
    name: str
    hint: str
    scopes: frozenset[Scope]
    day_nanos: Nanos | None
    month_nanos: Nanos | None
    total_nanos: Nanos | None
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. The secret is shown once and in no repr."""

    key: PersonalKey
    secret: str = field(repr=False)


def create_key(
    user_id: str, name: object, allowed: object = None, scopes: object = None, *, token: str | None = None
) -> NewKey:
    """Make a key, with limits in dollars for a ``day``, a ``month`` and in ``total``, and with both scopes unless told.

    ``token`` is the session that asks. A key outlives it, so it has to live still when the key is made; Clerk's are not
    ours to know.

    Raises:
        InvalidInput: a name, a limit or a scope that is none, or as many keys as a person may have.
        Unauthorized: the session has ended, or the person has left.
    """
    if not isinstance(name, str):
        raise InvalidInput("name must be a text.")
    wanted, may = _limits_of(allowed), _scopes_of(scopes)
    by = token if settings().clerk is None else None
    with transaction() as session:
        row, secret = create_api_key(session, user_id=user_id, name=name, allowed=wanted, scopes=may, token=by)
        return NewKey(_view(row), secret)


def my_keys(user_id: str) -> list[PersonalKey]:
    """A person's living keys, the latest first."""
    with reading() as session:
        return [_view(row) for row in list_api_keys(session, user_id=user_id)]


def revoke_key(user_id: str, key_id: str) -> None:
    """End a key for good; here at once, in other processes within a second. Raises NotFound when it is not theirs."""
    with transaction() as session:
        secret_hash = revoke_api_key(session, user_id=user_id, key_id=key_id).secret_hash
    _known.forget(secret_hash)


def forget_keys_of(user_id: str) -> None:
    """Tell nobody from memory that they hold a key of this person, whose keys may have ended."""
    _known.forget_where(lambda caller: caller.user_id == user_id)


def remembered_caller(secret: str) -> Caller | None:
    """Who asks with this secret, where that was looked up less than a second ago; asks no database."""
    caller = _known.get(hash_of_secret(secret)) if len(secret) <= limits.MAX_API_KEY_CHARS else None
    if caller is not None and caller.api_key_id is not None:
        _note_use_later(caller.api_key_id)
    return caller


def identify_key(secret: str) -> Caller | None:
    """Who asks with this secret; None when it is no living key of anybody's."""
    if not secret.startswith(KEY_PREFIX) or len(secret) > limits.MAX_API_KEY_CHARS:
        return None
    hashed, asked_at = hash_of_secret(secret), time.monotonic()
    caller = _known.get(hashed)
    if caller is None and _unknown.get(hashed) is None:
        with reading() as session:
            found = find_api_key(session, secret_hash=hashed)
        if found is None:
            _unknown.put(hashed, hashed, asked_at=asked_at)
        else:
            caller = Caller(found.user_id, found.key_id, found.scopes)
            _known.put(hashed, caller, asked_at=asked_at)
    if caller is not None and caller.api_key_id is not None:
        _note_use_later(caller.api_key_id)
    return caller


def _note_use_later(key_id: str) -> None:
    """Have the use written by another thread, so that nobody waits for it; seldom, so that the queue stays short."""
    if _noted.get(key_id) is None:
        _noted.put(key_id, key_id, asked_at=time.monotonic())
        _writer.submit(_note_use, key_id)


def _note_use(key_id: str) -> None:
    try:
        with transaction() as session:
            note_use(session, key_id=key_id)
    except DatabaseUnavailable:
        # It says about when the key was last used; the next use says it better.
        _log.info("the use of a key was not noted", extra={"key_id": key_id})


def _limits_of(wanted: object) -> KeyLimits:
    if wanted is None:
        return KeyLimits()
    if not isinstance(wanted, Mapping) or not set(cast(Mapping[object, object], wanted)) <= set(_WINDOWS):
        raise InvalidInput("limits may have day, month and total.")
    values = cast(Mapping[str, object], wanted)
    return KeyLimits(*(_nanos_of(values.get(window)) for window in _WINDOWS))


def _nanos_of(dollars: object) -> Nanos | None:
    """Nanos of an amount as people and programs write it: a number, or an exact decimal text, with at most cents."""
    if dollars is None:
        return None
    # A number is read as it is written, so the decimal text of a float is the exact amount that was meant.
    written = repr(dollars) if isinstance(dollars, int | float) and not isinstance(dollars, bool) else dollars
    if isinstance(written, str) and _DOLLARS.fullmatch(written):
        nanos = int(Decimal(written) * NANOS_PER_USD)
        if 0 < nanos <= limits.MAX_KEY_LIMIT_USD * NANOS_PER_USD:
            return Nanos(nanos)
    raise InvalidInput(f"A limit is an amount in dollars between $0.01 and ${limits.MAX_KEY_LIMIT_USD:,}.")


def _scopes_of(wanted: object) -> frozenset[Scope]:
    if wanted is None:
        return EVERYTHING
    names = cast(list[object], wanted) if isinstance(wanted, list) else []
    if not names or not all(isinstance(name, str) and name in set(Scope) for name in names):
        raise InvalidInput("scopes is a list of 'generate', 'read' or both.")
    return frozenset(Scope(str(name)) for name in names)


def _view(row: ApiKey) -> PersonalKey:
    day, month, total = (
        None if nanos is None else Nanos(nanos)
        for nanos in (row.limit_day_nanos, row.limit_month_nanos, row.limit_total_nanos)
    )
    return PersonalKey(
        id=row.id,
        name=row.name,
        hint=row.hint,
        scopes=scopes_of(row),
        day_nanos=day,
        month_nanos=month,
        total_nanos=total,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )


_known = Fresh[Caller](seconds=limits.API_KEY_FRESH_SECONDS, most=limits.API_KEYS_REMEMBERED)
# Guesses have a smaller memory of their own, so that a flood of them pushes nobody's key out.
_unknown = Fresh[str](seconds=limits.API_KEY_FRESH_SECONDS, most=limits.API_KEY_GUESSES_REMEMBERED)
_noted = Fresh[str](seconds=limits.API_KEY_USE_SECONDS, most=limits.API_KEYS_REMEMBERED)
_writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-use")
