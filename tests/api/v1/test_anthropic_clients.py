"""Anthropic's own SDK as a real client."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import anthropic
import pytest

from tests.api.v1.programs import CLAUDE, HI, Program, events
from tests.api.v1.test_openai_clients import PIXEL, told

pytestmark = pytest.mark.parametrize("server", ["postgres"], indirect=True, scope="module")

WEATHER: Any = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_a_message_in_one_piece_tells_its_exact_cost_in_its_headers(ada: Program) -> None:
    before = ada.balance
    raw = ada.anthropic.messages.with_raw_response.create(model=CLAUDE, max_tokens=300, messages=HI)
    message = raw.parse()
    assert (message.content[0].type, message.stop_reason) == ("text", "end_turn")
    assert Decimal(raw.headers["x-loom-balance"]) == ada.balance
    assert raw.headers["request-id"].startswith("req_")
    told(ada, before, raw.headers["x-loom-cost"])


def test_a_stream_is_told_what_it_cost(ada: Program) -> None:
    before = ada.balance
    with ada.anthropic.messages.stream(model=CLAUDE, max_tokens=300, messages=HI) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text
    assert message.usage.input_tokens > 0
    body = {"model": CLAUDE, "max_tokens": 300, "messages": HI, "stream": True}
    ada.released()
    first = before - ada.balance
    data = [json.loads(one) for one in events(ada.http.post("/v1/messages", json=body).text.split("\n"))]
    [usage] = [one["usage"] for one in data if one["type"] == "message_delta"]
    assert data[-1]["type"] == "message_stop"
    assert Decimal(usage["cost_usd"]) == first
    ada.released()
    assert Decimal(usage["balance_usd"]) == ada.balance == before - 2 * first
    told(ada, before - first, usage["cost_usd"])
    assert {name for one in data if one["type"] == "message_start" for name in one["message"]["usage"]}.isdisjoint(
        {"cost", "cost_usd"}
    )


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_answered_and_the_answer_is_read(ada: Program, *, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": 'use tool weather {"city": "Ghent"}'}]
    asked: dict[str, Any] = {"model": CLAUDE, "max_tokens": 500, "tools": [WEATHER]}
    for _ in range(2):
        if stream:
            with ada.anthropic.messages.stream(messages=messages, **asked) as live:
                said = live.get_final_message()
        else:
            said = ada.anthropic.messages.create(messages=messages, **asked)
        calls = [block for block in said.content if block.type == "tool_use"]
        if not calls:
            break
        assert (calls[0].input, said.stop_reason) == ({"city": "Ghent"}, "tool_use")
        messages.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in said.content]}
        )
        results = [{"type": "tool_result", "tool_use_id": calls[0].id, "content": "It rains."}]
        messages.append({"role": "user", "content": results})
    assert "It rains." in "".join(block.text for block in said.content if block.type == "text")


@pytest.mark.parametrize(
    ("choice", "calls"), [({"type": "any"}, 1), ({"type": "tool", "name": "weather"}, 1), ({"type": "none"}, 0)]
)
def test_a_choice_among_tools_passes_through(ada: Program, choice: Any, calls: int) -> None:
    message = ada.anthropic.messages.create(
        model=CLAUDE, max_tokens=300, messages=HI, tools=[WEATHER], tool_choice=choice
    )
    assert [block.type for block in message.content].count("tool_use") == calls


def test_a_picture_passes_through(ada: Program) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts: list[Any] = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    message = ada.anthropic.messages.create(model=CLAUDE, max_tokens=300, messages=[{"role": "user", "content": parts}])
    assert message.content[0].type == "text"
    assert "I was shown 1 image." in message.content[0].text


def test_a_cached_prompt_is_written_and_read_at_its_own_prices(ada: Program) -> None:
    system: list[Any] = [{"type": "text", "text": "A rule. " * 1_000, "cache_control": {"type": "ephemeral"}}]
    usages = []
    for _ in range(2):
        before = ada.balance
        raw = ada.anthropic.messages.with_raw_response.create(model=CLAUDE, max_tokens=300, messages=HI, system=system)
        usages.append(raw.parse().usage)
        told(ada, before, raw.headers["x-loom-cost"])
    assert usages[0].cache_creation_input_tokens == usages[1].cache_read_input_tokens != 0
    written, read = ada.receipts()[1], ada.receipts()[0]
    assert Decimal(written["chargedUsd"]) > Decimal(read["chargedUsd"])


def test_tokens_are_counted_by_the_provider_for_nothing(ada: Program) -> None:
    before, number = ada.balance, len(ada.receipts())
    counted = ada.anthropic.messages.count_tokens(model=CLAUDE, messages=HI, tools=[WEATHER], system="Be brief.")
    said = ada.anthropic.messages.create(model=CLAUDE, max_tokens=10, messages=HI, tools=[WEATHER], system="Be brief.")
    assert counted.input_tokens == said.usage.input_tokens
    assert len(ada.receipts()) == number + 1
    assert before - ada.balance == Decimal(ada.receipts()[0]["chargedUsd"])


def test_the_models_are_listed_as_the_sdk_reads_them(ada: Program) -> None:
    listed = [model.id for model in ada.anthropic.models.list()]
    assert CLAUDE in listed
    assert all(name.startswith("claude") for name in listed)
    assert ada.anthropic.models.retrieve(CLAUDE).display_name
    with pytest.raises(anthropic.NotFoundError):
        ada.anthropic.models.retrieve("gpt-6.1-terra")


def test_the_sdk_that_waits_for_nothing_works_alike(ada: Program) -> None:
    async def ask() -> tuple[str, str]:
        async with anthropic.AsyncAnthropic(api_key=ada.key, base_url=ada.server.url, max_retries=0) as client:
            whole = await client.messages.create(model=CLAUDE, max_tokens=300, messages=HI)
            async with client.messages.stream(model=CLAUDE, max_tokens=300, messages=HI) as stream:
                text = "".join([piece async for piece in stream.text_stream])
            assert whole.content[0].type == "text"
            return whole.content[0].text, text

    whole, streamed = asyncio.run(ask())
    assert whole == streamed != ""
    ada.released()


def test_a_key_as_a_bearer_works_as_well(ada: Program) -> None:
    with anthropic.Anthropic(auth_token=ada.key, base_url=ada.server.url, max_retries=0) as client:
        assert client.messages.create(model=CLAUDE, max_tokens=20, messages=HI).usage.output_tokens <= 20
