"""Proofs over the books: each is one query that returns the rows which break a promise. None may.

Every proof runs on the snapshot of the session it is given, so it can run beside live traffic, and in two forms: over
everything, or over what was touched since a :class:`Since`. The narrower form still finds whatever the product could do
wrong. What it trusts is rows that an earlier audit proved and that the database refuses to change: only what the
database's owner did to those behind its back, or what was dated back to hide, is left to the form that reads all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, bindparam, text
from sqlmodel import Session

from projectloom.db import UtcDateTime
from projectloom.ids import first_id

OFFENDERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one proof."""

    name: str
    """The promise, as a sentence."""
    examined: int
    """How many rows it looked at."""
    offenders: tuple[str, ...]
    """The first few ids that break it; empty when it holds."""

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return not self.offenders


@dataclass(frozen=True, slots=True)
class Since:
    """From where on the rows have not been proven: a moment, and the numbers of the last rows before it."""

    moment: datetime
    posting_id: int
    movement_id: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What a promise speaks of: a table, and the SQL that finds the ids of its rows which were touched.

    The SQL may use ``:since``, ``:posting``, ``:movement`` and ``:from_je`` or any other prefix of
    :mod:`projectloom.ids`, the lowest id of the moment. Without SQL every row is looked at each time: the table is
    small, or its columns change without a trace of when.
    """

    table: str
    touched_sql: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A promise, what it speaks of, and the SQL that finds what breaks it (one id column).

    The SQL may select the ids that are to be looked at from ``touched``. ``touched_sql`` is given where another query
    proves as much from less, relying on what was proven before.
    """

    name: str
    subject: Subject
    offenders_sql: str
    touched_sql: str | None = None


# A row may be added to an old entry, or by a server whose clock is behind: its own number tells that it is new.
ENTRIES = Subject(
    "journal_entries",
    "SELECT id FROM journal_entries WHERE id >= :from_je UNION SELECT entry_id FROM postings WHERE id > :posting",
)
HOLDS = Subject(
    "holds",
    "SELECT id FROM holds WHERE id >= :from_hold UNION SELECT id FROM holds WHERE state = 'held' "
    "UNION SELECT id FROM holds WHERE resolved_at >= :since UNION SELECT id FROM holds WHERE resolved_at IS NULL",
)
# Cached balances change without a trace of when, so all are compared, each with rows that an index finds at once.
_ACCOUNTS = Subject("ledger_accounts")
_POSTINGS = Subject(
    "postings",
    "SELECT id FROM postings WHERE id > :posting UNION SELECT id FROM postings WHERE entry_id >= :from_je",
)
_LOTS = Subject(
    "credit_lots",
    "SELECT id FROM credit_lots WHERE id >= :from_lot UNION SELECT id FROM credit_lots WHERE entry_id >= :from_je "
    "UNION SELECT lot_id FROM lot_movements WHERE id > :movement "
    "UNION SELECT lot_id FROM lot_movements WHERE entry_id >= :from_je",
)

