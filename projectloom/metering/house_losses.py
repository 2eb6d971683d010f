"""What an operator should look at among the replies: reports that contradict themselves, and what the house lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.models import User
from projectloom.db import reading
from projectloom.ids import first_id
from projectloom.ledger.models import Hold, HoldState
from projectloom.metering.models import Funding, Turn, UsageRecord
from projectloom.money import Nanos, format_usd

_CONTRADICTS = "the provider's report contradicts itself"
_NOTHING = "it brought nothing, so it was free"
_EXPIRED = "it could never be settled, so its hold expired; what it cost is not known"


@dataclass(frozen=True, slots=True)
class OddReply:
    """One reply that somebody should look at."""

    ended_at: datetime
    turn_id: str
    person: str
    """Their e-mail."""
    model: str
    provider_cost_nanos: Nanos | None
    """None where nobody knows."""
    charged_nanos: Nanos
    why: str


@dataclass(frozen=True, slots=True)
class Losses:
    """What the house paid for and nobody paid the house for."""

    replies: list[OddReply]
    """The newest first, at most as many as are shown."""
    titles: int
    """How many titles the house paid for, which is no accident."""
    titles_nanos: Nanos


def list_flagged(since: datetime | None = None) -> list[OddReply]:
    """The replies whose report contradicts itself, the newest first, at most as many as are shown."""
    with reading() as session:
        rows = _records(session, col(UsageRecord.flagged).is_(True), since)
    return [_odd(record, person, _CONTRADICTS) for record, person in rows]


def list_losses(since: datetime | None = None) -> Losses:
    """The replies that cost the house: used more than was held, brought nothing, or could never be settled."""
    brought_nothing = and_(
        col(UsageRecord.funding) == Funding.CREDITS,
        col(UsageRecord.charged_nanos) == 0,
        col(UsageRecord.provider_cost_nanos) > 0,
    )
    with reading() as session:
        rows = _records(session, or_(brought_nothing, col(UsageRecord.uncollected_nanos) > 0), since)
        found = [_odd(record, person, _why(record)) for record, person in rows] + _expired(session, since)
        titles = select(func.count(), func.coalesce(func.sum(UsageRecord.provider_cost_nanos), 0)).where(
            UsageRecord.funding == Funding.HOUSE, *_since(col(UsageRecord.created_at), since)
        )
        number, cost = session.exec(titles).one()
    found.sort(key=lambda one: one.ended_at, reverse=True)
    return Losses(found[: limits.USAGE_ROWS_LISTED], number, Nanos(int(cost)))


def lost_since(session: Session, moment: datetime) -> Nanos:
    """What replies cost the house since a moment. Reads every usage record since then, so let it be a day at most."""
    free = col(UsageRecord.charged_nanos) == 0
    lost = func.sum(case((free, UsageRecord.provider_cost_nanos), else_=UsageRecord.uncollected_nanos))
    query = select(func.coalesce(lost, 0)).where(
        col(UsageRecord.id) >= first_id("use", moment), UsageRecord.funding == Funding.CREDITS
    )
    return Nanos(int(session.exec(query).one()))


def _records(
    session: Session, condition: ColumnElement[bool], since: datetime | None
) -> Sequence[tuple[UsageRecord, str]]:
    query = (
        select(UsageRecord, User.email)
        .join(User, col(User.id) == col(UsageRecord.user_id))
        .where(condition, *_since(col(UsageRecord.created_at), since))
        .order_by(col(UsageRecord.created_at).desc())
        .limit(limits.USAGE_ROWS_LISTED)
    )
    return session.exec(query).all()


def _expired(session: Session, since: datetime | None) -> list[OddReply]:
    query = (
        select(Turn, User.email)
        .join(Hold, col(Hold.id) == col(Turn.hold_id))
        .join(User, col(User.id) == col(Turn.user_id))
        .where(Hold.state == HoldState.EXPIRED, *_since(col(Turn.created_at), since))
        .order_by(col(Turn.created_at).desc())
        .limit(limits.USAGE_ROWS_LISTED)
    )
    return [
        OddReply(turn.ended_at or turn.created_at, turn.id, person, turn.model, None, Nanos(0), _EXPIRED)
        for turn, person in session.exec(query).all()
    ]


def _since(moment: Any, since: datetime | None) -> tuple[ColumnElement[bool], ...]:
    return () if since is None else (moment >= since,)


def _why(record: UsageRecord) -> str:
    if record.uncollected_nanos:
        return f"it used {format_usd(record.uncollected_nanos)} more than was held"
    return _NOTHING


def _odd(record: UsageRecord, person: str, why: str) -> OddReply:
    return OddReply(
        record.created_at,
        record.turn_id,
        person,
        record.model,
        Nanos(record.provider_cost_nanos),
        Nanos(record.charged_nanos),
        why,
    )
