"""A turn that asks for tools: it is delivered, held and charged as one with text is."""

import pytest

from projectloom.errors import BudgetReached, IdempotencyConflict
from projectloom.metering.turn import Settled, follow_turn
from projectloom.money import Nanos
from projectloom.providers import ChatMessage, Tool, ToolCall, ToolResult
from tests.providers.dialects import CALLS, O_COUNTS, O_START, both, o_calls, o_chunk, o_piece
from tests.providers.scripted_server import cut, stream

from .conftest import MODEL, World

MODELS = {"anthropic": "claude-haiku-4-5", "openai": MODEL}
WEATHER = Tool("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ("weather", '{"city": "Oslo"}')
# 25 input at $2 and 15 output at $10 a million tokens.
WHOLE_CHARGE = 25 * 2_000 + 15 * 10_000


async def settled(w: World, **changes) -> Settled:
    turn = await w.start(**({"tools": (WEATHER,), "source": "agent", "kept": False} | changes))
    async for event in follow_turn(w.person, turn):
        if isinstance(event, Settled):
            return event
    raise AssertionError("the turn was never settled")


@both
async def test_a_reply_that_only_asks_for_tools_is_charged_exactly_what_was_reported(world, provider):
    async with world(stream(*CALLS[provider](CALL))) as w:
        end = await settled(w, model=MODELS[provider])
        assert [(call.name, call.arguments_json) for call in end.calls] == [CALL]
        receipt = end.receipt
        assert (receipt.state, receipt.completion, receipt.estimated) == ("settled", "complete", False)
        assert 0 < receipt.charged_nanos <= receipt.held_nanos
        assert w.balances.posted_nanos == 10 * 10**9 - receipt.charged_nanos
        if provider == "openai":
            assert receipt.charged_nanos == WHOLE_CHARGE


async def test_without_a_report_the_arguments_are_counted(world):
    arguments = '{"city": "' + "x" * 4_000 + '"}'
    whole = o_calls(("weather", arguments))
    async with world(cut(*whole[:-2])) as w:
        receipt = (await settled(w)).receipt
        assert (receipt.completion, receipt.estimated) == ("partial", True)
        assert receipt.usage.output_tokens == -(-(len("weather") + len(arguments)) // 4)
        assert receipt.usage.input_tokens > 0


async def test_a_report_that_denies_the_call_is_no_report(world):
    denied = {"prompt_tokens": 25, "completion_tokens": 0, "total_tokens": 25}
    async with world(stream(*o_calls(CALL, usage=denied))) as w:
        receipt = (await settled(w)).receipt
        assert receipt.estimated
        assert receipt.usage.output_tokens > 0


async def test_a_call_that_was_cut_off_was_not_delivered_and_is_free(world):
    begun = o_chunk({"tool_calls": [{"index": 0, "id": "call_0", "function": {"name": "weather", "arguments": ""}}]})
    async with world(cut(O_START, begun, o_piece(0, '{"city": "Os'), end=None)) as w:
        end = await settled(w)
        assert (end.calls, end.receipt.state, end.receipt.charged_nanos) == ((), "voided", 0)
        assert w.balances.available_nanos == 10 * 10**9


async def test_arguments_without_an_end_are_cut_as_text_is(world):
    many = o_calls(*[("weather", '{"city": "' + "x" * 20_000 + '"}')] * 3)
    async with world(stream(*many)) as w:
        receipt = (await settled(w, max_tokens=256)).receipt
        assert receipt.completion != "complete"
        assert receipt.error_message
        assert 0 < receipt.charged_nanos <= receipt.held_nanos


@both
async def test_tools_calls_and_results_are_part_of_the_hold(world, provider):
    talk = (
        ChatMessage("user", "Hi"),
        ChatMessage("assistant", "", calls=(ToolCall("call_1", *CALL),)),
        ChatMessage("user", "", results=(ToolResult("call_1", "x" * 10_000),)),
    )
    async with world(stream(*CALLS[provider](CALL))) as w:
        few = (await settled(w, model=MODELS[provider], tools=())).receipt.held_nanos
        tools = (await settled(w, model=MODELS[provider])).receipt.held_nanos
        told = (await settled(w, model=MODELS[provider], messages=talk)).receipt.held_nanos
        rate = {"anthropic": 1_000, "openai": 2_000}[provider]
        assert few < tools
        assert told - tools >= 10_000 * rate


async def test_what_a_request_allows_clamps_the_reply_and_then_refuses_it(world):
    async with world(stream(*o_calls(CALL))) as w:
        held = (await settled(w)).receipt.held_nanos
        for most in (held // 2, held // 4):
            receipt = (await settled(w, most_nanos=Nanos(most))).receipt
            assert receipt.clamped
            assert receipt.held_nanos <= most
        with pytest.raises(BudgetReached):
            await w.start(most_nanos=Nanos(1_000_000), tools=(WEATHER,))
        assert len(w.provider.asked) == 3


async def test_other_tools_or_results_under_one_request_id_are_another_request(world):
    async with world(stream(*o_calls(CALL, usage=O_COUNTS))) as w:
        turn = await w.start(client_request_id="once", tools=(WEATHER,))
        await w.watch(turn.turn_id)
        for changes in (
            {"tools": ()},
            {"tools": (WEATHER,), "messages": (ChatMessage("user", "Hello there", results=(ToolResult("a", "b"),)),)},
        ):
            with pytest.raises(IdempotencyConflict):
                await w.start(client_request_id="once", **changes)
