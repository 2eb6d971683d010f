"""What the bench measures with must itself be right: the mock provider's formats, and what the load takes for whole."""

import asyncio
from collections.abc import AsyncIterator

import anthropic
import openai
import pytest

from bench.http_answer import Answer
from bench.load import LEAST_REPLIES, Target, load
from bench.provider import Provider
from bench.wire import FIRST_WORD, LAST_WORD, openai_stream, words_of

CHUNKS = 7
ASKED = {"model": "any", "messages": [{"role": "user", "content": "Tell me a story."}]}


@pytest.fixture
async def mock() -> AsyncIterator[str]:
    """The address of a mock provider in this process."""
    make = asyncio.get_running_loop().create_server
    server = await make(lambda: Provider(chunks=CHUNKS, delay_seconds=0.0), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_openais_own_client_reads_the_mocks_stream_with_its_usage(mock: str) -> None:
    async with openai.AsyncOpenAI(api_key="none", base_url=f"{mock}/v1", max_retries=0) as client:
        stream = await client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "".join(words_of(CHUNKS))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == CHUNKS


async def test_openais_own_client_reads_the_mocks_answer_and_vectors(mock: str) -> None:
    async with openai.AsyncOpenAI(api_key="none", base_url=f"{mock}/v1", max_retries=0) as client:
        answer = await client.chat.completions.create(**ASKED)
        vectors = await client.embeddings.create(model="any", input=["a", "b"], encoding_format="float")
    assert answer.choices[0].message.content == "".join(words_of(CHUNKS))
    assert len(vectors.data) == 2


async def test_anthropics_own_client_reads_the_mocks_stream(mock: str) -> None:
    async with (
        anthropic.AsyncAnthropic(api_key="none", base_url=mock, max_retries=0) as client,
        client.messages.stream(**ASKED, max_tokens=100) as stream,
    ):
        message = await stream.get_final_message()
    assert message.content[0].text == "".join(words_of(CHUNKS))
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", CHUNKS)


def test_an_answer_reads_the_same_however_it_is_cut_into_pieces() -> None:
    body = b"".join(openai_stream("any", CHUNKS, with_usage=True)) + b"0\r\n\r\n"
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    whole = Answer()
    whole.feed(sent)
    assert whole.ended
    for size in (1, 2, 3, 7, 64):
        answer = Answer()
        for at in range(0, len(sent), size):
            assert not answer.ended
            answer.feed(sent[at : at + size])
        assert answer.ended
        assert answer.body == whole.body


def _target(mock: str, *holds: str) -> Target:
    body = '{"model":"any","stream":true,"messages":[]}'
    return Target(f"{mock}/v1/chat/completions", body, ("none",), FIRST_WORD, holds)


async def test_the_load_counts_whole_replies_until_each_client_has_some(mock: str) -> None:
    figures = await load(_target(mock, LAST_WORD, "[DONE]"), clients=3, seconds=0.01, warm_seconds=0.0)
    assert figures.errors == 0
    assert figures.replies >= 3 * LEAST_REPLIES
    assert all(0 < first <= whole for first, whole in zip(figures.first_ms, figures.whole_ms, strict=True))


async def test_a_reply_that_lacks_what_it_must_hold_counts_as_an_error(mock: str) -> None:
    figures = await load(_target(mock, "what never came"), clients=1, seconds=0.01, warm_seconds=0.0)
    assert figures.replies == 0
    assert figures.errors > 0
    assert figures.said
