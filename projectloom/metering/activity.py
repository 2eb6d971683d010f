"""What a person used, from every side: by day, model, source, access key, payer and conversation.

Everything is added up by the database in a few passes over the person's own records of the range, so the cost grows
with the range and not with the history. What the house paid for is left out. A record's day is the one on which it was
written, a moment after the movement of the same reply: only a reply that ends at midnight to the millisecond may stand
on another day in the statement.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, Select, cast, func, literal_column, select
from sqlmodel import Session, col

from projectloom import limits
from projectloom.accounts.models import ApiKey
from projectloom.clock import now
from projectloom.conversations.models import Conversation
from projectloom.db import reading
from projectloom.metering.activity_wanted import NONE, Wanted, records_of
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import ZERO, Nanos


@dataclass(frozen=True, slots=True)
class Sum:
    """Sums over a group of records. What credit paid and what own keys paid is never one number."""

    name: str = ""
    """The id of what is grouped by, or :data:`NONE`."""
    label: str = ""
    """What the person calls it, where they named it; empty when it is gone or has no other name."""
    count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    charged_nanos: Nanos = ZERO
    """Taken from credit."""
    own_key_nanos: Nanos = ZERO
    """What providers asked of the person's own keys."""


@dataclass(frozen=True, slots=True)
class Span:
    """One bar of the chart: a day, or a month where the range is long."""

    since: date
    until: date
    sums: Sum


@dataclass(frozen=True, slots=True)
class Activity:
    """A range from every side. A side leaves its own choice out, so that another can be chosen from it."""

    since: date
    until: date
    total: Sum
    spans: tuple[Span, ...]
    by_model: tuple[Sum, ...]
    by_source: tuple[Sum, ...]
    by_key: tuple[Sum, ...]
    by_payer: tuple[Sum, ...]
    by_conversation: tuple[Sum, ...]
    """The dearest; empty where it was not asked for."""
    other_conversations: Sum = field(default_factory=Sum)
    """All the others together."""


def read_activity(user_id: str, wanted: Wanted, *, conversations: bool = True) -> Activity:
    """A person's records of a range, added up; by conversation only if it is asked for."""
    with reading() as session:
        since, until = _range(session, user_id, wanted)
        ranged = replace(wanted, since=since, until=until)
        cells = _cells(session, user_id, replace(ranged, on=None))
        focus = _cells(session, user_id, ranged) if wanted.on else cells
        total = _sum(_chosen(focus, wanted))
        dearest, others = (), Sum()
        if conversations:
            dearest, others = _conversations(session, user_id, ranged)
        names = key_names(session, user_id, {cell.key for cell in focus})
    return Activity(
        since=since,
        until=until,
        total=total,
        spans=_spans(since, until, _chosen(cells, wanted)),
        by_model=_side(focus, wanted, "model"),
        by_source=_side(focus, wanted, "source"),
        by_key=tuple(replace(line, label=names.get(line.name, "")) for line in _side(focus, wanted, "key")),
        by_payer=_side(focus, wanted, "payer"),
        by_conversation=dearest,
        other_conversations=others,
    )


def conversation_titles(session: Session, user_id: str, ids: Iterable[str | None]) -> dict[str, str]:
    """The titles of those of the person's conversations that are not in the trash, by id."""
    query = select(col(Conversation.id), col(Conversation.title)).where(
        col(Conversation.id).in_({one for one in ids if one}),
        col(Conversation.user_id) == user_id,
        col(Conversation.deleted_at).is_(None),
    )
    return {row[0]: row[1] for row in session.connection().execute(query)}


def key_names(session: Session, user_id: str, ids: Iterable[str | None]) -> dict[str, str]:
    """The names of the person's access keys, revoked ones too, by id."""
    query = select(col(ApiKey.id), col(ApiKey.name)).where(
        col(ApiKey.id).in_({one for one in ids if one}), col(ApiKey.user_id) == user_id
    )
    return {row[0]: row[1] for row in session.connection().execute(query)}


def _range(session: Session, user_id: str, wanted: Wanted) -> tuple[date, date]:
    """The first and the last day that are shown: what is open begins with the first record and ends today."""
    today = now().date()
    since, until = wanted.since, min(wanted.until or today, today)
    if since is None:
        query = select(func.min(col(UsageRecord.created_at))).where(col(UsageRecord.user_id) == user_id)
        first = session.connection().execute(query).scalar()
        since = min(first.date() if first else today, until)
    return since, max(until, since)


@dataclass(frozen=True, slots=True)
class _Cell:
    """The sums over the records that share a bar of the chart and all their names."""

    bar: date
    model: str
    source: str
    payer: str
    key: str
    count: int
    input_tokens: int
    output_tokens: int
    charged_nanos: int
    cost_nanos: int


def _by_months(since: date, until: date) -> bool:
    return (until - since).days >= limits.ACTIVITY_DAYS_DRAWN


def _cells(session: Session, user_id: str, wanted: Wanted) -> list[_Cell]:
    """The records of the range and the conversation, whatever else is chosen, in one pass."""
    monthly = wanted.on is None and wanted.since and wanted.until and _by_months(wanted.since, wanted.until)
    bar = _bar(session, monthly=bool(monthly)).label("bar")
    names: list[Any] = [
        col(column) for column in (UsageRecord.model, UsageRecord.source, UsageRecord.funding, UsageRecord.api_key_id)
    ]
    only = Wanted(wanted.since, wanted.until, wanted.on, conversation=wanted.conversation)
    columns: list[ColumnElement[Any]] = [bar, *names, *_SUMS]
    query = select(*columns).where(*records_of(user_id, only)).group_by(literal_column("bar"), *names)
    return [
        _Cell(_as_day(row[0]), row[1], row[2], row[3], row[4] or NONE, *(int(value) for value in row[5:]))
        for row in _rows(session, query)
    ]


