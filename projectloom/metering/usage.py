"""Usage over a period: what was used and what it cost, by provider, model and source."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import BigInteger, cast, func, select
from sqlmodel import Session, col

from projectloom.clock import now
from projectloom.db import reading
from projectloom.errors import InvalidInput
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import ZERO, Nanos

Period = Literal["this_month", "last_month", "year_to_date", "all_time"]
PERIODS: tuple[Period, ...] = ("this_month", "last_month", "year_to_date", "all_time")


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One group of usage records."""

    name: str
    count: int
    input_tokens: int
    """All input pools together."""
    output_tokens: int
    charged_nanos: Nanos
    """Paid from credit."""
    own_key_cost_nanos: Nanos
    """What own-key replies cost at the provider's rates. Not paid here."""


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """A person's usage in a period."""

    count: int
    total_nanos: Nanos
    own_key_cost_nanos: Nanos
    by_provider: tuple[UsageLine, ...]
    by_model: tuple[UsageLine, ...]
    by_source: tuple[UsageLine, ...]


def summarize_usage(user_id: str, period: str) -> UsageSummary:
    """A person's usage in a period, the dearest first. Months and years are UTC's.

    Raises:
        InvalidInput: the period is not one of :data:`PERIODS`.
    """
    start, end = period_bounds(period, now())
    with reading() as session:
        used = _used(session, user_id, start, end)
    # What the person did not ask for stands among the sources, where it has a name, and is counted nowhere else.
    asked = [use for use in used if use.funding != Funding.HOUSE]
    by_provider = _lines((use.provider, use) for use in asked)
    return UsageSummary(
        count=sum(line.count for line in by_provider),
        total_nanos=Nanos(sum((line.charged_nanos for line in by_provider), ZERO)),
        own_key_cost_nanos=Nanos(sum((line.own_key_cost_nanos for line in by_provider), ZERO)),
        by_provider=by_provider,
        by_model=_lines((use.model, use) for use in asked),
        by_source=_lines((use.source, use) for use in used),
    )


def period_bounds(period: str, moment: datetime) -> tuple[datetime | None, datetime | None]:
    """Start (inclusive) and end (exclusive) of a period around a moment; None is unbounded."""
    month = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    match period:
        case "this_month":
            return month, None
        case "last_month":
            before = (
                month.replace(year=month.year - 1, month=12)
                if month.month == 1
                else month.replace(month=month.month - 1)
            )
            return before, month
        case "year_to_date":
            return month.replace(month=1), None
        case "all_time":
            return None, None
        case _:
            raise InvalidInput("Unknown period.")


@dataclass(frozen=True, slots=True)
class _Use:
    """The sums over a person's records that share all four names."""

    provider: str
    model: str
    source: str
    funding: str
    count: int
    input_tokens: int
    output_tokens: int
    charged_nanos: int
    cost_nanos: int


def _used(session: Session, user_id: str, start: datetime | None, end: datetime | None) -> list[_Use]:
    """All that a summary is made of, read in one pass."""
    # Added as wide numbers: four columns of what a provider reported may not fit into one.
    inputs = (
        cast(UsageRecord.input_tokens, BigInteger)
        + col(UsageRecord.cache_read_tokens)
        + col(UsageRecord.cache_write_5m_tokens)
        + col(UsageRecord.cache_write_1h_tokens)
    )
    names = [
        col(column) for column in (UsageRecord.provider, UsageRecord.model, UsageRecord.source, UsageRecord.funding)
    ]
    query = (
        select(
            *names,
            func.count(),
            func.sum(inputs),
            func.sum(UsageRecord.output_tokens),
            func.sum(UsageRecord.charged_nanos),
            func.sum(UsageRecord.provider_cost_nanos),
        )
        .where(col(UsageRecord.user_id) == user_id)
        .group_by(*names)
    )
    if start is not None:
        query = query.where(col(UsageRecord.created_at) >= start)
    if end is not None:
        query = query.where(col(UsageRecord.created_at) < end)
    return [_Use(*row[:4], *(int(value) for value in row[4:])) for row in session.connection().execute(query)]


def _lines(named: Iterable[tuple[str, _Use]]) -> tuple[UsageLine, ...]:
    """One line for each name, the dearest first."""
    groups: dict[str, list[_Use]] = {}
    for name, use in named:
        groups.setdefault(name, []).append(use)
    lines = [
        UsageLine(
            name=name,
            count=sum(use.count for use in uses),
            input_tokens=sum(use.input_tokens for use in uses),
            output_tokens=sum(use.output_tokens for use in uses),
            charged_nanos=Nanos(sum(use.charged_nanos for use in uses)),
            own_key_cost_nanos=Nanos(sum(use.cost_nanos for use in uses if use.funding == Funding.OWN_KEY)),
        )
        for name, uses in groups.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.charged_nanos, line.name)))
