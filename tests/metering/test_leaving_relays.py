"""Stopping or leaving a reply before its provider counted it: it ends, until somebody makes a habit of it."""

import json

import pytest

from projectloom.accounts.attempts import Attempts
from projectloom.metering import running
from projectloom.metering.models import Completion, TurnState
from projectloom.metering.receipts import Receipt
from projectloom.metering.relays import Relayed, leave_relay, start_relay
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import await_receipt, stop_turn
from projectloom.providers import Path, read_wire_request
from tests.metering.conftest import MODEL
from tests.providers.dialects import (
    A_BLOCK,
    A_STOP,
    O_DONE,
    O_START,
    a_delta,
    a_start,
    a_text,
    o_chunk,
    o_text,
    o_usage,
)
from tests.providers.scripted_server import cut, stream

CLAUDE = "claude-sonnet-5-5"
# Far more was thought than is told.
THOUGHT = 5_015
O_BEGUN = (O_START, o_text("The whole answer, but for its end."))
O_END = (o_chunk({}, "stop"), o_usage({"prompt_tokens": 25, "completion_tokens": THOUGHT}), O_DONE)
A_BEGUN = (a_start(), A_BLOCK, a_text("The whole answer, but for its end."))
A_END = (a_delta(usage={"output_tokens": THOUGHT}), A_STOP)
SLOW = {
    "openai": cut(*O_BEGUN, end=0.3) + stream(*O_BEGUN, *O_END)[1 + len(O_BEGUN) :],
    "anthropic": cut(*A_BEGUN, end=0.3) + stream(*A_BEGUN, *A_END)[1 + len(A_BEGUN) :],
}


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_uncounted", Attempts(most=1, seconds=60, refusal="Too many."))


def request_of(person: str, provider: str) -> TurnRequest:
    model, path = (MODEL, "/chat/completions") if provider == "openai" else (CLAUDE, "/messages")
    asked: Path = path
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 32_000}
    wire = read_wire_request(asked, json.dumps(body).encode())
    return TurnRequest(user_id=person, model=model, messages=(), kept=False, wire=wire)


async def relay_begun(person: str, provider: str) -> Relayed:
    """A stream whose words have come, and whose count has not."""
    relayed = await start_relay(request_of(person, provider), lambda told: {"turn_id": told.turn_id})
    got = b""
    async for piece in relayed.feed.pieces():
        got += piece
        if b"its end" in got:
            return relayed
    raise AssertionError("the words never came")


def assert_ended(receipt: Receipt) -> None:
    assert (receipt.completion, receipt.estimated) == (Completion.STOPPED, True)
    assert receipt.usage.output_tokens < THOUGHT


def assert_counted(receipt: Receipt, completion: Completion) -> None:
    assert (receipt.completion, receipt.estimated) == (completion, False)
    assert receipt.usage.output_tokens == THOUGHT
    assert receipt.charged_nanos == receipt.provider_cost_nanos > 0


@pytest.mark.parametrize("provider", SLOW)
async def test_who_leaves_often_has_the_rest_read_and_pays_for_its_count(world, provider: str):
    async with world(SLOW[provider], nanos=50 * 10**9) as w:
        for number in range(2):
            relayed = await relay_begun(w.person, provider)
            leave_relay(relayed)
            leave_relay(relayed)
            receipt = await await_receipt(w.person, relayed.turn_id)
            assert_counted(receipt, Completion.COMPLETE) if number else assert_ended(receipt)
        assert w.balances.held_nanos == 0


async def test_who_stops_streams_often_at_their_route_pays_for_the_count_as_well(world):
    async with world(SLOW["openai"], nanos=50 * 10**9) as w:
        for number in range(2):
            relayed = await relay_begun(w.person, "openai")
            await stop_turn(w.person, relayed.turn_id)
            receipt = await await_receipt(w.person, relayed.turn_id)
            assert_counted(receipt, Completion.COMPLETE) if number else assert_ended(receipt)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_who_stops_replies_often_pays_for_the_count_and_sees_what_they_saw(
    world, monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
):
    async with world(SLOW["openai"], nanos=50 * 10**9) as w:
        if elsewhere:
            # The reply runs in another process, which sees the request at its checkpoint.
            monkeypatch.setattr(running.limits, "CHECKPOINT_SECONDS", 0.05)
            stop = running.runner.stop
        for number in range(2):
            started = await w.start()
            assert started.feed is not None
            async for _ in started.feed.follow():
                if elsewhere:
                    monkeypatch.setattr(running.runner, "stop", lambda turn_id: None)
                    await stop_turn(w.person, started.turn_id)
                    monkeypatch.setattr(running.runner, "stop", stop)
                else:
                    await stop_turn(w.person, started.turn_id)
                break
            text, receipt = await w.watch(started.turn_id)
            assert text == "The whole answer, but for its end."
            assert_counted(receipt, Completion.STOPPED) if number else assert_ended(receipt)
            assert w.balances.held_nanos == 0


async def test_nobody_pays_for_a_count_of_what_they_saw_nothing_of(world):
    unseen = cut(O_START, end=0.3) + stream(O_START, *O_BEGUN[1:], *O_END)[2:]
    async with world(unseen, nanos=50 * 10**9) as w:
        for _ in range(2):
            started = await w.start()
            await stop_turn(w.person, started.turn_id)
            _, receipt = await w.watch(started.turn_id)
            assert (receipt.state, receipt.charged_nanos) == (TurnState.VOIDED, 0)
        assert receipt.usage.output_tokens == THOUGHT
        assert receipt.provider_cost_nanos > 0
