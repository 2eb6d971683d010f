"""Tools through both doors: what is sent, and what is made of the calls that come in pieces."""

from typing import Any

import pytest

from projectloom.providers import ChatMessage, Completed, Tool, ToolCall, ToolResult, UsageSeen, arguments_of
from projectloom.providers.tools import MAX_ARGUMENT_CHARS, MAX_CALLS

from .dialects import (
    A_STOP,
    CALLS,
    O_DONE,
    O_START,
    WHOLE,
    a_calls,
    a_delta,
    a_piece,
    a_start,
    both,
    call_to,
    collect,
    is_complete,
    kind,
    named,
    o_calls,
    o_chunk,
    o_piece,
    text_of,
    usages_of,
)
from .scripted_server import ScriptedServer, cut, stream

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
TALK = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Is it warm?"),
    ChatMessage(
        "assistant", "I look.", calls=(ToolCall("id_1", "weather", '{"city": "Oslo"}'), ToolCall("id_2", "x", "{"))
    ),
    ChatMessage("user", "", results=(ToolResult("id_1", "cold"), ToolResult("id_2", "no such tool", failed=True))),
)


def called(events: list[Any]) -> list[tuple[str, str]]:
    return [(event.name, event.arguments_json) for event in events if isinstance(event, ToolCall)]


@both
async def test_a_call_comes_whole_once_its_last_piece_has_come(provider) -> None:
    calls = (("weather", '{"city": "Ås \\u00e5"}'), ("search", "{}"))
    async with ScriptedServer([stream(*CALLS[provider](*calls, text="Let me see."))]) as server:
        events, error = await collect(provider, call_to(server.url, tools=(WEATHER,)))
    assert error is None
    assert called(events) == list(calls)
    assert text_of(events) == "Let me see."
    assert len({event.id for event in events if isinstance(event, ToolCall)}) == 2
    assert events[-1] == Completed("tools", "a-model-2026")
    assert usages_of(events)[-1].usage.output_tokens == 15
    assert usages_of(events)[-1].final


async def test_anthropic_is_sent_tools_calls_and_results_as_blocks() -> None:
    async with ScriptedServer([stream(*WHOLE["anthropic"])]) as server:
        await collect("anthropic", call_to(server.url, messages=TALK, tools=(WEATHER,)))
    body = server.asked[0].body
    assert body["tools"] == [{"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA}]
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "id_1", "name": "weather", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "id_2", "name": "x", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "id_1", "content": "cold", "is_error": False},
                {"type": "tool_result", "tool_use_id": "id_2", "content": "no such tool", "is_error": True},
            ],
        },
    ]


async def test_openai_is_sent_tools_calls_and_results_as_messages() -> None:
    async with ScriptedServer([stream(*WHOLE["openai"])]) as server:
        await collect("openai", call_to(server.url, messages=TALK, tools=(WEATHER,)))
    body = server.asked[0].body
    function = {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["messages"][2:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "id_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
                {"id": "id_2", "type": "function", "function": {"name": "x", "arguments": "{"}},
            ],
        },
        {"role": "tool", "tool_call_id": "id_1", "content": "cold"},
        {"role": "tool", "tool_call_id": "id_2", "content": "no such tool"},
    ]


@both
async def test_without_tools_the_request_says_nothing_of_them(provider) -> None:
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        await collect(provider, call_to(server.url))
    assert "tools" not in server.asked[0].body


@both
@pytest.mark.parametrize("kept", range(1, 7))
async def test_a_call_that_was_cut_off_never_comes(provider, kept: int) -> None:
    whole = CALLS[provider](("weather", '{"city": "Oslo"}'))
    async with ScriptedServer([cut(*whole[:kept])]) as server:
        events, _ = await collect(provider, call_to(server.url, tools=(WEATHER,)))
    assert not is_complete(events) or kept == len(whole)
    assert called(events) in ([], [("weather", '{"city": "Oslo"}')])


@both
async def test_a_report_that_denies_the_call_which_came_is_no_report(provider) -> None:
    denied = {"anthropic": {"output_tokens": 0}, "openai": {"prompt_tokens": 25, "completion_tokens": 0}}[provider]
    async with ScriptedServer([stream(*CALLS[provider](("weather", "{}"), usage=denied))]) as server:
        events, _ = await collect(provider, call_to(server.url, tools=(WEATHER,)))
    assert called(events) == [("weather", "{}")]
    assert not any(isinstance(event, UsageSeen) and event.final for event in events)


@both
async def test_names_and_ids_that_no_provider_takes_back_are_made_fit(provider) -> None:
    async with ScriptedServer([stream(*CALLS[provider](("käse (now)." + "x" * 200, "")))]) as server:
        events, _ = await collect(provider, call_to(server.url, tools=(WEATHER,)))
    call = next(event for event in events if isinstance(event, ToolCall))
    assert call.name == ("k_se__now__" + "x" * 200)[:64]
    assert call.arguments_json == "{}"


async def test_openai_calls_without_index_or_id_are_still_calls() -> None:
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    whole = o_chunk({"tool_calls": [{"type": "function", "function": function}]})
    async with ScriptedServer([stream(O_START, whole, o_chunk({}, "stop"), O_DONE)]) as server:
        events, _ = await collect("openai", call_to(server.url, tools=(WEATHER,)))
    assert called(events) == [("weather", '{"city": "Oslo"}')]
    assert next(event.id for event in events if isinstance(event, ToolCall)).startswith("call_")


async def test_an_anthropic_call_whose_input_is_not_streamed_is_whole() -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    begun = named("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block})
    ended = named("content_block_stop", {"type": "content_block_stop", "index": 0})
    async with ScriptedServer([stream(a_start(), begun, ended, a_delta("tool_use"), A_STOP)]) as server:
        events, _ = await collect("anthropic", call_to(server.url, tools=(WEATHER,)))
    assert called(events) == [("weather", '{"city": "Oslo"}')]


@both
async def test_arguments_and_calls_without_an_end_break_the_stream_off(provider) -> None:
    endless = {"anthropic": a_piece, "openai": o_piece}[provider](1, "x" * (MAX_ARGUMENT_CHARS // 8))
    begun = CALLS[provider](("weather", ""))[:2]
    many = {"anthropic": a_calls, "openai": o_calls}[provider](*[("weather", "{}")] * (MAX_CALLS + 1))
    for script in (stream(*begun, *[endless] * 9), stream(*many)):
        async with ScriptedServer([script]) as server:
            _, error = await collect(provider, call_to(server.url, tools=(WEATHER,)))
        assert kind(error) == "broken_stream"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
        ("{", None),
        ("[1]", None),
        ('{"a": NaN}', None),
        ('{"a": 1e999}', None),
        ('{"a":' * 100_000, None),
        ('{"a": ' + "9" * 5_000 + "}", None),
    ],
)
def test_arguments_are_an_object_that_can_be_sent_or_nothing(text: str, found: object) -> None:
    assert arguments_of(ToolCall("id", "name", text)) == found
