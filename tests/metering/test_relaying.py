"""The call behind an answer that passes through: how it ends, what it keeps in memory, and what it says in logs."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from projectloom import limits
from projectloom.errors import ProviderError
from projectloom.metering.endings import broke_off, outcome_of
from projectloom.metering.feeds import WireFeed
from projectloom.metering.models import Completion, Turn
from projectloom.metering.relaying import consume_wire
from projectloom.metering.settling import Outcome, bill_of
from projectloom.pricing import PriceCard, card_from_genai_prices
from projectloom.providers import ProviderName, WireCall, WireRequest, close_wires, read_wire_request
from projectloom.tokens import Usage
from tests.pricing.golden_cases import STREAMED, Case
from tests.pricing.test_golden import FIGURES_READ_ON, INPUT_ESTIMATE, MAX_OUTPUT
from tests.providers.dialects import KEY, O_START, PROMPT, WHOLE, both, kind, o_text
from tests.providers.scripted_server import HANG, RESET, STREAM_HEAD, ScriptedServer, Step, chunk, cut, refusal, stream


def request_to(provider: ProviderName, **changes: Any) -> WireRequest:
    body = {"model": "a-model", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}], "stream": True}
    path = "/messages" if provider == "anthropic" else "/chat/completions"
    return read_wire_request(path, json.dumps(body | changes).encode())


def no_extras(usage: Usage) -> Mapping[str, Any]:
    del usage
    return {}


def call_to(server: ScriptedServer, request: WireRequest, max_tokens: int = 100) -> tuple[WireFeed, WireCall]:
    call = WireCall(request, json.dumps(request.body).encode(), max_tokens, KEY, server.url)
    return WireFeed("turn", request, no_extras), call


async def read_all(feed: WireFeed) -> bytes:
    return b"".join([piece async for piece in feed.pieces()])


async def relayed(script: Sequence[Step], request: WireRequest, **more: Any) -> tuple[Outcome, bytes, ScriptedServer]:
    async with ScriptedServer([script]) as server:
        feed, call = call_to(server, request, **more)
        reading = asyncio.create_task(read_all(feed))
        outcome = await consume_wire(feed, call)
        out = await reading
        await close_wires()
    assert len(server.asked) == 1
    return outcome, out, server


@both
async def test_a_whole_stream_is_complete_and_passes_as_it_is(provider: ProviderName) -> None:
    outcome, out, server = await relayed(stream(*WHOLE[provider]), request_to(provider))
    assert (outcome.completion, outcome.error, outcome.delivered) == (Completion.COMPLETE, None, True)
    assert outcome.usage is not None
    assert (outcome.usage.output_tokens, outcome.usage_final, outcome.text) == (15, True, "")
    assert out.count(b"data:") == len(WHOLE[provider]) - (provider == "openai")
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


@both
async def test_what_comes_at_once_leaves_together_and_the_end_waits_for_no_frame(
    monkeypatch: pytest.MonkeyPatch, provider: ProviderName
) -> None:
    monkeypatch.setattr(limits, "WIRE_FRAME_SECONDS", 60)
    pieces: list[bytes] = []
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        feed, call = call_to(server, request_to(provider))

        async def read() -> None:
            pieces.extend([piece async for piece in feed.pieces()])

        reading = asyncio.create_task(read())
        async with asyncio.timeout(20):
            outcome = await consume_wire(feed, call)
            await reading
        await close_wires()
    assert outcome.completion == Completion.COMPLETE
    assert b"".join(pieces).count(b"data:") == len(WHOLE[provider]) - (provider == "openai")
    assert len(pieces) <= 2


@both
@pytest.mark.parametrize("begun", [0, 2])
async def test_a_provider_that_stalls_is_given_up(
    monkeypatch: pytest.MonkeyPatch, provider: ProviderName, begun: int
) -> None:
    monkeypatch.setattr(limits, "PROVIDER_STALL_SECONDS", 0.2)
    script = [*cut(*WHOLE[provider][:begun]), HANG] if begun else [HANG]
    outcome, _, _ = await relayed(script, request_to(provider))
    assert isinstance(outcome.error, ProviderError)
    assert (outcome.completion, kind(outcome.error)) == (Completion.PARTIAL, "timeout")


@both
@pytest.mark.parametrize("end", [None, RESET])
async def test_a_stream_that_is_cut_is_partial(provider: ProviderName, end: str | None) -> None:
    outcome, _, _ = await relayed([*cut(*WHOLE[provider][:4]), 0.05, *([end] if end else [])], request_to(provider))
    assert isinstance(outcome.error, ProviderError)
    assert (outcome.completion, kind(outcome.error), outcome.delivered) == (Completion.PARTIAL, "broken_stream", True)


async def test_words_that_come_in_one_piece_with_an_error_are_handed_out_before_it() -> None:
    failed = b'data: {"error": {"message": "boom", "type": "server_error", "code": null}}\n\n'
    outcome, out, _ = await relayed(stream(O_START + o_text("So far.") + failed), request_to("openai"))
    assert b"So far." in out
    assert b"boom" not in out
    assert (outcome.completion, outcome.delivered) == (Completion.PARTIAL, True)
    assert outcome.error is not None


async def test_a_connection_that_breaks_after_the_end_breaks_nothing() -> None:
    outcome, _, _ = await relayed([*cut(*WHOLE["openai"]), RESET], request_to("openai"))
    assert (outcome.completion, outcome.error) == (Completion.COMPLETE, None)


async def test_a_server_that_writes_without_an_end_is_cut_at_what_was_asked_for() -> None:
    flood = chunk(o_text("x" * 60_000))
    script = [STREAM_HEAD, *([flood] * 10), HANG]
    outcome, _, _ = await relayed(script, request_to("openai"))
    assert isinstance(outcome.error, ProviderError)
    assert kind(outcome.error) == "too_much"


async def test_likely_tokens_beside_each_one_are_no_flood() -> None:
    likely = [{"token": "Hello", "logprob": -0.1234567, "bytes": [72, 101, 108, 108, 111]}] * 20
    told = {"index": 0, "delta": {"content": "Hello"}, "logprobs": {"content": [{"top_logprobs": likely}]}}
    events = [f"data: {json.dumps({'choices': [told]})}\n\n".encode()] * 100
    assert sum(map(len, events)) > 100 * limits.WIRE_BYTES_PER_TOKEN + limits.MAX_REFUSAL_BYTES
    request = request_to("openai", logprobs=True, top_logprobs=20)
    outcome, out, _ = await relayed(stream(*events, *WHOLE["openai"][-3:]), request)
    assert outcome.completion == Completion.COMPLETE
    assert out.count(b"Hello") > 2_000


async def test_no_more_waits_for_a_slow_client_than_the_named_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WIRE_BUFFER_BYTES", 50_000)
    event = chunk(o_text("x" * 10_000))
    async with ScriptedServer([[STREAM_HEAD, *([event] * 400), *stream(*WHOLE["openai"])[1:]]]) as server:
        feed, call = call_to(server, request_to("openai"), max_tokens=10_000)
        consuming = asyncio.create_task(consume_wire(feed, call))
        await feed.begun()
        largest = got = 0
        async for piece in feed.pieces():
            largest, got = max(largest, len(piece)), got + len(piece)
            await asyncio.sleep(0.001)
        outcome = await consuming
        await close_wires()
    assert outcome.completion == Completion.COMPLETE
    assert got > 400 * 10_000
    # One piece of what the network hands over at once may lie on top.
    assert largest < 50_000 + 2**20


@both
async def test_cancelling_ends_the_call_at_the_provider(provider: ProviderName) -> None:
    async with ScriptedServer([[*cut(*WHOLE[provider][:4]), HANG]]) as server:
        feed, call = call_to(server, request_to(provider))
        task = asyncio.create_task(consume_wire(feed, call))
        await feed.begun()
        async for _ in feed.pieces():
            break
        feed.stopping = True
        task.cancel()
        outcome = await task
        await asyncio.wait_for(server.left_by_client.wait(), 5)
        await close_wires()
    assert (outcome.completion, outcome.delivered) == (Completion.STOPPED, True)
    assert outcome.called_bytes == len({"anthropic": "Hello", "openai": "Hello!"}[provider])


@both
@pytest.mark.parametrize(
    "script",
    [
        stream(b"data: {\n\n"),
        refusal(400, {"error": {"message": f"{PROMPT} {KEY}"}}),
        refusal(401, {"error": {"message": f"{PROMPT} {KEY}"}}),
        [*cut(b"data: " + PROMPT.encode()), RESET],
        [RESET],
    ],
)
async def test_no_prompt_and_no_key_is_in_a_log_an_error_or_a_repr(
    caplog: pytest.LogCaptureFixture, provider: ProviderName, script: list[Step]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with ScriptedServer([script]) as server:
        feed, call = call_to(server, request_to(provider))
        reading = asyncio.create_task(read_all(feed))
        outcome = await consume_wire(feed, call)
        await reading
        await close_wires()
    shown = caplog.text + str(outcome.error) + repr((outcome, outcome.error, feed, call, feed.answered))
    assert PROMPT not in shown
    assert KEY not in shown


@cache
def card() -> PriceCard:
    return card_from_genai_prices(Decimal(0), on=FIGURES_READ_ON)


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
def test_every_golden_stream_costs_what_it_costs_in_the_chat(case: Case) -> None:
    path = "/messages" if case.provider == "anthropic" else "/chat/completions"
    asked = {"model": case.model, "max_tokens": MAX_OUTPUT, "stream": True}
    feed = WireFeed("turn", read_wire_request(path, json.dumps(asked).encode()), no_extras)
    error: ProviderError | None = None
    try:
        for event in case.events():
            feed.reader.feed(event)
            if feed.reader.done:
                break
    except ProviderError as caught:
        error = caught
    completion = Completion.COMPLETE if feed.reader.done else Completion.PARTIAL
    outcome = outcome_of(feed, completion, error or (None if feed.reader.done else broke_off()))
    turn = Turn(model=case.model, input_estimate=INPUT_ESTIMATE, max_output_tokens=MAX_OUTPUT)
    bill = bill_of(card(), turn, outcome)
    if case.expected is None:
        assert bill is None
        return
    assert bill is not None
    assert bill.usage == case.usage
    assert bill.estimated is case.expected["estimated"]
    assert bill.provider_cost_nanos == case.raw["cost_nanos"]
    assert bill.due_nanos == case.raw["charge_nanos"]["0"]
