"""Caps that people set: never passed, also by replies that run at once; the refusal says which and until when."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from projectloom.clock import next_month, now, start_of_day, start_of_month
from projectloom.db import reading
from projectloom.errors import CapReached, InvalidInput
from projectloom.mails.models import MailKind, MailOut
from projectloom.metering.caps import read_caps, set_caps
from projectloom.metering.models import CapScope
from projectloom.metering.quotes import estimate
from projectloom.money import from_usd
from tests.metering.conftest import MODEL
from tests.providers.dialects import O_WHOLE
from tests.providers.scripted_server import stream
from tests.spending import spend

WHOLE = stream(*O_WHOLE)
# Long enough for all to have begun before the first ends.
SLOW = [WHOLE[0], 2.0, *WHOLE[1:]]


def cap(person: str, scope: CapScope, dollars: int | None) -> None:
    set_caps(person, {scope: dollars})


def told(person: str) -> list[str]:
    with reading() as session:
        query = select(MailOut.subject).where(MailOut.user_id == person, MailOut.kind == MailKind.CAP)
        return list(session.exec(query.order_by(col(MailOut.id))).all())


@pytest.mark.parametrize("scope", [CapScope.DAY, CapScope.MONTH])
async def test_a_cap_that_is_used_up_refuses_and_says_which_and_until_when(world, scope: CapScope):
    async with world(WHOLE) as w:
        cap(w.person, scope, 2)
        spend(w.person, from_usd(2) - 1)
        with pytest.raises(CapReached) as refused:
            await w.start()
        assert (refused.value.data["scope"], refused.value.data["left_nanos"]) == (scope, 1)
        until = start_of_day(now()) + timedelta(days=1) if scope == CapScope.DAY else next_month(now())
        assert refused.value.data["resets_at"] == until
        assert f"{'daily' if scope == CapScope.DAY else 'monthly'} cap of $2.00" in refused.value.message
        found = estimate(w.person, MODEL, None, "Hello")
        assert (found.obstacle, found.obstacle_words) == ("cap_reached", refused.value.message)
        cap(w.person, scope, None)
        assert (await w.reply())[1].charged_nanos > 0


async def test_a_cap_shortens_a_reply_and_says_that_it_was_the_cap(world):
    async with world(WHOLE, nanos=100 * 10**9) as w:
        cap(w.person, CapScope.DAY, 1)
        spend(w.person, 950_000_000)
        found = estimate(w.person, "gpt-6-astra", None, "Hello")
        assert (found.clamped, found.capped) == (True, True)
        _, receipt = await w.reply(model="gpt-6-astra")
        assert receipt.clamped
        assert receipt.held_nanos <= 50_000_000


async def test_replies_that_run_at_once_never_hold_more_than_a_cap_leaves(world):
    async with world(*[SLOW] * 10, nanos=100 * 10**9) as w:
        cap(w.person, CapScope.DAY, 1)
        spend(w.person, from_usd(1) - 100_000_000)
        begun = await asyncio.gather(*[w.start(model="gpt-6-astra") for _ in range(10)], return_exceptions=True)
        started = [one for one in begun if not isinstance(one, BaseException)]
        assert all(isinstance(one, CapReached) for one in begun if isinstance(one, BaseException))
        assert 1 <= len(started) < 10
        assert sum(one.held_nanos for one in started) <= 100_000_000
        for one in started:
            await w.watch(one.turn_id)
        (view,) = read_caps(w.person)
        assert view.spent_nanos <= view.limit_nanos
        assert view.held_nanos == 0


async def test_a_cap_for_conversations_counts_each_by_itself(world):
    async with world(*[WHOLE] * 3) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        cap(w.person, CapScope.CONVERSATION, 1)
        (view,) = read_caps(w.person, started.conversation_id)
        assert 0 < view.spent_nanos < view.limit_nanos
        assert view.resets_at is None
        assert read_caps(w.person)[0].spent_nanos == 0
        (other,) = read_caps(w.person, "conv_another")
        assert other.spent_nanos == 0


async def test_each_threshold_is_told_once_and_only_the_highest_of_those_passed_together(world):
    async with world(*[WHOLE] * 4, nanos=100 * 10**9) as w:
        cap(w.person, CapScope.DAY, 1)
        await w.reply()
        assert told(w.person) == []
        spend(w.person, 499_999_999 - read_caps(w.person)[0].spent_nanos)
        await w.reply()
        assert told(w.person) == ["50 % of your daily cap is used"]
        await w.reply()
        assert len(told(w.person)) == 1
        cap(w.person, CapScope.DAY, 2)
        spend(w.person, 1_599_999_999 - read_caps(w.person)[0].spent_nanos)
        await w.reply()
        assert told(w.person)[1:] == ["80 % of your daily cap is used"]


async def test_nobody_with_their_own_keys_is_capped(world):
    async with world(WHOLE, mode="own") as w:
        cap(w.person, CapScope.DAY, 1)
        spend(w.person, from_usd(1))
        _, receipt = await w.reply(own_keys={"openai": "sk-own-0123456789"})
        assert receipt.charged_nanos == 0


@pytest.mark.parametrize("dollars", [0, -1, 1.5, "5", True, 10**9, float("nan")], ids=repr)
def test_an_odd_amount_sets_no_cap_at_all(person: str, dollars: object):
    with pytest.raises(InvalidInput):
        set_caps(person, {CapScope.DAY: 5, CapScope.MONTH: dollars})
    assert read_caps(person) == []


@pytest.mark.parametrize(
    ("moment", "day", "month", "following"),
    [
        (datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC), (2028, 2, 29), (2028, 2, 1), (2028, 3, 1)),
        (datetime(2026, 12, 31, tzinfo=UTC), (2026, 12, 31), (2026, 12, 1), (2027, 1, 1)),
        (datetime(2027, 3, 28, 1, 30, tzinfo=UTC), (2027, 3, 28), (2027, 3, 1), (2027, 4, 1)),
    ],
)
def test_days_and_months_are_those_of_the_calendar_in_utc(moment: datetime, day, month, following):
    assert start_of_day(moment) == datetime(*day, tzinfo=UTC)
    assert start_of_month(moment) == datetime(*month, tzinfo=UTC)
    assert next_month(moment) == datetime(*following, tzinfo=UTC)