LEDGER_PROOFS = (
    Proof(
        "every journal entry sums to zero",
        ENTRIES,
        "SELECT t.id FROM touched t LEFT JOIN postings p ON p.entry_id = t.id "
        "GROUP BY t.id HAVING COALESCE(SUM(p.amount_nanos), 1) <> 0",
    ),
    Proof(
        "each account's posted balance is the sum of its postings",
        _ACCOUNTS,
        "SELECT a.id FROM ledger_accounts a LEFT JOIN postings p ON p.account_id = a.id WHERE a.kind <> 'platform' "
        "GROUP BY a.id, a.posted_nanos HAVING a.posted_nanos <> COALESCE(SUM(p.amount_nanos), 0)",
        # Each posting carries the sum so far, and the next promise proves that it continues the one before.
        "SELECT a.id FROM ledger_accounts a WHERE a.kind <> 'platform' AND a.posted_nanos <> COALESCE((SELECT "
        "p.balance_nanos FROM postings p WHERE p.account_id = a.id ORDER BY p.id DESC LIMIT 1), 0)",
    ),
    Proof(
        "the running balance on each posting continues the one before it, and the operator's postings carry none",
        _POSTINGS,
        "SELECT p.id FROM touched t JOIN postings p ON p.id = t.id JOIN ledger_accounts a ON a.id = p.account_id "
        "WHERE CASE WHEN a.kind = 'platform' THEN p.balance_nanos IS NOT NULL "
        "ELSE p.balance_nanos IS NULL OR p.balance_nanos <> p.amount_nanos + COALESCE((SELECT q.balance_nanos "
        "FROM postings q WHERE q.account_id = p.account_id AND q.id < p.id ORDER BY q.id DESC LIMIT 1), 0) END",
    ),
    Proof(
        "each account's held balance is the sum of its unresolved holds",
        _ACCOUNTS,
        "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT account_id, SUM(amount_nanos) AS held_nanos FROM holds "
        "WHERE state = 'held' GROUP BY account_id) h ON h.account_id = a.id "
        "WHERE a.held_nanos <> COALESCE(h.held_nanos, 0)",
    ),
    Proof(
        "each account's lifetime spending is the sum of its captured holds",
        _ACCOUNTS,
        "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT account_id, SUM(captured_nanos) AS spent_nanos "
        "FROM holds WHERE state = 'captured' GROUP BY account_id) h ON h.account_id = a.id "
        "WHERE a.spent_nanos <> COALESCE(h.spent_nanos, 0)",
        # What was proven last time, and the captures posted since: nobody's whole history is read again. Postings of
        # one account are numbered in the order of their commits, because each waits for the account's row.
        "SELECT a.id FROM ledger_accounts a LEFT JOIN audited_accounts k ON k.account_id = a.id "
        "WHERE a.spent_nanos <> CASE WHEN a.kind = 'credits' THEN COALESCE(k.spent_nanos, 0) - COALESCE((SELECT "
        "SUM(p.amount_nanos) FROM postings p JOIN journal_entries e ON e.id = p.entry_id AND e.kind = 'capture' "
        "WHERE p.account_id = a.id AND p.id > COALESCE(k.posting_id, 0)), 0) ELSE 0 END",
    ),
    Proof(
        "no spendable account is below zero or holds more than it has",
        _ACCOUNTS,
        "SELECT id FROM ledger_accounts WHERE kind = 'credits' "
        "AND (posted_nanos < 0 OR held_nanos < 0 OR held_nanos > posted_nanos)",
    ),
    Proof(
        "no debt is above zero, no frozen credit below it, and the operator's accounts keep no balance",
        _ACCOUNTS,
        "SELECT id FROM ledger_accounts WHERE (kind <> 'credits' AND (held_nanos <> 0 OR spent_nanos <> 0)) "
        "OR (kind = 'debt' AND posted_nanos > 0) OR (kind = 'frozen' AND posted_nanos < 0) "
        "OR (kind = 'platform' AND posted_nanos <> 0)",
    ),
    Proof(
        "what remains in a person's lots sums to the posted balance",
        _ACCOUNTS,
        "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT account_id, SUM(remaining_nanos) AS remaining_nanos "
        "FROM credit_lots GROUP BY account_id) l ON l.account_id = a.id "
        "WHERE a.kind = 'credits' AND a.posted_nanos <> COALESCE(l.remaining_nanos, 0)",
    ),
    Proof(
        "each entry brings to or takes from a person's lots what it posts to their credit",
        ENTRIES,
        "SELECT t.id FROM touched t WHERE COALESCE((SELECT SUM(p.amount_nanos) FROM postings p "
        "JOIN ledger_accounts a ON a.id = p.account_id AND a.kind = 'credits' WHERE p.entry_id = t.id), 0) "
        "<> COALESCE((SELECT SUM(l.amount_nanos) FROM credit_lots l WHERE l.entry_id = t.id), 0) "
        "+ COALESCE((SELECT SUM(m.amount_nanos) FROM lot_movements m WHERE m.entry_id = t.id), 0)",
    ),
    Proof(
        "each lot's remainder is its amount less what its movements took, between nothing and all of it",
        _LOTS,
        "SELECT l.id FROM touched t JOIN credit_lots l ON l.id = t.id LEFT JOIN lot_movements m ON m.lot_id = l.id "
        "GROUP BY l.id, l.amount_nanos, l.remaining_nanos "
        "HAVING l.remaining_nanos <> l.amount_nanos + COALESCE(SUM(m.amount_nanos), 0) "
        "OR l.remaining_nanos < 0 OR l.remaining_nanos > l.amount_nanos",
        # From what was proven last time, as with what people spent: a lot may have moved half a million times.
        "SELECT l.id FROM touched t JOIN credit_lots l ON l.id = t.id LEFT JOIN audited_lots k ON k.lot_id = l.id "
        "WHERE l.remaining_nanos <> COALESCE(k.remaining_nanos, l.amount_nanos) + COALESCE((SELECT "
        "SUM(m.amount_nanos) FROM lot_movements m WHERE m.lot_id = l.id AND m.id > COALESCE(k.movement_id, 0)), 0) "
        "OR l.remaining_nanos < 0 OR l.remaining_nanos > l.amount_nanos",
    ),
    Proof(
        "paid credit never expires",
        _LOTS,
        "SELECT l.id FROM touched t JOIN credit_lots l ON l.id = t.id "
        "WHERE l.kind = 'paid' AND l.expires_at IS NOT NULL",
    ),
    Proof(
        "what is revoked is taken from the one grant that it names, and never from credit that was bought",
        ENTRIES,
        "SELECT e.id FROM touched t JOIN journal_entries e ON e.id = t.id "
        "JOIN lot_movements m ON m.entry_id = e.id JOIN credit_lots l ON l.id = m.lot_id WHERE e.kind = 'revocation' "
        "AND (l.id <> e.cause OR l.kind <> 'promotional' OR m.amount_nanos >= 0)",
    ),
    Proof(
        "each captured hold has one capture entry of its amount, and no other hold has one",
        HOLDS,
        "SELECT h.id FROM touched t JOIN holds h ON h.id = t.id "
        "LEFT JOIN journal_entries e ON e.idempotency_key = 'capture:' || h.id "
        "LEFT JOIN postings p ON p.entry_id = e.id AND p.account_id = h.account_id "
        "WHERE (h.state = 'captured' AND (p.amount_nanos IS NULL OR p.amount_nanos <> -h.captured_nanos "
        "OR e.kind <> 'capture')) OR (h.state <> 'captured' AND e.id IS NOT NULL)",
    ),
    Proof(
        "each capture entry belongs to a captured hold",
        ENTRIES,
        "SELECT e.id FROM touched t JOIN journal_entries e ON e.id = t.id LEFT JOIN holds h "
        "ON h.id = SUBSTR(e.idempotency_key, 9) AND h.state = 'captured' "
        "WHERE e.kind = 'capture' AND (h.id IS NULL OR SUBSTR(e.idempotency_key, 1, 8) <> 'capture:')",
    ),
    Proof(
        "a hold is resolved when and only when it says so, and no more is captured than was held",
        HOLDS,
        "SELECT h.id FROM touched t JOIN holds h ON h.id = t.id WHERE (h.state = 'held') <> (h.resolved_at IS NULL) "
        "OR h.captured_nanos < 0 OR h.captured_nanos > h.amount_nanos "
        "OR (h.state = 'captured') <> (h.captured_nanos > 0)",
    ),
)


