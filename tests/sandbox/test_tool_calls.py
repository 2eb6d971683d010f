"""Tools and their results through the official SDKs, and the rule by which the stand-ins call tools."""

import json

import anthropic
import openai
import pytest

from projectloom.sandbox.tokenizer import count_tokens

from .talking import ANTHROPIC, NAMES, OPENAI, Claude, Gpt, anthropic_tools, openai_tools
from .world import World


async def test_a_demanded_tool_is_called_with_the_least_that_its_schema_allows(talk):
    for stream in (False, True):
        for choice, name in (("required", "weather"), ("search_notes", "search_notes")):
            heard = await talk().say("Is it warm in Kyiv?").hear(choice, stream=stream)
            assert heard.calls == [(name, {"city": "Is it warm in Kyiv?", "unit": "celsius", "days": 3})]
            assert (heard.stop, heard.text) == ("tools", "")


async def test_a_line_in_the_prompt_gives_exactly_that_call_streamed_or_not(talk):
    said = 'Please.\nuse tool search_notes {"q": "wörter \\"quoted\\"", "deep": {"n": [1, null]}} and be quick'
    whole = await talk().say(said).hear()
    streamed = await talk().say(said).hear(stream=True)
    assert whole.calls == streamed.calls == [("search_notes", {"q": 'wörter "quoted"', "deep": {"n": [1, None]}})]
    assert whole.stop == streamed.stop == "tools"
    assert whole.usage == streamed.usage
    assert "search_notes" in whole.text


async def test_left_alone_a_tool_is_called_only_where_it_is_named_or_tools_are_asked_for(talk):
    assert (await talk().say("What is the weather like?").hear("auto")).calls[0][0] == "weather"
    assert (await talk().say("Please use the tools.").hear()).calls[0][0] == "weather"
    for text in ("How do tides work?", "The weathermen know.", "A good toolbox."):
        heard = await talk().say(text).hear(stream=True)
        assert (heard.calls, heard.stop) == ([], "end")
    assert (await talk().say("What is the weather like?").hear("none")).calls == []
    assert (await talk().say('use tool weather {"city": "Oslo"}').hear(tools=False)).calls == []


async def test_a_result_is_quoted_in_the_text_that_follows_it(talk):
    for stream in (False, True):
        heard = await talk().say("What is the weather like?").hear(stream=stream)
        heard = await heard.tell("17 degrees & <b>drizzle</b>").hear(stream=stream)
        assert "17 degrees & <b>drizzle</b>" in heard.text
        assert (heard.calls, heard.stop) == ([], "end")
    heard = await heard.say("And the tides?").hear()
    assert "drizzle" not in heard.text


async def test_several_lines_are_steps_and_lines_joined_by_and_are_one_step(talk):
    said = 'use tool weather {"city": "Oslo"}\nand use tool search_notes {"q": 1}\nuse tool weather {"city": "Rome"}'
    heard = await talk().say(said).hear(stream=True)
    assert heard.calls == [("weather", {"city": "Oslo"}), ("search_notes", {"q": 1})]
    assert len(set(heard.ids)) == 2
    heard = await heard.tell("cold", "found").hear()
    assert heard.calls == [("weather", {"city": "Rome"})]
    heard = await heard.tell("warm").hear(stream=True)
    assert "warm" in heard.text
    assert heard.calls == []


async def test_an_endless_loop_calls_a_tool_whatever_it_is_told(talk, world: World):
    await world.control("providers/faults", kind="endless_tools", times=6)
    heard = await talk().say("How do tides work?").hear()
    for number in range(5):
        assert heard.calls[0][0] == NAMES[number % 2]
        heard = await heard.tell("Enough.").hear(stream=number % 2 == 0)
    assert heard.calls
    heard = await heard.tell("Enough.").hear()
    assert "Enough." in heard.text


