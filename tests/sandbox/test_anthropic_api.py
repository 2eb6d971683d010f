"""The official Anthropic SDK against the stand-in."""

import json
import logging

import anthropic
import pytest

from projectloom.sandbox.tokenizer import count_tokens

from .world import World, until

MODEL = "claude-sonnet-5-5"


def asking(text: str = "How do tides work?", **more):
    return {"model": MODEL, "max_tokens": 4_096, "messages": [{"role": "user", "content": text}], **more}


async def test_a_streamed_message_has_the_published_events_in_order(world: World):
    kinds, text = [], ""
    async with await world.anthropic().messages.create(**asking(), stream=True) as events:
        async for event in events:
            kinds.append(event.type)
            if event.type == "content_block_delta":
                text += event.delta.text
            if event.type == "message_delta":
                delta = event
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert len(kinds) > 20
    assert delta.delta.stop_reason == "end_turn"
    assert delta.usage.output_tokens == count_tokens(text)


async def test_the_raw_stream_is_named_events_with_a_ping(world: World):
    headers = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
    url = f"{world.url}/sandbox/anthropic/v1/messages"
    answer = await world.browser().post(url, json=asking("Hi", stream=True), headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"].startswith("req_")
    for frame in answer.text.strip().split("\n\n"):
        name, data = frame.split("\n")
        assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")
    assert "event: ping" in answer.text


async def test_streamed_and_whole_messages_say_the_same_and_count_the_same(world: World):
    client = world.anthropic()
    async with client.messages.stream(**asking()) as stream:
        streamed = await stream.get_final_message()
    whole = await client.messages.create(**asking())
    assert streamed.content[0].text == whole.content[0].text
    assert streamed.usage.output_tokens == whole.usage.output_tokens == count_tokens(whole.content[0].text)
    assert streamed.usage.input_tokens == whole.usage.input_tokens > 0
    assert (whole.role, whole.model, whole.stop_reason) == ("assistant", MODEL, "end_turn")


async def test_a_count_of_tokens_is_what_the_message_then_reports(world: World):
    client, wanted = world.anthropic(), asking(system="Be brief.")
    counted = await client.messages.count_tokens(**{k: v for k, v in wanted.items() if k != "max_tokens"})
    assert counted.input_tokens == (await client.messages.create(**wanted)).usage.input_tokens


async def test_max_tokens_cuts_the_reply_and_says_so(world: World):
    message = await world.anthropic().messages.create(**asking(max_tokens=64))
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == count_tokens(message.content[0].text) == 64


async def test_input_is_never_more_tokens_than_bytes_and_overhead(world: World):
    text = "日本語 👩‍👩‍👧 العربية"
    usage = (await world.anthropic().messages.create(**asking(text))).usage
    assert usage.input_tokens <= len(text.encode()) + 7


async def test_a_marked_prefix_is_written_once_and_then_read(world: World):
    client = world.anthropic()
    system = [{"type": "text", "text": "All about looms. " * 400, "cache_control": {"type": "ephemeral"}}]
    first = (await client.messages.create(**asking("One?", system=system))).usage
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation_input_tokens == first.cache_creation.ephemeral_5m_input_tokens > 1_024
    assert first.cache_creation.ephemeral_1h_input_tokens == 0

    second = (await client.messages.create(**asking("Two, quite different?", system=system))).usage
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == 0
    assert second.input_tokens < 30


async def test_each_lifetime_of_cache_has_its_own_pool_and_pools_add_up(world: World):
    client = world.anthropic()
    hour = {"type": "text", "text": "Rules. " * 800, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    minutes = {"type": "text", "text": "Notes. " * 800, "cache_control": {"type": "ephemeral"}}
    whole = (await client.messages.create(**asking(system=[{"type": "text", "text": hour["text"] + "x"}]))).usage
    assert whole.cache_creation_input_tokens == whole.cache_read_input_tokens == 0

    usage = (await client.messages.create(**asking(system=[hour, minutes]))).usage
    written = usage.cache_creation
    assert written.ephemeral_1h_input_tokens > 1_024
    assert written.ephemeral_5m_input_tokens == count_tokens(minutes["text"])
    assert usage.cache_creation_input_tokens == written.ephemeral_1h_input_tokens + written.ephemeral_5m_input_tokens

    other = (await client.messages.create(**asking(system=[hour, {**minutes, "text": "Other. " * 800}]))).usage
    assert other.cache_read_input_tokens == written.ephemeral_1h_input_tokens
    assert other.cache_creation.ephemeral_5m_input_tokens == count_tokens("Other. " * 800)


async def test_caches_are_apart_for_each_key_and_short_prefixes_are_not_cached(world: World):
    long = [{"type": "text", "text": "Looms. " * 1_000, "cache_control": {"type": "ephemeral"}}]
    await world.anthropic().messages.create(**asking(system=long))
    other = (await world.anthropic("sk-ant-another").messages.create(**asking(system=long))).usage
    assert other.cache_read_input_tokens == 0
    short = [{"type": "text", "text": "Short.", "cache_control": {"type": "ephemeral"}}]
    usage = (await world.anthropic().messages.create(**asking(system=short))).usage
    assert usage.cache_creation_input_tokens == usage.cache_read_input_tokens == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": 0},
        {"max_tokens": 10**9},
        {"max_tokens": "many"},
        {"max_tokens": True},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [None]},
        {"system": 5},
        {"cache_control": {"type": "forever"}},
        {"stream": "yes"},
    ],
)
async def test_wrong_parameters_are_a_bad_request(world: World, wrong):
    headers = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
    url = f"{world.url}/sandbox/anthropic/v1/messages"
    answer = await world.browser().post(url, json=asking() | wrong, headers=headers)
    assert answer.status_code == 400
    error = answer.json()
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    assert error["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"NaN", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_not_a_json_object_is_a_bad_request(world: World, body):
    headers = {"authorization": "Bearer sk-ant-mine", "anthropic-version": "2023-06-01"}
    url = f"{world.url}/sandbox/anthropic/v1/messages"
    assert (await world.browser().post(url, content=body, headers=headers)).status_code == 400


async def test_a_lone_surrogate_is_served(world: World):
    headers = {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01", "content-type": "application/json"}
    body = json.dumps(asking("What is \ud800 in this text?")).encode()
    url = f"{world.url}/sandbox/anthropic/v1/messages"
    assert (await world.browser().post(url, content=body, headers=headers)).status_code == 200


@pytest.mark.parametrize("key", ["sk-ant-invalid", "hello"])
async def test_a_wrong_key_is_unauthorized_in_anthropics_envelope(world: World, key):
    with pytest.raises(anthropic.AuthenticationError) as refused:
        await world.anthropic(key).messages.create(**asking())
    assert refused.value.body["error"]["type"] == "authentication_error"
    assert key not in str(refused.value)


async def test_an_unknown_model_is_not_found(world: World):
    with pytest.raises(anthropic.NotFoundError):
        await world.anthropic().messages.create(**asking() | {"model": "gpt-6-luna"})


async def test_generation_stops_when_the_client_leaves(world: World, caplog):
    caplog.set_level(logging.INFO, "projectloom.sandbox.pace")
    async with await world.anthropic().messages.create(**asking("Write a long essay"), stream=True) as events:
        async for event in events:
            if event.type == "content_block_delta":
                break
    await until(lambda: "the client has left" in caplog.text)
