"""The statement: every movement of a person's credit with the balance after it, the latest first.

It is read from the postings themselves, a page at a time along their index, so it costs the same with ten movements or
a hundred thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.db import reading
from projectloom.errors import InvalidInput
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.models import EntryKind, JournalEntry, Posting
from projectloom.money import Nanos, usd_string

# What a person calls each kind of entry.
LABELS = {
    EntryKind.TOP_UP: "Purchase",
    EntryKind.GRANT: "Credit given to you",
    EntryKind.CAPTURE: "Reply",
    EntryKind.REVERSAL: "Refund or dispute",
    EntryKind.REINSTATEMENT: "Returned to you",
    EntryKind.FREEZE: "Set aside",
    EntryKind.DEBT_REPAYMENT: "Debt paid off",
    EntryKind.EXPIRY: "Expired",
}

CSV_HEADER = "date,movement,amount_usd,balance_usd,cause,entry\r\n"

# A cell that begins with one of these is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the statement."""

    id: int
    """Its place: pages continue below it."""
    entry_id: str
    kind: str
    label: str
    cause: str
    """What it was for: the id of an order, a turn, a refund, or the reason of a grant."""
    amount_nanos: Nanos
    balance_nanos: Nanos
    created_at: datetime


def read_statement(user_id: str, *, before: int | None = None, kind: str | None = None) -> list[Movement]:
    """One page of a person's movements, older than ``before`` if it is given, of one kind if it is given.

    Raises:
        InvalidInput: there is no such kind.
    """
    if kind is not None and kind not in LABELS:
        raise InvalidInput("Unknown kind of movement.")
    with reading() as session:
        return _page(session, user_id, before=before, kind=kind)


def statement_csv(user_id: str, *, kind: str | None = None) -> Iterator[str]:
    """The same lines as comma-separated values, page after page: what is seen is what is exported."""
    yield CSV_HEADER
    before: int | None = None
    while page := read_statement(user_id, before=before, kind=kind):
        yield "".join(_csv_line(movement) for movement in page)
        before = page[-1].id


def _page(session: Session, user_id: str, *, before: int | None, kind: str | None) -> list[Movement]:
    query = (
        select(Posting, JournalEntry)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(Posting.account_id == credits_address(user_id))
        .order_by(col(Posting.id).desc())
        .limit(limits.STATEMENT_PAGE)
    )
    if before is not None:
        query = query.where(col(Posting.id) < before)
    if kind is not None:
        query = query.where(JournalEntry.kind == kind)
    return [_movement(posting, entry) for posting, entry in session.exec(query).all()]


def _movement(posting: Posting, entry: JournalEntry) -> Movement:
    return Movement(
        id=posting.id or 0,
        entry_id=entry.id,
        kind=entry.kind,
        label=LABELS[EntryKind(entry.kind)],
        cause=entry.cause,
        amount_nanos=Nanos(posting.amount_nanos),
        balance_nanos=Nanos(posting.balance_nanos or 0),
        created_at=entry.created_at,
    )


def _csv_line(movement: Movement) -> str:
    cells = (
        movement.created_at.isoformat(timespec="seconds"),
        movement.label,
        usd_string(movement.amount_nanos),
        usd_string(movement.balance_nanos),
        _inert(movement.cause),
        movement.entry_id,
    )
    return ",".join(_quoted(cell) for cell in cells) + "\r\n"


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',"\r\n') else cell
