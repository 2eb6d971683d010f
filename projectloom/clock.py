"""The one source of the application's time: aware UTC."""

import calendar
from datetime import UTC, datetime, timedelta


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
