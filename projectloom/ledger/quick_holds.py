"""The quick path of holds: authorize and capture many at once, where there is nothing to it but the money.

Row for row it writes what :mod:`projectloom.ledger.holds` writes, which stays the truth: whatever is not plain (debt,
too little credit, a key that was used before) is answered so, nothing is written, and the caller takes that way. On
Postgres the functions of migration 0009 do it, on SQLite this module.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from projectloom.group_commit import submit
from projectloom.group_stores import GONE, NOT_PLAIN, Answer, Operation, Outcome
from projectloom.ledger.accounts import EARNINGS, credits_address, debt_address
from projectloom.ledger.journal import input_hash
from projectloom.ledger.models import EntryKind, HoldState


@dataclass(frozen=True, slots=True)
class HoldItem:
    """A hold to be taken: :func:`projectloom.ledger.holds.authorize`'s arguments and the ids that it would make."""

    hold_id: str
    user_id: str
    amount_nanos: int
    """More than zero."""
    idempotency_key: str
    cause: str
    created_at: datetime
    expires_at: datetime
    least_nanos: int = 0
    """Less available than this is not plain."""


@dataclass(frozen=True, slots=True)
class CaptureItem:
    """A hold to be resolved: captured, or voided where the amount is zero."""

    hold_id: str
    user_id: str
    amount_nanos: int
    entry_id: str
    """Of the journal entry, where there is an amount."""
    moment: datetime
    warn_below_nanos: int | None = None
    """A charge that brings the posted balance below this is not plain: the person is to be told."""


async def quick_authorize(item: HoldItem) -> Answer:
    """Take a hold: ``DONE`` (also when this very hold was taken before) or ``NOT_PLAIN``.

    Raises:
        DatabaseUnavailable: it may have been taken, or not; sending the same item again tells.
    """
    return await submit(AUTHORIZE, item)


async def quick_capture(item: CaptureItem) -> Answer:
    """Resolve a hold: ``DONE`` (also when it was resolved to the same end before), ``GONE`` or ``NOT_PLAIN``.

    Raises:
        DatabaseUnavailable: it may have been resolved, or not; sending the same item again tells.
    """
    return await submit(CAPTURE, item)


def hold_row(number: int, item: HoldItem) -> Mapping[str, Any]:
    """A hold as ``quick_authorize`` takes it."""
    account_id = credits_address(item.user_id)
    return {
        "n": number,
        "id": item.hold_id,
        "account_id": account_id,
        "debt_id": debt_address(item.user_id),
        "amount_nanos": item.amount_nanos,
        "least_nanos": item.least_nanos,
        "idempotency_key": item.idempotency_key,
        "input_hash": _hold_hash(item, account_id),
        "cause": item.cause,
        "created_at": item.created_at.isoformat(),
        "expires_at": item.expires_at.isoformat(),
    }


def capture_row(number: int, item: CaptureItem) -> Mapping[str, Any]:
    """A capture as ``quick_capture`` takes it."""
    account_id = credits_address(item.user_id)
    return {
        "n": number,
        "hold_id": item.hold_id,
        "account_id": account_id,
        "debt_id": debt_address(item.user_id),
        "amount_nanos": item.amount_nanos,
        "warn_below_nanos": item.warn_below_nanos,
        "entry_id": item.entry_id,
        "input_hash": _capture_hash(item, account_id),
        "moment": item.moment.isoformat(),
    }


def _hold_hash(item: HoldItem, account_id: str) -> str:
    return input_hash({"account": account_id, "amount": item.amount_nanos, "cause": item.cause})


def _capture_hash(item: CaptureItem, account_id: str) -> str:
    return input_hash({account_id: -item.amount_nanos, EARNINGS: item.amount_nanos, "kind": EntryKind.CAPTURE})


def authorize_on_sqlite(db: sqlite3.Connection, item: HoldItem) -> Answer:
    """The same on SQLite, where a writing transaction is alone."""
    account_id = credits_address(item.user_id)
    known = db.execute("SELECT id FROM holds WHERE idempotency_key = ?", (item.idempotency_key,)).fetchone()
    account = _plain_account(db, item.user_id)
    if known is not None:
        return _answer(*account) if account and known[0] == item.hold_id else NOT_PLAIN
    if account is None or account[0] - account[1] < max(item.amount_nanos, item.least_nanos):
        return NOT_PLAIN
    db.execute(
        "INSERT INTO holds (id, account_id, amount_nanos, state, captured_nanos, idempotency_key, input_hash, cause, "
        "created_at, expires_at) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
        (
            item.hold_id,
            account_id,
            item.amount_nanos,
            HoldState.HELD,
            item.idempotency_key,
            _hold_hash(item, account_id),
            item.cause,
            stored(item.created_at),
            stored(item.expires_at),
        ),
    )
    db.execute("UPDATE ledger_accounts SET held_nanos = held_nanos + ? WHERE id = ?", (item.amount_nanos, account_id))
    return _answer(account[0], account[1] + item.amount_nanos)


