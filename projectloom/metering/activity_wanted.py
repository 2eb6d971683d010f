"""What is asked for of a person's usage: a range of days, and one name for each side that is chosen.

The page, its file and its list of replies ask with the same words, so that they show the same records.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col

from projectloom.clock import now, read_day
from projectloom.errors import InvalidInput
from projectloom.metering.models import Funding, UsageRecord
from projectloom.metering.usage import period_bounds
from projectloom.texts import is_storable

# What stands for "came without a key" and "belongs to no conversation" where a key or a conversation is named.
NONE = "none"

PAYERS = (Funding.CREDITS, Funding.OWN_KEY)

FREE = "days"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are asked for. An empty name asks for all."""

    since: date | None = None
    """The first day (UTC)."""
    until: date | None = None
    """The last day; it is a part of the range."""
    on: date | None = None
    """One day of the range."""
    model: str = ""
    source: str = ""
    key: str = ""
    payer: str = ""
    conversation: str = ""


def want(period: str, named: Mapping[str, str]) -> Wanted:
    """What an address asks for: a period of :data:`~projectloom.metering.usage.PERIODS` or ``days``, and names.

    ``named`` may have ``since``, ``until`` and ``on`` (days as ``YYYY-MM-DD``; the first two count for ``days`` alone),
    ``model``, ``source``, ``key``, ``payer`` and ``conversation``.

    Raises:
        InvalidInput: there is no such period, day or payer, or the range ends before it begins.
    """
    if period == FREE:
        since, until = read_day("since", named.get("since") or None), read_day("until", named.get("until") or None)
    else:
        start, end = period_bounds(period, now())
        since, until = start and start.date(), end and end.date() - timedelta(days=1)
    if since and until and until < since:
        raise InvalidInput("The first day must not be after the last.")
    texts = {name: named.get(name, "") for name in ("model", "source", "key", "payer", "conversation")}
    if not all(is_storable(text) for text in texts.values()) or texts["payer"] not in ("", *PAYERS):
        raise InvalidInput("There is nothing of that name.")
    return Wanted(since, until, read_day("on", named.get("on") or None), **texts)


def records_of(user_id: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    """The conditions under which a usage record is one of those that are asked for."""
    found = [
        col(UsageRecord.user_id) == user_id,
        col(UsageRecord.funding) != Funding.HOUSE,
        *_between(wanted.since, wanted.until),
        *_between(wanted.on, wanted.on),
    ]
    for column, name in (
        (col(UsageRecord.model), wanted.model),
        (col(UsageRecord.source), wanted.source),
        (col(UsageRecord.funding), wanted.payer),
        (col(UsageRecord.api_key_id), wanted.key),
        (col(UsageRecord.conversation_id), wanted.conversation),
    ):
        if name:
            found.append(column.is_(None) if name == NONE else column == name)
    return found


def _between(first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if first is not None:
        found.append(col(UsageRecord.created_at) >= _midnight(first))
    if last is not None:
        found.append(col(UsageRecord.created_at) < _midnight(last) + timedelta(days=1))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
