"""A server's clock that is wrong, the zone it stands in, and the calendar's corners."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from projectloom import clock, db
from projectloom.billing.balance import read_balance
from projectloom.billing.expiry import expire_credit
from projectloom.clock import next_month, start_of_day, start_of_month
from projectloom.db import database_now, reading, transaction
from projectloom.ledger.credits import grant
from projectloom.metering.day_ceiling import read_day_spending
from projectloom.metering.models import Turn, TurnState
from projectloom.metering.recovery import recover_turns
from projectloom.metering.usage import period_bounds
from tests.conftest import forget_settings, fresh_database, new_person
from tests.spending import spend

DOLLAR = 10**9


@pytest.fixture
def shared_books(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Books on Postgres, which has a clock of its own."""
    with fresh_database(request, "postgres", tmp_path / "data") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        forget_settings()
        yield
        db.engine().dispose()


@pytest.fixture(params=[-10, 10], ids=["ten minutes slow", "ten minutes fast"])
def wrong_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This server's clock is off; the database's is not."""

    class Off(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=request.param)

    monkeypatch.setattr(clock, "datetime", Off)


@pytest.mark.usefixtures("shared_books", "wrong_clock")
def test_a_clock_that_is_ten_minutes_off_neither_ends_a_reply_early_nor_lets_credit_live_on() -> None:
    person = new_person()
    with transaction() as session:
        moment = database_now(session)
        assert abs((clock.now() - moment).total_seconds()) > 500
        soon = moment + timedelta(seconds=1)
        grant(session, user_id=person, reason="short", amount_nanos=DOLLAR, expires_at=soon)
        grant(session, user_id=person, reason="long", amount_nanos=DOLLAR, expires_at=moment + timedelta(minutes=5))
    time.sleep(1.2)
    assert expire_credit() == 1
    assert read_balance(person).posted_nanos == DOLLAR
    # A reply that another server vouches for is left alone, and one without a server is not, whatever the clock says.
    spend(person, DOLLAR // 2)
    with transaction() as session:
        turn = session.exec(select(Turn)).one()
        template = turn.model_dump()
        for name, lease in (("living", 60), ("dead", -60)):
            values = {"id": f"turn_{name}", "state": TurnState.STREAMING, "funding": "own_key", "hold_id": None}
            values |= {"held_nanos": 0, "ended_at": None, "completion": None}
            values["lease_until"] = database_now(session) + timedelta(seconds=lease)
            session.add(Turn(**(template | values)))
    recover_turns(frozenset())
    with reading() as session:
        found = {turn.id: turn.state for turn in session.exec(select(Turn)).all()}
    assert found["turn_living"] == TurnState.STREAMING
    assert found["turn_dead"] != TurnState.STREAMING


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_days_are_those_of_utc_whatever_zone_the_server_is_in(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("PGTZ", zone)
    time.tzset()
    try:
        with fresh_database(request, "postgres", tmp_path / "data") as environment:
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            forget_settings()
            person = new_person()
            with transaction() as session:
                grant(session, user_id=person, reason="some", amount_nanos=DOLLAR)
                assert abs((database_now(session) - datetime.now(UTC)).total_seconds()) < 60
            spend(person, 1_000)
            found = read_day_spending()
            assert found.spent_nanos == 1_000
            assert found.day == datetime.now(UTC).date()
            db.engine().dispose()
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
        forget_settings()


@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"])
def test_a_day_on_which_clocks_change_has_24_hours(day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin" if day in ("2026-03-29", "2026-10-25") else "America/New_York")
    time.tzset()
    try:
        noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        begins, next_begins = start_of_day(noon), start_of_day(noon + timedelta(days=1))
        assert next_begins - begins == timedelta(hours=24)
        assert begins.isoformat() == f"{day}T00:00:00+00:00"
        # A moment that is told in another zone belongs to UTC's day.
        assert start_of_day(noon.astimezone()) == begins
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_months_end_where_the_calendar_says_also_in_leap_years() -> None:
    leap = datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    assert next_month(leap) == datetime(2028, 3, 1, tzinfo=UTC)
    assert start_of_month(leap) == datetime(2028, 2, 1, tzinfo=UTC)
    assert next_month(datetime(2027, 2, 28, tzinfo=UTC)) == datetime(2027, 3, 1, tzinfo=UTC)
    assert next_month(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_month(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2026, 2, 1, tzinfo=UTC)
    start, end = period_bounds("last_month", datetime(2028, 3, 31, tzinfo=UTC))
    assert (start, end) == (datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC))
    assert end is not None
    assert start is not None
    assert (end - start).days == 29
