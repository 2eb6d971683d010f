"""Limits of a person's API keys: what one key may spend from credit in a day, in a month and ever.

They count as the person's caps do: what was charged in the window and what running replies of the key may still take.
Callers hold the lock on the person's account, under which all of their keys spend.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from projectloom.accounts.models import ApiKey
from projectloom.clock import next_month, start_of_day, start_of_month
from projectloom.db import database_now, reading
from projectloom.metering.caps import Cap
from projectloom.metering.models import KeyScope, Turn, UsageRecord, is_open
from projectloom.money import ZERO, Nanos

_WORDS = {KeyScope.DAY: "daily limit", KeyScope.MONTH: "monthly limit", KeyScope.TOTAL: "limit in total"}


@dataclass(frozen=True, slots=True)
class KeyCap(Cap):
    """One limit of a key and how far it is used."""

    endless: ClassVar[str] = "It never starts anew."
    change: ClassVar[str] = "A key's limits stay as they were made; in the settings you can make another with more"

    scope: KeyScope
    key_id: str
    key_name: str

    @property
    def title(self) -> str:
        """As a mail and a refusal call it."""
        return f"the {_WORDS[self.scope]} of your key “{self.key_name}”"


@dataclass(frozen=True, slots=True)
class KeySpending:
    """What a key was charged, in UTC's current day and month and ever."""

    day_nanos: Nanos = ZERO
    month_nanos: Nanos = ZERO
    total_nanos: Nanos = ZERO


def key_caps_of(session: Session, key_id: str) -> list[KeyCap]:
    """The limits of a key with their use; empty where it has none."""
    key = session.get_one(ApiKey, key_id)
    allowed = {
        KeyScope.DAY: key.limit_day_nanos,
        KeyScope.MONTH: key.limit_month_nanos,
        KeyScope.TOTAL: key.limit_total_nanos,
    }
    wanted = {scope: limit for scope, limit in allowed.items() if limit is not None}
    if not wanted:
        return []
    moment = database_now(session)
    held = _held(session, key)
    return [_view(session, key, scope, limit, held=held, moment=moment) for scope, limit in wanted.items()]


def spending_of_keys(key_ids: list[str]) -> dict[str, KeySpending]:
    """What each of these keys spent; a key that spent nothing is not among them."""
    if not key_ids:
        return {}
    charged, created_at = col(UsageRecord.charged_nanos), col(UsageRecord.created_at)
    with reading() as session:
        moment = database_now(session)
        query = (
            select(
                UsageRecord.api_key_id,
                func.sum(case((created_at >= start_of_day(moment), charged), else_=0)),
                func.sum(case((created_at >= start_of_month(moment), charged), else_=0)),
                func.sum(charged),
            )
            .where(col(UsageRecord.api_key_id).in_(key_ids))
            .group_by(col(UsageRecord.api_key_id))
        )
        rows = session.exec(query).all()
    return {
        str(key_id): KeySpending(Nanos(int(day)), Nanos(int(month)), Nanos(int(total)))
        for key_id, day, month, total in rows
    }


def _held(session: Session, key: ApiKey) -> Nanos:
    query = select(func.coalesce(func.sum(Turn.held_nanos), 0)).where(
        Turn.user_id == key.user_id, Turn.api_key_id == key.id, is_open()
    )
    return Nanos(int(session.exec(query).one()))


def _view(session: Session, key: ApiKey, scope: KeyScope, limit: int, *, held: Nanos, moment: datetime) -> KeyCap:
    spent = select(func.coalesce(func.sum(UsageRecord.charged_nanos), 0)).where(UsageRecord.api_key_id == key.id)
    resets_at = None
    match scope:
        case KeyScope.DAY:
            spent = spent.where(UsageRecord.created_at >= start_of_day(moment))
            resets_at = start_of_day(moment) + timedelta(days=1)
        case KeyScope.MONTH:
            spent = spent.where(UsageRecord.created_at >= start_of_month(moment))
            resets_at = next_month(moment)
        case KeyScope.TOTAL:
            pass
    return KeyCap(
        scope=scope,
        limit_nanos=Nanos(limit),
        spent_nanos=Nanos(int(session.exec(spent).one())),
        held_nanos=held,
        resets_at=resets_at,
        key_id=key.id,
        key_name=key.name,
    )
