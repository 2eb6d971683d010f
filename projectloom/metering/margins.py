"""What replies brought and what they cost, by day and model: the operator's side of the meter.

A reply counts on the day (UTC) of the entry that captured it, so each day's charges are to the last digit what the
books posted to earnings on that day; one that was not charged counts on the day of its record. Replies on people's own
keys cost the operator nothing and are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, cast, func, literal_column, select
from sqlmodel import Session, col

from projectloom import limits
from projectloom.clock import now
from projectloom.db import reading
from projectloom.errors import InvalidInput
from projectloom.ids import first_id
from projectloom.ledger.accounts import EARNINGS
from projectloom.ledger.models import CreditLot, JournalEntry, LotKind, LotMovement, Posting
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import Nanos


@dataclass(frozen=True, slots=True)
class Margin:
    """The sums over some replies."""

    count: int
    charged_nanos: Nanos
    """What people paid from credit: the revenue."""
    given_nanos: Nanos
    """What of that was paid with given credit: no money ever came for it."""
    cost_nanos: Nanos
    """What the providers ask for, without markup."""
    uncollected_nanos: Nanos
    """What charges came to above their holds: nobody pays it."""

    @property
    def margin_nanos(self) -> Nanos:
        """Charges less cost. Below zero the house paid."""
        return Nanos(self.charged_nanos - self.cost_nanos)


@dataclass(frozen=True, slots=True)
class MarginLine:
    """One day, one model, or one model on one day."""

    day: date | None
    model: str
    """Empty for a whole day."""
    sums: Margin


@dataclass(frozen=True, slots=True)
class Margins:
    """A range of days."""

    since: date
    until: date
    """The last day; it is a part of the range."""
    whole: Margin
    days: tuple[MarginLine, ...]
    """Days on which there was something, the latest first."""
    models: tuple[MarginLine, ...]
    """The dearest first."""
    lines: tuple[MarginLine, ...]
    """Each model on each day, the latest day first."""
    earned_nanos: Nanos
    """What the books posted to earnings in the range."""

    @property
    def agrees(self) -> bool:
        """Whether the charges are what the books say."""
        return self.whole.charged_nanos == self.earned_nanos


def read_margins(since: date | None = None, until: date | None = None) -> Margins:
    """The days from ``since`` to ``until`` (UTC), both included; the latest ones unless told otherwise.

    Raises:
        InvalidInput: the range ends before it begins, or is longer than anybody reads.
    """
    last = until or now().date()
    first = since or last - timedelta(days=limits.MARGIN_DAYS - 1)
    if last < first:
        raise InvalidInput("The first day must not be after the last.")
    if (last - first).days >= limits.MOST_MARGIN_DAYS:
        raise InvalidInput(f"Please choose at most {limits.MOST_MARGIN_DAYS} days.")
    start, end = _midnight(first), _midnight(last + timedelta(days=1))
    with reading() as session:
        lines = _lines(session, start, end)
        earned = _earned(session, start, end)
    return Margins(
        since=first,
        until=last,
        whole=_sum(line.sums for line in lines),
        days=_grouped(lines, by_day=True),
        models=_grouped(lines, by_day=False),
        lines=lines,
        earned_nanos=earned,
    )


def _lines(session: Session, start: datetime, end: datetime) -> tuple[MarginLine, ...]:
    at = func.coalesce(col(JournalEntry.created_at), col(UsageRecord.created_at))
    given = _given_by_entry(start)
    columns: list[ColumnElement[Any]] = [
        _day(session, at).label("day"),
        col(UsageRecord.model).label("model"),
        func.count(),
        func.sum(UsageRecord.charged_nanos),
        func.coalesce(func.sum(given.c.given_nanos), 0),
        func.sum(UsageRecord.provider_cost_nanos),
        func.sum(UsageRecord.uncollected_nanos),
    ]
    query = (
        select(*columns)
        .select_from(UsageRecord)
        .outerjoin(JournalEntry, col(JournalEntry.id) == col(UsageRecord.entry_id))
        .outerjoin(given, given.c.entry_id == col(UsageRecord.entry_id))
        # Nothing older is read, with room for servers whose clocks differ; the moments decide.
        .where(
            col(UsageRecord.id) >= first_id("use", start - _SLACK),
            col(UsageRecord.funding) != Funding.OWN_KEY,
            at >= start,
            at < end,
        )
        .group_by(literal_column("day"), literal_column("model"))
    )
    rows = [tuple(row) for row in session.connection().execute(query)]
    found = [MarginLine(_as_day(row[0]), row[1], _margin(row[2:])) for row in rows]
    return tuple(sorted(found, key=lambda line: (-(line.day or date.min).toordinal(), *_dearest_first(line))))


def _given_by_entry(start: datetime) -> Any:
    """What each capture took from lots that were not bought."""
    bought = col(CreditLot.kind) == LotKind.PAID
    query = (
        select(col(LotMovement.entry_id), (-func.sum(LotMovement.amount_nanos)).label("given_nanos"))
        .join(CreditLot, and_(col(CreditLot.id) == col(LotMovement.lot_id), ~bought))
        .where(col(LotMovement.entry_id) >= first_id("je", start - _SLACK), col(LotMovement.amount_nanos) < 0)
        .group_by(col(LotMovement.entry_id))
    )
    return query.subquery()


def _earned(session: Session, start: datetime, end: datetime) -> Nanos:
    query: Select[Any] = (
        select(func.coalesce(func.sum(Posting.amount_nanos), 0))
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            col(Posting.account_id) == EARNINGS,
            col(Posting.entry_id) >= first_id("je", start - _SLACK),
            col(JournalEntry.created_at) >= start,
            col(JournalEntry.created_at) < end,
        )
    )
    return Nanos(int(session.connection().execute(query).scalar_one()))


def _grouped(lines: Iterable[MarginLine], *, by_day: bool) -> tuple[MarginLine, ...]:
    groups: dict[tuple[date | None, str], list[Margin]] = {}
    for line in lines:
        groups.setdefault((line.day, "") if by_day else (None, line.model), []).append(line.sums)
    found = [MarginLine(day, model, _sum(sums)) for (day, model), sums in groups.items()]
    # Days come in their order already.
    return tuple(found if by_day else sorted(found, key=_dearest_first))


def _dearest_first(line: MarginLine) -> tuple[int, int, str]:
    return -line.sums.charged_nanos, -line.sums.cost_nanos, line.model


def _sum(margins: Iterable[Margin]) -> Margin:
    group = list(margins)
    return _margin(
        (
            sum(one.count for one in group),
            sum(one.charged_nanos for one in group),
            sum(one.given_nanos for one in group),
            sum(one.cost_nanos for one in group),
            sum(one.uncollected_nanos for one in group),
        )
    )


def _margin(values: Iterable[Any]) -> Margin:
    count, charged, given, cost, uncollected = (int(value) for value in values)
    return Margin(count, Nanos(charged), Nanos(given), Nanos(cost), Nanos(uncollected))


def _day(session: Session, at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day (UTC) of a moment. SQLite keeps moments as text that begins with the day."""
    if session.connection().dialect.name == "sqlite":
        return func.substr(at, 1, len("2026-11-01"))
    return cast(func.timezone(literal_column("'UTC'"), at), Date)


def _as_day(found: date | str) -> date:
    return date.fromisoformat(found) if isinstance(found, str) else found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


_SLACK = timedelta(seconds=limits.CLOCKS_DIFFER_SECONDS)
