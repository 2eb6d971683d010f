"""What is made of OpenAI's streams."""

import pytest

from projectloom.providers import Completed, TextDelta, UsageSeen
from projectloom.tokens import Usage

from .dialects import (
    O_COUNTS,
    O_DONE,
    O_START,
    O_WHOLE,
    call_to,
    collect,
    is_complete,
    o_chunk,
    o_text,
    o_usage,
    text_of,
    usages_of,
)
from .scripted_server import ScriptedServer, stream

pytestmark = pytest.mark.asyncio


async def test_a_whole_reply_is_text_usage_and_a_completion() -> None:
    async with ScriptedServer([stream(*O_WHOLE)]) as server:
        events, error = await collect("openai", call_to(server.url))
    assert error is None
    assert events == [
        TextDelta("Hello"),
        TextDelta("!"),
        UsageSeen(Usage(input_tokens=25, output_tokens=15), final=True),
        Completed("stop", "a-model-2026"),
    ]


async def test_the_request_carries_the_key_the_limit_and_asks_for_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-operator")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-operator")
    async with ScriptedServer([stream(*O_WHOLE)]) as server:
        await collect("openai", call_to(server.url + "/v1"))
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer sk-secret-key-0123456789"
    assert "openai-organization" not in asked.headers
    assert "openai-project" not in asked.headers
    assert asked.body == {
        "model": "a-model",
        "max_completion_tokens": 100,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "the-secret-prompt"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_cached_tokens_are_taken_out_of_the_prompt() -> None:
    usage = O_COUNTS | {
        "prompt_tokens": 1_000,
        "total_tokens": 1_015,
        "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 9},
    }
    async with ScriptedServer([stream(o_text("x"), o_chunk({}, "stop"), o_usage(usage), O_DONE)]) as server:
        events, _ = await collect("openai", call_to(server.url))
    [seen] = usages_of(events)
    assert seen == UsageSeen(Usage(100, 600, 300, 0, 15, reasoning_tokens=9), final=True)
    assert seen.usage.total_input_tokens == 1_000


async def test_cache_writes_that_overlap_never_add_to_the_prompt() -> None:
    usage = O_COUNTS | {"prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 25}}
    async with ScriptedServer([stream(o_text("x"), o_chunk({}, "stop"), o_usage(usage), O_DONE)]) as server:
        events, _ = await collect("openai", call_to(server.url))
    assert usages_of(events)[0].usage == Usage(0, 20, 5, 0, 15)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "refusal"), ("tool_calls", "tools"), ("new", "other")],
)
async def test_each_reason_has_one_of_our_words(theirs: str, ours: str) -> None:
    async with ScriptedServer([stream(O_START, o_chunk({}, theirs), o_usage(O_COUNTS), O_DONE)]) as server:
        events, _ = await collect("openai", call_to(server.url))
    assert events[-1] == Completed(ours, "a-model-2026")  # pyright: ignore[reportArgumentType]


async def test_a_refusal_in_words_is_shown_and_named() -> None:
    script = stream(o_chunk({"refusal": "I cannot."}), o_chunk({}, "stop"), o_usage(O_COUNTS), O_DONE)
    async with ScriptedServer([script]) as server:
        events, _ = await collect("openai", call_to(server.url))
    assert text_of(events) == "I cannot."
    assert events[-1] == Completed("refusal", "a-model-2026")


@pytest.mark.parametrize("kept", range(len(O_WHOLE)))
async def test_without_done_a_reply_is_not_complete(kept: int) -> None:
    async with ScriptedServer([stream(*O_WHOLE[:kept])]) as server:
        events, error = await collect("openai", call_to(server.url))
    assert error is None
    assert not is_complete(events)


async def test_done_without_a_finish_reason_is_not_complete() -> None:
    async with ScriptedServer([stream(O_START, o_text("Hel"), O_DONE)]) as server:
        events, error = await collect("openai", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hel"
    assert not is_complete(events)


async def test_unknown_chunks_are_passed_over() -> None:
    extra = [
        b'data: {"object": "something.new"}\n\n',
        b": keep-alive\n\n",
        o_chunk({"tool_calls": [{"index": 0}], "obfuscation": "xyz"}),
        o_chunk({"content": None}),
        o_chunk({"content": 7}),
    ]
    async with ScriptedServer([stream(*extra, *O_WHOLE)]) as server:
        events, error = await collect("openai", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hello!"
    assert is_complete(events)


async def test_usage_that_comes_with_every_chunk_is_final_only_at_the_end() -> None:
    early = o_chunk({"content": "x"}, usage=O_COUNTS | {"completion_tokens": 1})
    async with ScriptedServer([stream(early, o_chunk({}, "stop", usage=O_COUNTS), O_DONE)]) as server:
        events, _ = await collect("openai", call_to(server.url))
    assert [(seen.usage.output_tokens, seen.final) for seen in usages_of(events)] == [(1, False), (15, True)]


async def test_whole_numbers_written_as_decimals_are_counts() -> None:
    usage = {"prompt_tokens": 25.0, "completion_tokens": 15.0}
    async with ScriptedServer([stream(o_chunk({}, "stop"), o_usage(usage), O_DONE)]) as server:
        events, _ = await collect("openai", call_to(server.url))
    assert usages_of(events)[0].usage == Usage(input_tokens=25, output_tokens=15)


BAD_USAGES: list[object] = [
    None,
    {},
    [],
    O_COUNTS | {"prompt_tokens": -1},
    O_COUNTS | {"prompt_tokens": None},
    O_COUNTS | {"prompt_tokens": 0},
    O_COUNTS | {"prompt_tokens": float("nan")},
    O_COUNTS | {"completion_tokens": 0},
    O_COUNTS | {"completion_tokens": float("inf")},
    O_COUNTS | {"completion_tokens": "15"},
    O_COUNTS | {"completion_tokens": 10**40},
    O_COUNTS | {"prompt_tokens_details": {"cached_tokens": 26}},
    O_COUNTS | {"prompt_tokens_details": {"cached_tokens": -1}},
]


@pytest.mark.parametrize("usage", BAD_USAGES, ids=str)
async def test_a_usage_that_cannot_be_true_is_no_usage(usage: object) -> None:
    async with ScriptedServer([stream(o_text("Hi"), o_chunk({}, "stop"), o_usage(usage), O_DONE)]) as server:
        events, error = await collect("openai", call_to(server.url))
    assert error is None
    assert text_of(events) == "Hi"
    assert usages_of(events) == []
    assert is_complete(events)


async def test_openai_itself_is_asked_for_the_tier_that_the_card_prices_and_other_servers_are_not(monkeypatch):
    async with ScriptedServer([stream(*O_WHOLE)]) as server:
        await collect("openai", call_to(f"{server.url}/v1"))
        monkeypatch.setattr("projectloom.providers.openai.BASE_URL", f"{server.url}/v1")
        await collect("openai", call_to(f"{server.url}/v1", base_url=None))
    assert [asked.body.get("service_tier") for asked in server.asked] == [None, "default"]
