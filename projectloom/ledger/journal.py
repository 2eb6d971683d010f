"""The journal: one function through which every cent moves.

:func:`post_entry` writes a balanced entry once for its idempotency key, changes the cached balances in the same
transaction, and tells a repetition from a conflict by the hash of its input.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import update
from sqlmodel import Session, col, select

from projectloom.clock import now
from projectloom.db import insert_once
from projectloom.errors import IdempotencyConflict
from projectloom.ids import new_id
from projectloom.ledger.models import AccountKind, EntryKind, JournalEntry, LedgerAccount, Posting


@dataclass(frozen=True, slots=True)
class Line:
    """One posting to be made. ``held_nanos`` and ``spent_nanos`` change those caches of a person's account with it."""

    account_id: str
    amount_nanos: int
    held_nanos: int = 0
    spent_nanos: int = 0


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry under a key, and whether it was there before."""

    entry_id: str
    replayed: bool = field(default=False)


# Made once: `json.dumps` makes one for each call.
_HASHED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


def input_hash(values: Mapping[str, object]) -> str:
    """A stable hash of the input that an idempotency key stands for."""
    return hashlib.sha256(_HASHED.encode(values).encode()).hexdigest()


def post_entry(
    session: Session,
    *,
    kind: EntryKind,
    idempotency_key: str,
    cause: str,
    lines: tuple[Line, ...],
    given: Mapping[str, object] | None = None,
) -> Posted:
    """Write one balanced entry, once.

    ``given`` is the input that the key stands for; by default the lines. Accounts must exist. Balances change in the
    order of account addresses, so two entries never wait for each other in a circle.

    Raises:
        IdempotencyConflict: the key was used with other input.
        ValueError: the lines do not sum to zero, or there are none.
        sqlalchemy.exc.IntegrityError: an account would break its CHECK; a broken invariant of the caller.
    """
    if not lines or sum(line.amount_nanos for line in lines) != 0:
        raise ValueError("an entry's lines must sum to zero")
    wanted = input_hash(given or {line.account_id: line.amount_nanos for line in lines} | {"kind": kind})
    entry = JournalEntry(
        id=new_id("je"), kind=kind, idempotency_key=idempotency_key, input_hash=wanted, cause=cause, created_at=now()
    )
    if not insert_once(session, JournalEntry, entry.model_dump(), key=["idempotency_key"]):
        return _replay(session, idempotency_key=idempotency_key, wanted=wanted)
    for line in sorted(lines, key=lambda line: line.account_id):
        _apply(session, entry_id=entry.id, line=line)
    return Posted(entry.id)


def _replay(session: Session, *, idempotency_key: str, wanted: str) -> Posted:
    found = session.exec(select(JournalEntry).where(JournalEntry.idempotency_key == idempotency_key)).one()
    if found.input_hash != wanted:
        raise IdempotencyConflict(idempotency_key=idempotency_key)
    return Posted(found.id, replayed=True)


def _apply(session: Session, *, entry_id: str, line: Line) -> None:
    changed = (
        session.connection()
        .execute(
            update(LedgerAccount)
            .where(col(LedgerAccount.id) == line.account_id, col(LedgerAccount.kind) != AccountKind.PLATFORM)
            .values(
                posted_nanos=LedgerAccount.posted_nanos + line.amount_nanos,
                held_nanos=LedgerAccount.held_nanos + line.held_nanos,
                spent_nanos=LedgerAccount.spent_nanos + line.spent_nanos,
            )
            .returning(col(LedgerAccount.posted_nanos))
        )
        .scalar_one_or_none()
    )
    session.add(
        Posting(entry_id=entry_id, account_id=line.account_id, amount_nanos=line.amount_nanos, balance_nanos=changed)
    )
    session.flush()
