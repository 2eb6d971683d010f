"""What a prompt can be at most."""

import json

from hypothesis import given
from hypothesis import strategies as st

from projectloom.metering.prompts import tool_texts
from projectloom.pricing import charge, input_bound, likely_tokens, quote
from projectloom.pricing.bounds import (
    MESSAGE_OVERHEAD_TOKENS,
    REQUEST_OVERHEAD_TOKENS,
    TOOL_OVERHEAD_TOKENS,
    TOOLS_OVERHEAD_TOKENS,
)
from projectloom.providers import ChatMessage, Tool, ToolCall, ToolResult, arguments_of
from projectloom.tokens import Usage

from .strategies import MODEL, cards


def test_the_bound_is_bytes_and_not_characters() -> None:
    overhead = REQUEST_OVERHEAD_TOKENS["openai"] + MESSAGE_OVERHEAD_TOKENS["openai"]
    assert input_bound("openai", [("user", "año")]) == 4 + overhead
    assert input_bound("openai", [("user", "\U0001f600")]) == 4 + overhead


def test_every_message_counts_with_its_overhead() -> None:
    messages = [("system", "ab"), ("user", "cd"), ("assistant", "")]
    assert input_bound("anthropic", messages) == 4 + 64 + 3 * 16


def test_an_empty_request_still_has_the_requests_own_overhead() -> None:
    assert input_bound("openai", []) == REQUEST_OVERHEAD_TOKENS["openai"]


def test_text_that_no_encoder_takes_still_has_a_bound() -> None:
    assert input_bound("openai", [("user", "\ud800")]) > input_bound("openai", [("user", "ab")])


def test_the_estimate_is_zero_only_for_no_text() -> None:
    assert likely_tokens("") == 0
    assert likely_tokens("a") == 1
    assert likely_tokens("a" * 3_000) == 1_000


@given(st.text())
def test_the_estimate_never_exceeds_the_bound(text: str) -> None:
    assert likely_tokens(text) <= input_bound("openai", [("user", text)])


# What providers may make of a tool, a call or a result: any of JSON's spellings, of all of it.
SPELLINGS = (
    lambda value: json.dumps(value, ensure_ascii=False),
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    json.dumps,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=10), json_values, max_size=4)
some_tools = st.lists(st.builds(Tool, st.text(max_size=64), st.text(max_size=80), objects), max_size=5)
some_calls = st.lists(
    st.builds(ToolCall, st.text(max_size=20), st.text(max_size=64), objects.map(json.dumps) | st.text(max_size=80)),
    max_size=4,
)
some_results = st.lists(st.builds(ToolResult, st.text(max_size=20), st.text(max_size=200), st.booleans()), max_size=4)


@given(some_tools, some_calls, some_results, st.text(max_size=50), st.sampled_from(SPELLINGS))
def test_tools_calls_and_results_never_have_more_tokens_than_their_bound(tools, calls, results, text, spell) -> None:
    messages = (
        ChatMessage("user", text),
        ChatMessage("assistant", "", calls=tuple(calls)),
        ChatMessage("user", "", results=tuple(results)),
    )
    spelt = [spell([tool.name, tool.description, tool.parameters]) for tool in tools]
    spelt += [spell([call.id, call.name]) + (spell(arguments_of(call)) or call.arguments_json) for call in calls]
    spelt += [call.arguments_json for call in calls if arguments_of(call) is None]
    spelt += [spell([result.call_id, result.text]) for result in results]
    hidden = 804 if spelt else 0
    most = (
        hidden
        + len(text.encode("utf-8", "surrogatepass"))
        + sum(len(piece.encode("utf-8", "surrogatepass")) for piece in spelt)
    )
    for provider in ("anthropic", "openai"):
        bound = input_bound(
            provider,
            [(message.role, message.text) for message in messages],
            tools=tool_texts(messages, tuple(tools)),
        )
        assert bound >= (most if provider == "anthropic" else most - hidden)


@given(cards(), some_tools, some_results, st.text(max_size=50), st.data())
def test_a_step_with_tools_is_never_charged_above_its_quote(card, tools, results, text, data) -> None:
    messages = (ChatMessage("user", text, results=tuple(results)),)
    bound = input_bound("openai", [("user", text)], tools=tool_texts(messages, tuple(tools)))
    read = data.draw(st.integers(0, bound))
    written = data.draw(st.integers(0, bound - read))
    most = data.draw(st.integers(0, card.models[0].max_output_tokens))
    usage = Usage(bound - read - written, read, written, 0, data.draw(st.integers(0, most)))
    assert charge(card, MODEL, usage) <= quote(card, MODEL, input_bound=bound, max_output=most)


def test_offering_a_tool_counts_its_hidden_prompt_once() -> None:
    for provider in ("anthropic", "openai"):
        none, one, two = (input_bound(provider, [("user", "a")], tools=["{}"] * count) for count in range(3))
        assert one - none == TOOLS_OVERHEAD_TOKENS[provider] + TOOL_OVERHEAD_TOKENS[provider] + 2
        assert two - one == TOOL_OVERHEAD_TOKENS[provider] + 2
