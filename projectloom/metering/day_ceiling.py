"""The operator's ceiling: what a day's replies may cost them at their providers, whoever used them and whatever came.

It counts what replies on credits, and those that the house pays for, have cost since midnight (UTC, by the database's
clock), with those that brought nothing, and what the ones that are being written may cost at most. One whose own most
would bring that above the ceiling is not begun, before anything is held. Near the ceiling openings ask one after the
other, so that no two take the same room. Replies on people's own keys cost the operator nothing.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.clock import start_of_day
from projectloom.config import settings
from projectloom.db import database_now, engine, in_thread, lock_name, reading, transaction
from projectloom.errors import DatabaseUnavailable, DayCeilingReached
from projectloom.fresh import Fresh
from projectloom.ids import first_id
from projectloom.mails.alerts import alert
from projectloom.metering.models import Funding, Turn, UsageRecord, is_open
from projectloom.money import Nanos, format_usd

_PAID_BY_THE_HOUSE = (Funding.CREDITS, Funding.HOUSE)


@dataclass(frozen=True, slots=True)
class DaySpending:
    """What a day has cost the operator so far."""

    day: date
    spent_nanos: Nanos
    held_nanos: Nanos
    """What the replies that are being written may cost at most."""
    seconds_left: int
    """Until the next day begins."""

    @property
    def most_nanos(self) -> Nanos:
        """What the day costs if every reply that is being written costs its most."""
        return Nanos(self.spent_nanos + self.held_nanos)


def day_spending(session: Session) -> DaySpending:
    """What today has cost the operator so far."""
    moment = database_now(session)
    today = start_of_day(moment)
    # Ids begin with the time at which a server made them, whose clock may differ; the index of them is enough.
    earliest = first_id("use", today - timedelta(seconds=limits.CLOCKS_DIFFER_SECONDS))
    spent = select(func.coalesce(func.sum(UsageRecord.provider_cost_nanos), 0)).where(
        col(UsageRecord.id) >= earliest,
        col(UsageRecord.created_at) >= today,
        col(UsageRecord.funding).in_(_PAID_BY_THE_HOUSE),
    )
    held = select(func.coalesce(func.sum(Turn.held_nanos), 0)).where(
        is_open(), col(Turn.funding).in_(_PAID_BY_THE_HOUSE)
    )
    left = int((today + timedelta(days=1) - moment).total_seconds()) + 1
    return DaySpending(today.date(), Nanos(int(session.exec(spent).one())), Nanos(int(session.exec(held).one())), left)


def check_day_ceiling(session: Session, *, hold_nanos: Nanos) -> None:
    """Refuse a reply at the operator's expense that may cost so much. Raises DayCeilingReached.

    To be asked after the locks of the person's accounts and before any other row: near the ceiling it lets nobody else
    get past until the caller's transaction ends.
    """
    ceiling = settings().daily_spend_nanos
    if ceiling is None:
        return
    # What the house pays for is held by nobody; when the ceiling is reached it costs too much all the same.
    least = max(hold_nanos, 1)
    found = day_spending(session)
    if found.most_nanos + least > _near(ceiling):
        lock_name(session, "day_ceiling")
        found = day_spending(session)
    if found.most_nanos + least > ceiling:
        raise DayCeilingReached(retry_after=found.seconds_left)


@asynccontextmanager
async def quick_room(hold_nanos: int) -> AsyncGenerator[bool]:
    """Whether a hold may be taken without :func:`check_day_ceiling`, as the ceiling is far; it counts from here on.

    By what was known within the named time, with all that this process has begun to take in this way since then.
    """
    ceiling = settings().daily_spend_nanos
    if ceiling is None or not hold_nanos:
        yield True
        return
    lately = _memories.setdefault(engine(), _Lately())
    if await lately.most_nanos() + hold_nanos > _near(ceiling):
        yield False
        return
    lately.begun_nanos += hold_nanos
    try:
        yield True
    finally:
        # Refused or not: until the next look-up it is better counted than forgotten.
        lately.ended_nanos += hold_nanos


def alert_reached(session: Session, found: DaySpending) -> None:
    """Tell the operator, once a day, that the ceiling keeps replies from being begun."""
    most = format_usd(Nanos(settings().daily_spend_nanos or 0))
    alert(
        session,
        key=f"day_ceiling:{found.day}",
        subject=f"The day's ceiling of {most} is reached",
        words=f"Replies on credits have cost {format_usd(found.spent_nanos)} at the providers today, and those that "
        f"are being written may cost {format_usd(found.held_nanos)} more. None is begun that could bring it above "
        f"DAILY_SPEND_USD ({most}), until midnight UTC at the latest. Own keys work as before.",
    )


def note_refused() -> None:
    """Tell the operator, once a day, that a reply was refused for the ceiling."""
    lately = _memories.setdefault(engine(), _Lately())
    with suppress(DatabaseUnavailable):
        found = read_day_spending()
        if lately.told == found.day:
            return
        with transaction() as session:
            alert_reached(session, found)
        lately.told = found.day


def read_day_spending() -> DaySpending:
    """What today has cost the operator so far."""
    with reading() as session:
        return day_spending(session)


def _near(ceiling: Nanos) -> int:
    return ceiling * limits.DAY_CEILING_EXACT_PERCENT // 100


class _Look(NamedTuple):
    spending: DaySpending
    ended_nanos: int
    """What had ended before it, and is surely in it."""


_DAY = "today"


class _Lately:
    """What is known of one database's day, and what this process has taken there on the quick way."""

    def __init__(self) -> None:
        self._fresh = Fresh[_Look](seconds=limits.DAY_CEILING_FRESH_SECONDS, most=1)
        self.begun_nanos, self.ended_nanos = 0, 0
        """Of all holds ever begun to be taken, and of those whose writing has ended."""
        self.told: date | None = None

    async def most_nanos(self) -> int:
        """What the day may cost by the last look-up and all that may not have been in it."""
        look, asked_at = self._fresh.get(_DAY), monotonic()
        if look is None:
            ended = self.ended_nanos
            look = _Look(await in_thread(read_day_spending), ended)
            self._fresh.put(_DAY, look, asked_at=asked_at)
        return look.spending.most_nanos + self.begun_nanos - look.ended_nanos


_memories: WeakKeyDictionary[Engine, _Lately] = WeakKeyDictionary()
