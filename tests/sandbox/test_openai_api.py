"""The official OpenAI SDK against the stand-in."""

import base64
import math
import struct

import openai
import pytest

from projectloom.sandbox.tokenizer import count_tokens

from .world import World

MODEL = "gpt-5.4-mini"


def asking(text: str = "How do tides work?", **more):
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


async def streamed(world: World, **params):
    stream = await world.openai().chat.completions.create(**params, stream=True)
    return [chunk async for chunk in stream]


async def test_usage_comes_after_the_finish_in_a_chunk_without_choices(world: World):
    chunks = await streamed(world, **asking(), stream_options={"include_usage": True})
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == count_tokens(text)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_no_usage_comes_unless_it_is_asked_for(world: World):
    chunks = await streamed(world, **asking("Hi"))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


async def test_the_raw_stream_ends_with_done(world: World):
    url = f"{world.url}/sandbox/openai/v1/chat/completions"
    headers = {"authorization": "Bearer sk-mine"}
    answer = await world.browser().post(url, json=asking("Hi", stream=True), headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_streamed_and_whole_completions_say_the_same_and_count_the_same(world: World):
    chunks = await streamed(world, **asking(), stream_options={"include_usage": True})
    whole = await world.openai().chat.completions.create(**asking())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert whole.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_reply_and_says_so(world: World, limit):
    whole = await world.openai().chat.completions.create(**asking(), **{limit: 64})
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == count_tokens(whole.choices[0].message.content) == 64


async def test_the_newest_models_reason_within_their_limit(world: World):
    params = asking() | {"model": "gpt-6-luna"}
    free = (await world.openai().chat.completions.create(**params)).usage
    assert free.completion_tokens_details.reasoning_tokens >= 24
    tight = await world.openai().chat.completions.create(**params, max_completion_tokens=64)
    assert tight.usage.completion_tokens == 64
    assert tight.usage.completion_tokens_details.reasoning_tokens == 16
    older = (await world.openai().chat.completions.create(**asking())).usage
    assert older.completion_tokens_details.reasoning_tokens == 0


async def test_a_long_beginning_seen_before_is_cached_and_stays_part_of_the_prompt(world: World):
    client = world.openai()
    system = {"role": "system", "content": "All about looms. " * 400}

    async def ask(text: str):
        messages = [system, {"role": "user", "content": text}]
        return (await client.chat.completions.create(model=MODEL, messages=messages)).usage

    first, second = await ask("Hello"), await ask("Thanks")
    assert first.prompt_tokens_details.cached_tokens == 0
    assert second.prompt_tokens_details.cached_tokens % 128 == 0
    assert 1_024 <= second.prompt_tokens_details.cached_tokens < second.prompt_tokens
    assert second.prompt_tokens > 1_700


async def test_short_prompts_are_never_cached(world: World):
    client = world.openai()
    for _ in range(2):
        usage = (await client.chat.completions.create(**asking("Hi"))).usage
        assert usage.prompt_tokens_details.cached_tokens == 0
        assert usage.prompt_tokens <= len(b"Hi") + 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": None},
        {"messages": []},
        {"messages": None},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": ["hi"]},
        {"max_tokens": 0},
        {"max_tokens": 10**9},
        {"max_completion_tokens": "many"},
        {"max_tokens": 5, "max_completion_tokens": 5},
        {"stream": 1},
        {"stream_options": {"include_usage": True}},
    ],
)
async def test_wrong_parameters_are_a_bad_request(world: World, wrong):
    headers = {"authorization": "Bearer sk-mine"}
    url = f"{world.url}/sandbox/openai/v1/chat/completions"
    answer = await world.browser().post(url, json=asking() | wrong, headers=headers)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("key", ["sk-invalid", "hello"])
async def test_a_wrong_key_is_unauthorized(world: World, key):
    for call in (
        world.openai(key).chat.completions.create(**asking()),
        world.openai(key).embeddings.create(model="text-embedding-3-small", input="x"),
        world.openai(key).models.list(),
    ):
        with pytest.raises(openai.AuthenticationError) as refused:
            await call
        assert refused.value.code == "invalid_api_key"
        assert key not in str(refused.value)


async def test_an_unknown_model_or_route_is_not_found(world: World):
    with pytest.raises(openai.NotFoundError) as refused:
        await world.openai().chat.completions.create(**asking() | {"model": "claude-opus-5-5"})
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        await world.openai().responses.create(model=MODEL, input="x")


async def test_models_are_listed(world: World):
    assert "gpt-6-luna" in [model.id async for model in world.openai().models.list()]


@pytest.mark.parametrize(("model", "size"), [("text-embedding-3-small", 1_536), ("text-embedding-3-large", 3_072)])
async def test_embeddings_are_unit_vectors_and_the_same_for_the_same_text(world: World, model, size):
    client = world.openai()
    texts = ["a loom weaves cloth", "a loom weaves cloth", "the loom weaves a cloth", "quarterly tax filing"]
    answer = await client.embeddings.create(model=model, input=texts, encoding_format="float")
    one, same, near, far = (item.embedding for item in answer.data)
    assert len(one) == size
    assert math.isclose(math.hypot(*one), 1, rel_tol=1e-5)
    assert one == same
    assert sum(map(float.__mul__, one, near)) > sum(map(float.__mul__, one, far)) + 0.3
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == sum(map(count_tokens, texts))


async def test_both_encodings_of_an_embedding_are_the_same_numbers(world: World):
    url = f"{world.url}/sandbox/openai/v1/embeddings"
    headers = {"authorization": "Bearer sk-mine"}
    params = {"model": "text-embedding-3-small", "input": "loom", "dimensions": 256}
    plain = await world.browser().post(url, json=params, headers=headers)
    packed = await world.browser().post(url, json=params | {"encoding_format": "base64"}, headers=headers)
    raw = base64.b64decode(packed.json()["data"][0]["embedding"])
    assert list(struct.unpack("<256f", raw)) == plain.json()["data"][0]["embedding"]


async def test_embeddings_take_tokens_and_refuse_what_cannot_be_embedded(world: World):
    client = world.openai()
    answer = await client.embeddings.create(model="text-embedding-3-small", input=[[1, 2, 3], [4]])
    assert (len(answer.data), answer.usage.prompt_tokens) == (2, 4)
    for wrong in ("", [], ["a", ""], "x" * 40_000, [[]]):
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="text-embedding-3-small", input=wrong)
    with pytest.raises(openai.BadRequestError):
        await client.embeddings.create(model="text-embedding-3-small", input="x", dimensions=9_999)
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model=MODEL, input="x")
