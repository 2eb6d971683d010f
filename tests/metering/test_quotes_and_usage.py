"""What is told before sending, and what is added up afterwards."""

from datetime import UTC, datetime

import pytest

from projectloom.errors import InvalidInput, NotFound, UnknownModel
from projectloom.metering.quotes import estimate, offers
from projectloom.metering.receipts import receipts_of
from projectloom.metering.usage import PERIODS, period_bounds, summarize_usage
from projectloom.workspace.preferences import set_api_key_mode
from tests.metering.conftest import MODEL
from tests.providers.dialects import O_WHOLE
from tests.providers.scripted_server import stream

WHOLE = stream(*O_WHOLE)


async def test_the_estimate_bounds_what_the_reply_then_costs(world):
    async with world(WHOLE) as w:
        told = estimate(w.person, MODEL, None, "Hello there")
        _, receipt = await w.reply()
        assert told.obstacle is None
        assert 0 < told.likely_nanos <= told.at_most_nanos
        assert receipt.charged_nanos <= told.at_most_nanos == receipt.held_nanos


async def test_the_estimate_says_when_the_balance_shortens_the_reply_or_refuses_it(world):
    async with world(WHOLE, nanos=120_000_000) as w:
        assert estimate(w.person, "gpt-6-astra", None, "Hello").clamped
    assert estimate("usr_nobody_at_all", MODEL, None, "Hello").obstacle == "missing_api_key"


async def test_too_little_credit_and_a_missing_key_are_told_beforehand(world):
    async with world(WHOLE, nanos=50_000_000) as w:
        assert estimate(w.person, MODEL, None, "Hello").obstacle == "insufficient_credits"
        set_api_key_mode(w.person, "own")
        assert estimate(w.person, MODEL, None, "Hello").obstacle == "missing_api_key"
        with pytest.raises(UnknownModel):
            estimate(w.person, "gpt-unknown", None, "Hello")
        with pytest.raises(NotFound):
            estimate(w.person, MODEL, "conv_unknown", "Hello")


async def test_usage_adds_up_by_provider_model_and_source_to_the_receipts(world):
    async with world(WHOLE) as w:
        started = [await w.start(model=model) for model in (MODEL, MODEL, "gpt-6-luna")]
        receipts = [(await w.watch(turn.turn_id))[1] for turn in started]
        for period in ("this_month", "year_to_date", "all_time"):
            summary = summarize_usage(w.person, period)
            assert (summary.count, summary.total_nanos) == (3, sum(r.charged_nanos for r in receipts))
            assert [(line.name, line.count) for line in summary.by_model] == [(MODEL, 2), ("gpt-6-luna", 1)]
            assert [line.name for line in summary.by_provider] == ["openai"]
            assert [line.name for line in summary.by_source] == ["chat"]
        assert summarize_usage(w.person, "last_month").count == 0
        assert summarize_usage("usr_other", "all_time").count == 0
        kept = receipts_of(w.person, [one.turn_id for one in started])
        assert kept[started[0].turn_id] == receipts[0]
        assert receipts_of("usr_other", [started[0].turn_id]) == {}


def test_every_chat_model_on_the_card_is_offered_with_the_price_of_a_page(books):
    offered = offers()
    assert len(offered) == 9
    assert all(offer.page_nanos > 0 for offer in offered)


def test_periods_are_right_at_the_turn_of_the_year_and_in_leap_years():
    new_year = datetime(2028, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert period_bounds("last_month", new_year) == (
        datetime(2027, 12, 1, tzinfo=UTC),
        datetime(2028, 1, 1, tzinfo=UTC),
    )
    leap = datetime(2028, 3, 1, tzinfo=UTC)
    assert period_bounds("last_month", leap) == (datetime(2028, 2, 1, tzinfo=UTC), leap)
    assert period_bounds("year_to_date", leap) == (datetime(2028, 1, 1, tzinfo=UTC), None)
    assert {period_bounds(period, leap)[1] is None for period in PERIODS} == {True, False}
    with pytest.raises(InvalidInput):
        period_bounds("forever", leap)