def _rows(session: Session, query: Select[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.connection().execute(query)]


def _bar(session: Session, *, monthly: bool) -> ColumnElement[Any]:
    """The day or month (UTC) of a record. SQLite keeps moments as text that begins with the day."""
    if session.connection().dialect.name == "sqlite":
        return func.substr(col(UsageRecord.created_at), 1, len("2026-11" if monthly else "2026-11-01"))
    at = func.timezone(literal_column("'UTC'"), col(UsageRecord.created_at))
    return cast(func.date_trunc(literal_column("'month'"), at) if monthly else at, Date)


def _as_day(found: date | str) -> date:
    return (
        date.fromisoformat(found if len(found) > len("2026-11") else f"{found}-01") if isinstance(found, str) else found
    )


# Added as wide numbers: four columns of what a provider reported may not fit into one.
_INPUTS = (
    cast(UsageRecord.input_tokens, BigInteger)
    + col(UsageRecord.cache_read_tokens)
    + col(UsageRecord.cache_write_5m_tokens)
    + col(UsageRecord.cache_write_1h_tokens)
)
_SUMS = (
    func.count(),
    func.sum(_INPUTS),
    func.sum(UsageRecord.output_tokens),
    func.sum(UsageRecord.charged_nanos),
    func.sum(UsageRecord.provider_cost_nanos),
)

_SIDES: dict[str, Callable[[_Cell], str]] = {
    "model": lambda cell: cell.model,
    "source": lambda cell: cell.source,
    "key": lambda cell: cell.key,
    "payer": lambda cell: cell.payer,
}


def _chosen(cells: Iterable[_Cell], wanted: Wanted, *, but: str = "") -> list[_Cell]:
    """The cells of every choice but one."""
    asked = {side: name for side in _SIDES if side != but and (name := getattr(wanted, side))}
    return [cell for cell in cells if all(_SIDES[side](cell) == name for side, name in asked.items())]


def _side(cells: Iterable[_Cell], wanted: Wanted, side: str) -> tuple[Sum, ...]:
    """One line for each name of a side, the dearest first."""
    groups: dict[str, list[_Cell]] = {}
    for cell in _chosen(cells, wanted, but=side):
        groups.setdefault(_SIDES[side](cell), []).append(cell)
    return _dearest_first(_sum(group, name) for name, group in groups.items())


def _dearest_first(lines: Iterable[Sum]) -> tuple[Sum, ...]:
    return tuple(sorted(lines, key=lambda line: (-line.charged_nanos, -line.own_key_nanos, -line.count, line.name)))


def _sum(cells: Iterable[_Cell], name: str = "") -> Sum:
    group = list(cells)
    return Sum(
        name=name,
        count=sum(cell.count for cell in group),
        input_tokens=sum(cell.input_tokens for cell in group),
        output_tokens=sum(cell.output_tokens for cell in group),
        charged_nanos=Nanos(sum(cell.charged_nanos for cell in group)),
        own_key_nanos=Nanos(sum(cell.cost_nanos for cell in group if cell.payer == Funding.OWN_KEY)),
    )


def _spans(since: date, until: date, cells: Iterable[_Cell]) -> tuple[Span, ...]:
    """Every bar of the range, those of nothing too."""
    groups: dict[date, list[_Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.bar, []).append(cell)
    if not _by_months(since, until):
        days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
        return tuple(Span(day, day, _sum(groups.get(day, ()))) for day in days)
    first = since.replace(day=1)
    months: list[Span] = []
    while first <= until:
        following = (first + timedelta(days=31)).replace(day=1)
        ends = min(following - timedelta(days=1), until)
        months.append(Span(max(first, since), ends, _sum(groups.get(first, ()))))
        first = following
    return tuple(months)


def _conversations(session: Session, user_id: str, wanted: Wanted) -> tuple[tuple[Sum, ...], Sum]:
    """The dearest conversations, whichever is chosen, and all the others together."""
    conversation, funding = col(UsageRecord.conversation_id), col(UsageRecord.funding)
    only = replace(wanted, conversation="")
    own = func.sum(UsageRecord.provider_cost_nanos).filter(funding == Funding.OWN_KEY)
    sums: list[ColumnElement[Any]] = [*_SUMS[:4], func.coalesce(own, 0).label("own")]
    columns: list[ColumnElement[Any]] = [conversation.label("name"), *sums]
    grouped = select(*columns).where(*records_of(user_id, only)).group_by(conversation)
    charged = func.sum(UsageRecord.charged_nanos)
    dearest = grouped.order_by(charged.desc(), literal_column("own").desc(), func.count().desc(), conversation)
    rows = _rows(session, dearest.limit(limits.ACTIVITY_CONVERSATIONS))
    (whole,) = _rows(session, select(*sums).where(*records_of(user_id, only)))
    titles = conversation_titles(session, user_id, [row[0] for row in rows])
    lines = tuple(_named(row[0] or NONE, titles.get(row[0] or "", ""), row[1:]) for row in rows)
    rest = [int(value or 0) - sum(int(row[place + 1]) for row in rows) for place, value in enumerate(whole)]
    return lines, _named("", "", rest)


def _named(name: str, label: str, values: Iterable[Any]) -> Sum:
    count, inputs, outputs, charged, own = (int(value) for value in values)
    return Sum(name, label, count, inputs, outputs, Nanos(charged), Nanos(own))
