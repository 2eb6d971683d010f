"""Where money is tight the provider's own count sharpens the bound, and only there."""

import json

import pytest

from projectloom.errors import InsufficientCredits
from projectloom.providers import ChatMessage
from tests.providers.dialects import A_WHOLE
from tests.providers.scripted_server import Step, refusal, stream

WHOLE = stream(*A_WHOLE)
MODEL = "claude-opus-5-5"
# Bytes bound it at 40,000 tokens; the provider counts far fewer.
LONG = (ChatMessage("user", "tide " * 8_000),)


def counted(tokens: object) -> list[Step]:
    data = json.dumps({"input_tokens": tokens}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return [head.encode() + data]


def paths(w) -> list[str]:
    return [asked.path for asked in w.provider.asked]


async def test_with_ample_money_nobody_is_asked_to_count(world):
    async with world(WHOLE) as w:
        await w.reply(model=MODEL, messages=LONG)
        assert paths(w) == ["/v1/messages"]


async def test_a_count_covers_a_reply_that_the_bytes_would_not(world):
    async with world(counted(8_000), WHOLE, nanos=150_000_000) as w:
        text, receipt = await w.reply(model=MODEL, messages=LONG)
        assert (text, paths(w)) == ("Hello!", ["/v1/messages/count_tokens", "/v1/messages"])
        assert receipt.charged_nanos <= receipt.held_nanos <= 150_000_000


async def test_a_count_lengthens_a_reply_that_the_balance_shortens(world):
    short = {"model": MODEL, "messages": (ChatMessage("user", "tide " * 2_000),)}
    async with world(refusal(500, {}), WHOLE, counted(2_000), WHOLE, nanos=150_000_000) as w:
        by_bytes = await w.start(**short)
        await w.watch(by_bytes.turn_id)
        by_count = await w.start(**short)
        await w.watch(by_count.turn_id)
        assert by_bytes.clamped
        assert by_count.max_output_tokens > by_bytes.max_output_tokens


@pytest.mark.parametrize("answer", [refusal(500, {}), refusal(429, {}), counted(-1), counted(None), counted("many")])
async def test_a_provider_that_does_not_count_leaves_the_bound_by_bytes(world, answer):
    async with world(answer, nanos=150_000_000) as w:
        with pytest.raises(InsufficientCredits):
            await w.start(model=MODEL, messages=LONG)
        assert (paths(w), w.turns(), w.balances.held_nanos) == (["/v1/messages/count_tokens"], [], 0)


async def test_a_count_that_is_absurdly_high_never_raises_the_hold_above_the_bytes(world):
    messages = (ChatMessage("user", "tide " * 2_000),)
    async with world(counted(10**8), WHOLE, nanos=150_000_000) as w:
        _, receipt = await w.reply(model=MODEL, messages=messages)
        assert receipt.held_nanos <= 150_000_000


async def test_a_person_with_little_money_has_only_so_many_prompts_counted_in_a_minute(world):
    from projectloom import limits

    async with world(counted(None), nanos=150_000_000) as w:
        for _ in range(limits.COUNTS_PER_MINUTE + 3):
            with pytest.raises(InsufficientCredits):
                await w.start(model=MODEL, messages=LONG)
        assert paths(w) == ["/v1/messages/count_tokens"] * limits.COUNTS_PER_MINUTE