def capture_on_sqlite(db: sqlite3.Connection, item: CaptureItem) -> Answer:
    """The same on SQLite, where a writing transaction is alone."""
    account_id, amount = credits_address(item.user_id), item.amount_nanos
    hold = db.execute(
        "SELECT account_id, amount_nanos, state, captured_nanos, cause FROM holds WHERE id = ?", (item.hold_id,)
    ).fetchone()
    if hold is None or hold[0] != account_id or not 0 <= amount <= hold[1]:
        return NOT_PLAIN
    final = HoldState.CAPTURED if amount else HoldState.VOIDED
    if hold[2] != HoldState.HELD:
        return _captured_before(db, item) if (hold[2], hold[3]) == (final, amount) else GONE
    account = _plain_account(db, item.user_id)
    if account is None or _must_be_told(item, account[0]):
        return NOT_PLAIN
    taken = _drawn(db, account_id, amount)
    if taken is None:
        return NOT_PLAIN
    posted, held = account[0] - amount, account[1] - hold[1]
    moment = stored(item.moment)
    db.execute(
        "UPDATE holds SET state = ?, captured_nanos = ?, resolved_at = ? WHERE id = ?",
        (final, amount, moment, item.hold_id),
    )
    db.execute(
        "UPDATE ledger_accounts SET posted_nanos = ?, held_nanos = ?, spent_nanos = spent_nanos + ? WHERE id = ?",
        (posted, held, amount, account_id),
    )
    if not amount:
        return _answer(posted, held)
    db.execute(
        "INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            item.entry_id,
            EntryKind.CAPTURE,
            f"capture:{item.hold_id}",
            _capture_hash(item, account_id),
            hold[4],
            moment,
        ),
    )
    db.executemany(
        "INSERT INTO postings (entry_id, account_id, amount_nanos, balance_nanos) VALUES (?, ?, ?, ?)",
        ((item.entry_id, EARNINGS, amount, None), (item.entry_id, account_id, -amount, posted)),
    )
    for lot_id, nanos in taken:
        db.execute("UPDATE credit_lots SET remaining_nanos = remaining_nanos - ? WHERE id = ?", (nanos, lot_id))
        db.execute(
            "INSERT INTO lot_movements (lot_id, entry_id, amount_nanos) VALUES (?, ?, ?)",
            (lot_id, item.entry_id, -nanos),
        )
    return _answer(posted, held, item.entry_id)


def _must_be_told(item: CaptureItem, posted: int) -> bool:
    warn = item.warn_below_nanos
    return warn is not None and posted - item.amount_nanos < warn <= posted


def _captured_before(db: sqlite3.Connection, item: CaptureItem) -> Answer:
    key = f"capture:{item.hold_id}"
    entry = db.execute("SELECT id FROM journal_entries WHERE idempotency_key = ?", (key,)).fetchone()
    posted, held = _balance(db, item.user_id) or (None, None)
    return _answer(posted, held, entry[0] if entry else None)


def _drawn(db: sqlite3.Connection, account_id: str, amount: int) -> list[tuple[str, int]] | None:
    """What to take from which lot, in the order of :func:`projectloom.ledger.lots.draw`; None if they hold less."""
    taken: list[tuple[str, int]] = []
    lots = db.execute(
        "SELECT id, remaining_nanos FROM credit_lots WHERE account_id = ? AND remaining_nanos > 0 "
        "ORDER BY kind = 'paid', expires_at IS NULL, expires_at, id",
        (account_id,),
    )
    while amount:
        lot = lots.fetchone()
        if lot is None:
            return None
        taken.append((lot[0], min(amount, lot[1])))
        amount -= taken[-1][1]
    return taken


def _plain_account(db: sqlite3.Connection, user_id: str) -> tuple[int, int] | None:
    """What a person's credit has posted and held; None where there is no account, or debt."""
    debt = db.execute("SELECT posted_nanos FROM ledger_accounts WHERE id = ?", (debt_address(user_id),)).fetchone()
    return None if debt is not None and debt[0] < 0 else _balance(db, user_id)


def _balance(db: sqlite3.Connection, user_id: str) -> tuple[int, int] | None:
    query = "SELECT posted_nanos, held_nanos FROM ledger_accounts WHERE id = ?"
    return db.execute(query, (credits_address(user_id),)).fetchone()


def _answer(posted: int | None, held: int | None, entry_id: str | None = None) -> Answer:
    return Answer(Outcome.DONE, entry_id, posted, held)


def stored(moment: datetime) -> str:
    """A moment as SQLAlchemy's type for SQLite writes it: UTC, without its zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


AUTHORIZE = Operation("quick_authorize", hold_row, authorize_on_sqlite)
CAPTURE = Operation("quick_capture", capture_row, capture_on_sqlite)
