"""A turn from hold to receipt, with the real SDKs over HTTP."""

import asyncio

import pytest

from projectloom import limits
from projectloom.errors import (
    IdempotencyConflict,
    InsufficientCredits,
    InvalidInput,
    MissingApiKey,
    NotFound,
    PromptTooLong,
    TooLarge,
    TooManyRequests,
    UnknownModel,
)
from projectloom.metering import turn
from projectloom.metering.receipts import read_receipt
from projectloom.metering.turn import Settled, start_turn, stop_turn, watch_turn
from projectloom.providers import ChatMessage
from projectloom.workspace.chats import read_messages
from projectloom.workspace.preferences import save_provider_key, set_api_key_mode
from tests.providers.dialects import A_WHOLE, O_DONE, O_START, O_WHOLE, o_chunk, o_text, o_usage
from tests.providers.scripted_server import HANG, RESET, cut, refusal, stream

WHOLE = stream(*O_WHOLE)
# 25 input at $2 and 15 output at $10 a million tokens.
WHOLE_CHARGE = 25 * 2_000 + 15 * 10_000


async def test_a_complete_reply_is_charged_exactly_what_the_provider_reported(world):
    async with world(WHOLE) as w:
        before = w.balances.posted_nanos
        text, receipt = await w.reply()
        assert text == "Hello!"
        assert (receipt.state, receipt.completion, receipt.estimated) == ("settled", "complete", False)
        assert receipt.charged_nanos == WHOLE_CHARGE
        assert receipt.held_nanos >= WHOLE_CHARGE
        assert w.balances.posted_nanos == before - WHOLE_CHARGE
        assert w.balances.held_nanos == 0
        assert receipt.entry_id
        read = read_receipt(w.person, receipt.turn_id)
        assert (read, read.balance_nanos) == (receipt, before - WHOLE_CHARGE)
        assert read.settled_at is not None
        assert [(line.label, line.quantity) for line in receipt.lines] == [("Input", 25), ("Output", 15)]


async def test_the_provider_is_asked_with_the_operator_s_key_and_the_quoted_limit(world):
    async with world(WHOLE) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        asked = w.provider.asked[0]
        assert asked.headers["authorization"] == "Bearer sk-operator-0123456789"
        assert asked.body["max_completion_tokens"] == started.max_output_tokens == limits.DEFAULT_MAX_TOKENS


async def test_the_exchange_is_kept_in_the_conversation(world):
    async with world(WHOLE) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        messages = read_messages(w.person, started.conversation_id)
        assert [(m.role, m.text) for m in messages] == [("user", "Hello there"), ("assistant", "Hello!")]


async def test_a_plain_reply_is_told_to_its_end_without_asking_the_database(world, monkeypatch):
    async with world(WHOLE) as w:
        started = await w.start()

        def asked(*_: object) -> None:
            raise AssertionError("the database was asked")

        with monkeypatch.context() as patch:
            for name in ("_find_turn", "_checkpoint", "read_receipt"):
                patch.setattr(turn, name, asked)
            found = [event async for event in watch_turn(w.person, started.turn_id)]
        assert isinstance(found[-1], Settled)
        assert found[-1].receipt == read_receipt(w.person, started.turn_id)
        assert found[-1].balance_nanos == w.balances.posted_nanos


async def test_an_own_key_turn_holds_and_charges_nothing_and_keeps_a_record(world):
    async with world(stream(*A_WHOLE), mode="own", nanos=0) as w:
        with pytest.raises(MissingApiKey):
            await w.start(model="claude-haiku-4-5")
        save_provider_key(w.person, "anthropic", "sk-ant-mine-0123456789")
        _, receipt = await w.reply(model="claude-haiku-4-5")
        assert "sk-ant-mine-0123456789" in str(w.provider.asked[0].headers.values())
        assert (receipt.funding, receipt.held_nanos, receipt.charged_nanos) == ("own_key", 0, 0)
        assert receipt.provider_cost_nanos > 0
        assert w.balances.posted_nanos == 0


async def test_a_key_that_came_with_the_request_stands_in_for_the_stored_one(world):
    async with world(WHOLE, mode="own", nanos=0) as w:
        await w.reply(own_keys={"openai": "sk-sent-0123456789"})
        assert w.provider.asked[0].headers["authorization"] == "Bearer sk-sent-0123456789"


async def test_switching_the_payer_mid_turn_changes_nothing_for_it(world):
    async with world(cut(O_START, o_text("Hel"), end=0.2) + stream(*O_WHOLE)[1:]) as w:
        started = await w.start()
        set_api_key_mode(w.person, "own")
        _, receipt = await w.watch(started.turn_id)
        assert (receipt.funding, receipt.charged_nanos > 0) == ("credits", True)


