"""The statement: every movement of a person's credit with the balance after it, the latest first.

It is read from the postings themselves, a page at a time along their index, so a page of the whole statement costs the
same with ten movements or a hundred thousand, and so does one of a range of days. What is of some kinds only is looked
for among the movements of its range.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from projectloom import limits
from projectloom.billing.causes import orders_behind
from projectloom.clock import read_day
from projectloom.db import reading
from projectloom.errors import InvalidInput, NotFound
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.models import EntryKind, JournalEntry, Posting
from projectloom.money import Nanos, usd_string
from projectloom.texts import csv_line, inert

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
    EntryKind.REVOCATION: "Given credit taken back",
}

# Kinds that only ever add credit: the sign of a posting, which stands in its own row, rules out all the others.
_ADDING = {EntryKind.TOP_UP, EntryKind.GRANT}

CSV_HEADER = "date,movement,amount_usd,balance_usd,cause,entry\r\n"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which movements are asked for: those of these kinds, all if there are none, on these days (UTC)."""

    kinds: tuple[str, ...] = ()
    since: date | None = None
    """The first day."""
    until: date | None = None
    """The last day; it is a part of the range."""


ALL = Chosen()


def choose(kinds: Iterable[str], since: str | None = None, until: str | None = None) -> Chosen:
    """What is asked for in words: names of kinds, and days as ``YYYY-MM-DD``.

    Raises:
        InvalidInput: there is no such kind or day, or the range ends before it begins.
    """
    # Each once, however often it is named.
    named = tuple(dict.fromkeys(kinds))
    if not all(kind in LABELS for kind in named):
        raise InvalidInput(f"Unknown kind of movement. There are {', '.join(LABELS)}.")
    chosen = Chosen(named, read_day("since", since), read_day("until", until))
    if chosen.since and chosen.until and chosen.until < chosen.since:
        raise InvalidInput("The first day must not be after the last.")
    return chosen


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
    order_id: str | None
    """The purchase that it is about, where there is one."""
    amount_nanos: Nanos
    balance_nanos: Nanos
    created_at: datetime


def read_statement(user_id: str, chosen: Chosen = ALL, *, before: int | None = None) -> list[Movement]:
    """One page of a person's movements, of what is chosen, older than ``before`` if it is given."""
    with reading() as session:
        return _page(session, user_id, chosen, before)


def read_movement(user_id: str, movement_id: int) -> Movement:
    """One of a person's movements, by its place.

    Raises:
        NotFound: there is no such movement, or it is somebody else's.
    """
    return _one(user_id, Posting.id == movement_id)


def read_purchase(user_id: str, order_id: str) -> Movement:
    """The movement that a person's purchase brought.

    Raises:
        NotFound: it brought none, or it is somebody else's.
    """
    return _one(
        user_id, JournalEntry.kind == EntryKind.TOP_UP, JournalEntry.cause == order_id, Posting.amount_nanos > 0
    )


def statement_csv(user_id: str, chosen: Chosen = ALL) -> Iterator[str]:
    """The same lines as comma-separated values, page after page: what is seen is what is exported."""
    yield CSV_HEADER
    before: int | None = None
    while page := read_statement(user_id, chosen, before=before):
        yield "".join(_csv_line(movement) for movement in page)
        before = page[-1].id


def _one(user_id: str, *wanted: ColumnElement[bool] | bool) -> Movement:
    query = (
        select(Posting, JournalEntry)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(Posting.account_id == credits_address(user_id), *wanted)
    )
    with reading() as session:
        found = session.exec(query).one_or_none()
        if found is None:
            raise NotFound("There is no such movement.")
        posting, entry = found
        return _movement(posting, entry, orders_behind(session, [entry]).get(entry.id))


def _page(session: Session, user_id: str, chosen: Chosen, before: int | None) -> list[Movement]:
    address = credits_address(user_id)
    query = (
        select(Posting, JournalEntry)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(Posting.account_id == address)
        .order_by(col(Posting.id).desc())
        .limit(limits.STATEMENT_PAGE)
    )
    if before is not None:
        query = query.where(col(Posting.id) < before)
    if chosen.kinds:
        query = query.where(col(JournalEntry.kind).in_(chosen.kinds))
    if chosen.kinds and _ADDING.issuperset(chosen.kinds):
        query = query.where(Posting.amount_nanos > 0)
    slack = timedelta(seconds=limits.CLOCKS_DIFFER_SECONDS)
    if chosen.since is not None:
        begin = _midnight(chosen.since)
        least, _ = _about(session, address, begin - slack)
        query = query.where(JournalEntry.created_at >= begin, col(Posting.id) >= least)
    if chosen.until is not None:
        end = _midnight(chosen.until) + timedelta(days=1)
        _, most = _about(session, address, end + slack)
        query = query.where(JournalEntry.created_at < end, col(Posting.id) < most)
    found = session.exec(query).all()
    orders = orders_behind(session, [entry for _, entry in found])
    return [_movement(posting, entry, orders.get(entry.id)) for posting, entry in found]


def _about(session: Session, address: str, moment: datetime) -> tuple[int, int]:
    """Between which places of an account its movements since a moment begin, found by halving.

    Movements stand in the order of their times but for how far the clocks of several servers differ, so a caller looks
    that much earlier or later than it needs and compares the times themselves.
    """
    first = select(func.min(Posting.id)).where(Posting.account_id == address)
    last = select(func.max(Posting.id)).where(Posting.account_id == address)
    low, most = session.exec(select(first.scalar_subquery(), last.scalar_subquery())).one()
    low, high = low or 0, (most or 0) + 1
    while high - low > limits.STATEMENT_LOOKED_THROUGH:
        middle = (low + high) // 2
        number, at = session.exec(
            select(Posting.id, JournalEntry.created_at)
            .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
            .where(Posting.account_id == address, col(Posting.id) >= middle)
            .order_by(col(Posting.id))
            .limit(1)
        ).one()
        low, high = (int(number or 0) + 1, high) if at < moment else (low, middle)
    return low, high


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _movement(posting: Posting, entry: JournalEntry, order_id: str | None) -> Movement:
    return Movement(
        id=posting.id or 0,
        entry_id=entry.id,
        kind=entry.kind,
        label=LABELS[EntryKind(entry.kind)],
        cause=entry.cause,
        order_id=order_id,
        amount_nanos=Nanos(posting.amount_nanos),
        balance_nanos=Nanos(posting.balance_nanos or 0),
        created_at=entry.created_at,
    )


def _csv_line(movement: Movement) -> str:
    return csv_line(
        (
            movement.created_at.isoformat(timespec="seconds"),
            movement.label,
            usd_string(movement.amount_nanos),
            usd_string(movement.balance_nanos),
            inert(movement.cause),
            movement.entry_id,
        )
    )