def prove(session: Session, proofs: tuple[Proof, ...], since: Since | None = None) -> list[Check]:
    """Run proofs on the session's snapshot, in order: over what was touched since, or over everything."""
    return list(proving(session, proofs, since))


def proving(session: Session, proofs: tuple[Proof, ...], since: Since | None = None) -> Iterator[Check]:
    """As :func:`prove`, one after the other."""
    connection = session.connection()
    counted: dict[Subject, int] = {}
    for proof in proofs:
        if proof.subject not in counted:
            count = _statement("SELECT COUNT(*) FROM touched", proof.subject, since)
            counted[proof.subject] = connection.execute(count).scalar_one()
        offenders_sql = proof.offenders_sql if since is None else proof.touched_sql or proof.offenders_sql
        rows = connection.execute(_statement(offenders_sql, proof.subject, since)).fetchmany(OFFENDERS_SHOWN)
        yield Check(proof.name, counted[proof.subject], tuple(str(row[0]) for row in rows))


def _statement(sql: str, subject: Subject, since: Since | None) -> TextClause:
    touched = subject.touched_sql if since else None
    statement = text(f"WITH touched AS ({touched or f'SELECT id FROM {subject.table}'}) {sql}")  # noqa: S608 - constants
    if since is None:
        return statement
    wanted = statement.compile().params
    bounds: dict[str, object] = {"since": since.moment, "posting": since.posting_id, "movement": since.movement_id}
    for name in wanted:
        if name.startswith("from_"):
            bounds[name] = first_id(name.removeprefix("from_"), since.moment)
    kinds = {"since": UtcDateTime()}
    return statement.bindparams(*(bindparam(name, bounds[name], type_=kinds.get(name)) for name in wanted))


def audit_ledger(session: Session, since: Since | None = None) -> list[Check]:
    """Prove the books by themselves: sums, caches, lots and holds."""
    return prove(session, LEDGER_PROOFS, since)