@pytest.mark.parametrize("status", [401, 429, 500, 529])
async def test_a_refused_call_costs_nothing_and_frees_the_hold(world, status: int):
    async with world(refusal(status, {"error": {"message": "secret words"}})) as w:
        text, receipt = await w.reply()
        assert (text, receipt.state, receipt.completion) == ("", "voided", "failed")
        assert receipt.charged_nanos == 0
        assert receipt.error_message
        assert "secret" not in receipt.error_message
        assert w.balances.available_nanos == w.balances.posted_nanos == 10 * 10**9
        assert len(w.provider.asked) == 1


@pytest.mark.parametrize("end", [None, RESET])
async def test_a_reply_that_breaks_off_is_partial_and_charged_by_estimate_within_the_hold(world, end):
    async with world(cut(O_START, o_text("Hello there, how are you?"), end=end)) as w:
        text, receipt = await w.reply()
        assert (receipt.completion, receipt.estimated) == ("partial", True)
        assert receipt.error_message
        assert 0 < receipt.charged_nanos <= receipt.held_nanos
        assert w.balances.posted_nanos == 10 * 10**9 - receipt.charged_nanos
        assert (
            read_messages(w.person, w.turns()[0].conversation_id or "")[1].text == text == "Hello there, how are you?"
        )


async def test_stopping_keeps_the_text_charges_for_it_and_leaves_the_provider(world):
    async with world(cut(O_START, o_text("Once upon a time"), end=HANG)) as w:
        started = await w.start()
        async for _ in watch_turn(w.person, started.turn_id):
            await stop_turn(w.person, started.turn_id)
            break
        text, receipt = await w.watch(started.turn_id)
        assert (text, receipt.completion) == ("Once upon a time", "stopped")
        assert 0 < receipt.charged_nanos < receipt.held_nanos
        await asyncio.wait_for(w.provider.left_by_client.wait(), 5)


async def test_stopping_before_the_first_word_costs_nothing(world):
    async with world([0.5, *WHOLE]) as w:
        started = await w.start()
        await stop_turn(w.person, started.turn_id)
        text, receipt = await w.watch(started.turn_id)
        assert (text, receipt.state, receipt.completion, receipt.charged_nanos) == ("", "voided", "stopped", 0)


async def test_who_stops_too_many_replies_before_their_first_word_has_to_wait(world, monkeypatch):
    monkeypatch.setattr(limits, "EMPTY_STOPS", 1)
    async with world([0.5, *WHOLE]) as w:
        started = await w.start()
        await stop_turn(w.person, started.turn_id)
        await w.watch(started.turn_id)
        with pytest.raises(TooManyRequests):
            await w.start()
        assert (len(w.turns()), w.balances.held_nanos) == (1, 0)


async def test_a_reader_who_leaves_changes_nothing_for_the_turn(world):
    async with world(cut(O_START, o_text("Hello"), end=0.1) + stream(*O_WHOLE)[1:]) as w:
        started = await w.start()
        async for _ in watch_turn(w.person, started.turn_id):
            break
        texts = await asyncio.gather(*(w.watch(started.turn_id) for _ in range(3)))
        assert {receipt.completion for _, receipt in texts} == {"complete"}
        assert len({text for text, _ in texts}) == 1


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": -5, "completion_tokens": 5, "total_tokens": 0},
        {"prompt_tokens": "NaN", "completion_tokens": None, "total_tokens": 1},
        {"prompt_tokens": 25, "completion_tokens": 10**12, "total_tokens": 10**12},
    ],
)
async def test_a_reply_without_believable_usage_is_estimated_and_never_free(world, usage):
    tail = [o_usage(usage)] if usage else []
    async with world(stream(O_START, o_text("Hello!"), o_chunk({}, "stop"), *tail, O_DONE)) as w:
        _, receipt = await w.reply()
        assert receipt.estimated
        assert 0 < receipt.charged_nanos <= receipt.held_nanos


async def test_usage_above_the_hold_is_charged_up_to_the_hold_and_the_rest_is_the_house_s(world):
    usage = {"prompt_tokens": 25, "completion_tokens": 900_000, "total_tokens": 900_025}
    async with world(stream(O_START, o_text("Hello!"), o_chunk({}, "stop"), o_usage(usage), O_DONE)) as w:
        _, receipt = await w.reply()
        assert receipt.charged_nanos == receipt.held_nanos
        assert receipt.provider_cost_nanos > receipt.held_nanos


async def test_a_turn_that_delivered_nothing_is_free_whatever_was_reported(world):
    usage = {"prompt_tokens": 25, "completion_tokens": 500, "total_tokens": 525}
    async with world(stream(O_START, o_chunk({}, "length"), o_usage(usage), O_DONE)) as w:
        _, receipt = await w.reply()
        assert (receipt.state, receipt.charged_nanos) == ("voided", 0)
        assert receipt.provider_cost_nanos > 0
        assert w.balances.available_nanos == 10 * 10**9


