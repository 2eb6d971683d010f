"""The one source of the application's time: aware UTC."""

import calendar
from datetime import UTC, date, datetime, timedelta

from projectloom import limits
from projectloom.errors import InvalidInput


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def start_of_day(moment: datetime) -> datetime:
    """When the calendar day (UTC) of a moment began."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def start_of_month(moment: datetime) -> datetime:
    """When the calendar month (UTC) of a moment began."""
    return start_of_day(moment).replace(day=1)


def next_month(moment: datetime) -> datetime:
    """When the next calendar month (UTC) begins."""
    first = start_of_month(moment)
    return first + timedelta(days=calendar.monthrange(first.year, first.month)[1])


def read_day(name: str, text: str | None) -> date | None:
    """The day that somebody wrote as ``YYYY-MM-DD``; None for None. ``name`` is what it is called to them.

    Raises:
        InvalidInput: it is no such day, or one of another age.
    """
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # Weeks and dates without dashes are ISO too, but nobody means them here.
    if day is None or day.isoformat() != text or not limits.FIRST_YEAR <= day.year <= limits.LAST_YEAR:
        raise InvalidInput(f"{name} must be a day such as 2026-11-01.")
    return day
