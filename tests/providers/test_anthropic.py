"""What is made of Anthropic's streams."""

import json

import pytest

from projectloom.providers import Completed, TextDelta, UsageSeen
from projectloom.tokens import Usage

from .dialects import (
    A_BLOCK,
    A_PING,
    A_STOP,
    A_WHOLE,
    a_delta,
    a_start,
    a_text,
    call_to,
    collect,
    is_complete,
    named,
    text_of,
    usages_of,
)
from .scripted_server import ScriptedServer, stream

pytestmark = pytest.mark.asyncio


async def test_a_whole_reply_is_text_usage_and_a_completion() -> None:
    async with ScriptedServer([stream(*A_WHOLE)]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert error is None
    assert events == [
        UsageSeen(Usage(input_tokens=25, output_tokens=1), final=False),
        TextDelta("Hello"),
        TextDelta("!"),
        UsageSeen(Usage(input_tokens=25, output_tokens=15), final=True),
        Completed("stop", "a-model-2026"),
    ]


async def test_the_request_carries_the_key_the_limit_and_the_system_text() -> None:
    async with ScriptedServer([stream(*A_WHOLE)]) as server:
        await collect("anthropic", call_to(server.url))
    [asked] = server.asked
    assert asked.path == "/v1/messages"
    assert asked.headers["authorization"] == "Bearer sk-secret-key-0123456789"
    assert asked.body == {
        "model": "a-model",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "the-secret-prompt"}],
        "system": "Be brief.",
        "stream": True,
    }


async def test_cache_pools_are_kept_apart() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 1_000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 1,
    }
    later = {"output_tokens": 40, "cache_read_input_tokens": 1_000, "cache_creation_input_tokens": 300}
    async with ScriptedServer([stream(a_start(usage), a_text("x"), a_delta(usage=later), A_STOP)]) as server:
        events, _ = await collect("anthropic", call_to(server.url))
    first, last = usages_of(events)
    assert first.usage == Usage(10, 1_000, 100, 200, 1)
    assert last == UsageSeen(Usage(10, 1_000, 100, 200, 40), final=True)


async def test_cache_writes_without_a_split_count_as_five_minutes() -> None:
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 300, "output_tokens": 1}
    async with ScriptedServer([stream(a_start(usage), a_delta(), A_STOP)]) as server:
        events, _ = await collect("anthropic", call_to(server.url))
    assert usages_of(events)[0].usage == Usage(10, 0, 300, 0, 1)


async def test_later_counts_replace_earlier_ones_and_thinking_is_part_of_the_output() -> None:
    later = {"input_tokens": 30, "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}}
    async with ScriptedServer([stream(a_start(), a_text("x"), a_delta(usage=later), A_STOP)]) as server:
        events, _ = await collect("anthropic", call_to(server.url))
    assert usages_of(events)[-1].usage == Usage(input_tokens=30, output_tokens=50, reasoning_tokens=20)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ],
)
async def test_each_reason_has_one_of_our_words(theirs: str, ours: str) -> None:
    async with ScriptedServer([stream(a_start(), a_delta(theirs), A_STOP)]) as server:
        events, _ = await collect("anthropic", call_to(server.url))
    assert isinstance(events[-1], Completed)
    assert events[-1].reason == ours


async def test_without_its_terminal_event_a_reply_is_not_complete() -> None:
    async with ScriptedServer([stream(*A_WHOLE[:-1])]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hello!"
    assert not is_complete(events)


async def test_unknown_events_and_other_kinds_of_content_are_passed_over() -> None:
    thinking = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}
    extra = [
        b"event: something_new\ndata: not even json\n\n",
        named("something_else", {"type": "something_else"}),
        b'data: {"type": "nameless_news"}\n\n',
        b": a comment\n\n",
        b"id: 7\nretry: 10\n\n",
        named("content_block_delta", thinking),
        A_PING,
    ]
    async with ScriptedServer([stream(a_start(), *extra, A_BLOCK, a_text("Hi"), a_delta(), A_STOP)]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hi"
    assert is_complete(events)


BAD_USAGES: list[object] = [
    {},
    {"input_tokens": -5, "output_tokens": 1},
    {"input_tokens": float("nan"), "output_tokens": 1},
    {"input_tokens": "25", "output_tokens": 1},
    {"input_tokens": True, "output_tokens": 1},
    {"input_tokens": 2.5, "output_tokens": 1},
    {"input_tokens": 10**30, "output_tokens": 1},
    {"input_tokens": 0, "output_tokens": 0},
    {"input_tokens": 25, "cache_read_input_tokens": -1, "output_tokens": 1},
    {"input_tokens": 25, "output_tokens": -1},
    [],
    "25",
]


@pytest.mark.parametrize("usage", BAD_USAGES, ids=str)
async def test_a_usage_that_cannot_be_true_is_no_usage(usage: object) -> None:
    script = stream(a_start(usage), a_text("Hi"), a_delta(), A_STOP)
    async with ScriptedServer([script]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hi"
    assert usages_of(events) == []
    assert is_complete(events)


@pytest.mark.parametrize("output", [-1, None, "15", 0, 10**30, float("inf")], ids=str)
async def test_a_final_count_that_cannot_be_true_leaves_the_first_one_standing(output: object) -> None:
    script = stream(a_start(), a_text("Hi"), a_delta(usage={"output_tokens": output}), A_STOP)
    async with ScriptedServer([script]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert error is None
    assert usages_of(events) == [UsageSeen(Usage(input_tokens=25, output_tokens=1), final=False)]
    assert is_complete(events)


async def test_text_that_cannot_be_stored_is_mended() -> None:
    nul = json.loads('"a\\u0000b"')
    script = stream(a_start(), a_text(nul), a_text("\ud800x"), a_text("é\U0001f600"), a_text("\0"), a_delta(), A_STOP)
    async with ScriptedServer([script]) as server:
        events, _ = await collect("anthropic", call_to(server.url))
    assert [event for event in events if isinstance(event, TextDelta)] == [
        TextDelta("ab"),
        TextDelta("\ufffdx"),
        TextDelta("é\U0001f600"),
    ]


async def test_a_stream_cut_into_single_bytes_reads_the_same() -> None:
    whole = b"".join(A_WHOLE).replace(b"\n", b"\r\n")
    async with ScriptedServer([stream(*(bytes([byte]) for byte in whole))]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hello!"
    assert is_complete(events)