async def test_a_tool_that_is_not_there_is_called_and_arguments_break_off(world: World):
    await world.control("providers/faults", kind="tool_unknown", times=2)
    assert (await Claude(world).say("Hi").hear(stream=True)).calls == [("tool_that_is_not_there", {})]
    assert (await Gpt(world).say("Hi").hear(stream=True)).calls == [("tool_that_is_not_there", {})]
    await world.control("providers/faults", kind="tool_arguments_cut")
    asked = {"model": OPENAI, "messages": [{"role": "user", "content": "Hi"}], "tools": openai_tools()}
    answer = await world.openai().chat.completions.create(**asked, tool_choice="required")
    with pytest.raises(ValueError):
        json.loads(answer.choices[0].message.tool_calls[0].function.arguments)
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_usage_counts_tools_calls_and_results(talk):
    plain = await talk().say("What is the weather like?").hear(tools=False)
    offered = await talk().say("What is the weather like?").hear()
    definitions = sum(count_tokens(json.dumps(tool)) for tool in anthropic_tools())
    assert offered.usage[0] - plain.usage[0] >= definitions
    name, arguments = offered.calls[0]
    least_out = count_tokens(name) + count_tokens(json.dumps(arguments))
    assert offered.usage[1] == least_out + count_tokens(offered.text)
    result, before = "a long result " * 100, offered.usage[0]
    after = await offered.tell(result).hear()
    assert after.usage[0] - before >= count_tokens(result) + least_out


async def test_calls_stay_within_the_limit(talk):
    said = 'use tool weather {"city": "' + "x" * 4_000 + '"}'
    limit = {Claude: "max_tokens", Gpt: "max_completion_tokens"}[type(talk())]
    client = talk()
    if isinstance(client, Claude):
        heard = await client.say(said).hear(**{limit: 64})
        assert (heard.stop, heard.usage[1], heard.calls) == ("length", 64, [("weather", {})])
    else:
        asked = {"model": OPENAI, "messages": [{"role": "user", "content": said}], "tools": openai_tools(), limit: 64}
        answer = await client.client.chat.completions.create(**asked)
        assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 64)


async def test_streams_have_the_published_events(world: World):
    claude = await Claude(world).say("What is the weather like?").hear(stream=True)
    assert {"content_block_start", "input_json", "content_block_delta", "content_block_stop"} <= set(claude.kinds)
    assert claude.kinds.count("content_block_start") == 2
    gpt = await Gpt(world).say("What is the weather like?").hear(stream=True)
    assert "tool_calls.function.arguments.delta" in gpt.kinds
    assert gpt.kinds.count("tool_calls.function.arguments.done") == 1


async def test_calls_and_results_that_do_not_belong_together_are_refused(world: World):
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    user, result = {"role": "user", "content": "Hi"}, {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
    for messages in (
        [user, {"role": "tool", "tool_call_id": "call_1", "content": "x"}],
        [user, {"role": "assistant", "tool_calls": [call]}],
        [user, {"role": "assistant", "tool_calls": [call]}, user],
        [user, {"role": "assistant", "tool_calls": []}],
        [user, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "b", "content": "x"}],
    ):
        with pytest.raises(openai.BadRequestError):
            await world.openai().chat.completions.create(model=OPENAI, messages=messages)
    for messages in (
        [user, {"role": "user", "content": [result]}],
        [user, {"role": "assistant", "content": [use]}],
        [user, {"role": "assistant", "content": [use]}, user],
        [user, {"role": "assistant", "content": [use, use]}, {"role": "user", "content": [result]}],
        [user, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result, result]}],
        [user, {"role": "assistant", "content": [use | {"input": "{}"}]}, {"role": "user", "content": [result]}],
    ):
        with pytest.raises(anthropic.BadRequestError):
            await world.anthropic().messages.create(model=ANTHROPIC, max_tokens=9, messages=messages)


async def test_tools_that_make_no_sense_are_refused(world: World):
    messages = [{"role": "user", "content": "Hi"}]
    one = openai_tools()[:1]
    for wrong in (
        {"tools": []},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "function", "function": {"name": "no spaces"}}]},
        {"tools": [{"type": "function", "function": {"name": "x", "parameters": {"type": "array"}}}]},
        {"tool_choice": "required"},
        {"tools": one, "tool_choice": "perhaps"},
        {"tools": one, "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"parallel_tool_calls": True},
    ):
        with pytest.raises(openai.BadRequestError):
            await world.openai().chat.completions.create(model=OPENAI, messages=messages, **wrong)
    one = anthropic_tools()[:1]
    for wrong in (
        {"tools": one * 2},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"name": "no spaces", "input_schema": {"type": "object"}}]},
        {"tools": [{"name": "x", "input_schema": {"type": "array"}}]},
        {"tool_choice": {"type": "any"}},
        {"tools": one, "tool_choice": {"type": "perhaps"}},
        {"tools": one, "tool_choice": {"type": "tool", "name": "other"}},
    ):
        with pytest.raises(anthropic.BadRequestError):
            await world.anthropic().messages.create(model=ANTHROPIC, max_tokens=9, messages=messages, **wrong)
