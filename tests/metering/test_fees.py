"""Fees per use on a turn's way through the books: counted, charged beside the tokens, kept and shown."""

import json

import pytest
from sqlmodel import select

from projectloom.db import reading
from projectloom.metering.models import UsageRecord
from projectloom.metering.receipts import ReceiptLine
from projectloom.metering.settling import dump_usage, load_usage
from projectloom.money import Nanos
from projectloom.state.receipt import _rate
from projectloom.tokens import Usage
from tests.metering.conftest import World
from tests.providers.dialects import A_STOP, a_delta, a_start, a_text, o_chunk, o_text, o_usage
from tests.providers.scripted_server import stream

SEARCHED = {"output_tokens": 15, "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}}


def record_of(w: World) -> UsageRecord:
    with reading() as session:
        return session.exec(select(UsageRecord).where(UsageRecord.user_id == w.person)).one()


async def test_searches_that_a_provider_reports_are_charged_kept_and_shown_on_the_receipt(world):
    async with world(stream(a_start(), a_text("It rains."), a_delta(usage=SEARCHED), A_STOP)) as w:
        _, receipt = await w.reply(model="claude-sonnet-5-5")
        due = 25 * 2_000 + 15 * 10_000 + 2 * 10_000_000
        assert (receipt.charged_nanos, receipt.provider_cost_nanos) == (due, due)
        assert w.balances.posted_nanos == 10 * 10**9 - due
        [*_, line] = receipt.lines
        assert (line.label, line.quantity, line.rate_usd, line.per, line.cost_nanos) == (
            "Web searches",
            2,
            "10",
            1_000,
            20_000_000,
        )
        assert (record_of(w).web_searches, record_of(w).flagged) == (2, False)


async def test_fees_beyond_the_hold_are_the_house_s_loss(world):
    many = {"output_tokens": 15, "server_tool_use": {"web_search_requests": 500, "web_fetch_requests": 0}}
    async with world(stream(a_start(), a_text("It rains."), a_delta(usage=many), A_STOP)) as w:
        _, receipt = await w.reply(model="claude-sonnet-5-5")
        assert receipt.charged_nanos == receipt.held_nanos
        assert record_of(w).uncollected_nanos == receipt.provider_cost_nanos - receipt.held_nanos > 0


async def test_a_report_that_contradicts_itself_is_charged_by_its_pools_and_its_record_is_flagged(
    world, caplog: pytest.LogCaptureFixture
):
    odd = {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 41}
    async with world(stream(o_text("Hello"), o_chunk({}, "stop"), o_usage(odd), b"data: [DONE]\n\n")) as w:
        _, receipt = await w.reply()
        assert receipt.charged_nanos == 25 * 2_000 + 15 * 10_000
        assert receipt.usage.flagged
        assert record_of(w).flagged
        assert not receipt.estimated
    assert "contradicts itself" in caplog.text


def test_a_checkpoint_keeps_fees_and_one_from_before_there_were_fees_is_still_read():
    usage = Usage(input_tokens=25, output_tokens=15, web_searches=2, flagged=True)
    assert load_usage(dump_usage(usage, final=True)) == (usage, True)
    pools = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
    before = json.dumps({"final": False, **{f"{pool}_tokens": 7 for pool in pools}})
    assert load_usage(before) == (Usage(7, 7, 7, 7, 7, 7), False)


@pytest.mark.parametrize(("per", "shown"), [(1_000_000, "$2.5"), (1_000, "$2.5 per 1,000")])
def test_a_receipt_says_what_a_rate_is_for_unless_it_is_a_million_tokens(per: int, shown: str):
    assert _rate(ReceiptLine("Anything", 7, "2.5", per, Nanos(1))) == shown
