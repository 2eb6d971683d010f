"""Usage over a period: what was used and what it cost, by provider, model and source."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import BigInteger, case, cast, func, select
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
        by_provider = _grouped(session, user_id, start, end, "provider")
        by_model = _grouped(session, user_id, start, end, "model")
        by_source = _grouped(session, user_id, start, end, "source")
    return UsageSummary(
        count=sum(line.count for line in by_provider),
        total_nanos=Nanos(sum((line.charged_nanos for line in by_provider), ZERO)),
        own_key_cost_nanos=Nanos(sum((line.own_key_cost_nanos for line in by_provider), ZERO)),
        by_provider=by_provider,
        by_model=by_model,
        by_source=by_source,
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


def _grouped(
    session: Session, user_id: str, start: datetime | None, end: datetime | None, column: str
) -> tuple[UsageLine, ...]:
    name = col(getattr(UsageRecord, column))
    # Added as wide numbers: four columns of what a provider reported may not fit into one.
    inputs = (
        cast(UsageRecord.input_tokens, BigInteger)
        + col(UsageRecord.cache_read_tokens)
        + col(UsageRecord.cache_write_5m_tokens)
        + col(UsageRecord.cache_write_1h_tokens)
    )
    own = case((col(UsageRecord.funding) == Funding.OWN_KEY, col(UsageRecord.provider_cost_nanos)), else_=0)
    charged = func.sum(UsageRecord.charged_nanos)
    query = (
        select(name, func.count(), func.sum(inputs), func.sum(UsageRecord.output_tokens), charged, func.sum(own))
        .where(col(UsageRecord.user_id) == user_id)
        .group_by(name)
        .order_by(charged.desc(), name)
    )
    if column != "source":
        # What the person did not ask for stands among the sources, where it has a name, and is counted nowhere else.
        query = query.where(col(UsageRecord.funding) != Funding.HOUSE)
    if start is not None:
        query = query.where(col(UsageRecord.created_at) >= start)
    if end is not None:
        query = query.where(col(UsageRecord.created_at) < end)
    rows = session.connection().execute(query).all()
    return tuple(
        UsageLine(row[0], row[1], int(row[2]), int(row[3]), Nanos(int(row[4])), Nanos(int(row[5]))) for row in rows
    )