async def test_a_tight_balance_shortens_the_reply_instead_of_refusing_it(world):
    async with world(WHOLE, nanos=120_000_000) as w:
        started = await w.start(model="gpt-6-astra")
        assert started.clamped
        assert limits.MIN_USEFUL_TOKENS <= started.max_output_tokens < limits.DEFAULT_MAX_TOKENS
        assert started.held_nanos <= 120_000_000
        await w.watch(started.turn_id)


async def test_under_ten_cents_nothing_is_called(world):
    async with world(WHOLE, nanos=90_000_000) as w:
        with pytest.raises(InsufficientCredits, match=r"Insufficient credits\. Please purchase more\."):
            await w.start()
        assert (w.provider.asked, w.turns()) == ([], [])


async def test_of_fifty_calls_on_a_balance_for_one_exactly_one_is_made(world):
    async with world(WHOLE, nanos=100_000_000) as w:
        outcomes = await asyncio.gather(*(w.start(max_tokens=8_192) for _ in range(50)), return_exceptions=True)
        started = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        assert len(started) == 1
        assert all(isinstance(o, InsufficientCredits) for o in outcomes if isinstance(o, BaseException))
        await w.watch(started[0].turn_id)
        assert len(w.provider.asked) == 1


async def test_the_same_request_id_at_once_is_one_turn_and_one_call(world):
    async with world(WHOLE) as w:
        started = await asyncio.gather(*(w.start(client_request_id="once") for _ in range(8)))
        assert len({turn.turn_id for turn in started}) == 1
        await w.watch(started[0].turn_id)
        assert len(w.provider.asked) == len(w.turns()) == 1
        with pytest.raises(IdempotencyConflict):
            await w.start(client_request_id="once", messages=(ChatMessage("user", "Something else"),))


@pytest.mark.parametrize(
    ("changes", "refusal_type"),
    [
        ({"model": "gpt-unknown"}, UnknownModel),
        ({"model": "text-embedding-3-small"}, UnknownModel),
        ({"messages": ()}, InvalidInput),
        ({"messages": (ChatMessage("user", "  \n"),)}, InvalidInput),
        ({"messages": (ChatMessage("assistant", "I begin"),)}, InvalidInput),
        ({"messages": (ChatMessage("user", "a\x00b"),)}, InvalidInput),
        ({"messages": (ChatMessage("user", "\ud800"),)}, InvalidInput),
        ({"messages": (ChatMessage("user", "x" * 10_000_000),)}, TooLarge),
        ({"messages": (ChatMessage("user", "x" * 1_500_000),), "model": "claude-haiku-4-5"}, PromptTooLong),
        ({"conversation_id": "conv_of_somebody_else"}, NotFound),
    ],
)
async def test_what_cannot_be_served_is_refused_before_anything_is_written(world, changes, refusal_type):
    async with world(WHOLE) as w:
        with pytest.raises(refusal_type):
            await w.start(**changes)
        assert (w.turns(), w.provider.asked, w.balances.held_nanos) == ([], [], 0)


async def test_a_foreign_turn_is_not_found(world):
    async with world(WHOLE) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        with pytest.raises(NotFound):
            await stop_turn("usr_other", started.turn_id)
        with pytest.raises(NotFound):
            await anext(watch_turn("usr_other", started.turn_id))


def _of_the_provider(task: asyncio.Task) -> bool:
    """Its open connections last as long as the pool that keeps them."""
    return "ScriptedServer" in task.get_coro().__qualname__


async def test_a_caller_who_leaves_while_the_turn_opens_does_not_leave_a_hold_behind(world):
    async with world(WHOLE) as w:
        before = asyncio.all_tasks()
        for delay in (0, 0.001, 0.005, 0.02):
            task = asyncio.create_task(start_turn(w.request()))
            await asyncio.sleep(delay)
            task.cancel()
        # What they began goes on without them, each step beginning the next.
        async with asyncio.timeout(30):
            while begun := {task for task in asyncio.all_tasks() - before if not _of_the_provider(task)}:
                await asyncio.wait(begun)
        assert w.balances.held_nanos == 0
        assert all(turn.ended_at for turn in w.turns())


async def test_who_costs_the_house_too_much_by_replies_that_bring_nothing_has_to_wait(world, monkeypatch):
    monkeypatch.setattr(limits, "HOUSE_LOSS_NANOS", 1_000_000)
    silent = stream(O_START, o_chunk({}, "length"), o_usage({"prompt_tokens": 1_000, "completion_tokens": 0}), O_DONE)
    async with world(silent) as w:
        _, receipt = await w.reply()
        assert (receipt.charged_nanos, receipt.provider_cost_nanos) == (0, 2_000_000)
        with pytest.raises(TooManyRequests):
            await w.start()
        assert (len(w.provider.asked), w.balances.held_nanos) == (1, 0)
