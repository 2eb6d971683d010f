"""Vectors: whole or not at all, held before and charged once, in the order of their texts."""

import asyncio
import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from projectloom.api.assistants import _written
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import (
    IdempotencyConflict,
    InsufficientCredits,
    InvalidInput,
    ProviderError,
    TooLarge,
    UnknownModel,
)
from projectloom.metering.models import Turn
from projectloom.metering.recovery import recover_turns
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import embed_texts
from projectloom.providers import ChatMessage
from tests.providers.scripted_server import Step, refusal

MODEL = "text-embedding-3-small"


def answer(vectors: list[list[float]] | None = None, usage: object = None, **changes: object) -> list[Step]:
    vectors = [[0.1, 0.2], [0.3, 0.4]] if vectors is None else vectors
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)],
        "model": MODEL,
        "usage": {"prompt_tokens": 8, "total_tokens": 8} if usage is None else usage,
    }
    data = json.dumps(body | changes).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return [head.encode() + data]


def request(person: str, *texts: str, **changes) -> TurnRequest:
    messages = tuple(ChatMessage("user", text) for text in texts or ("one", "two"))
    values = {"user_id": person, "model": MODEL, "messages": messages, "source": "embeddings", "kept": False}
    return TurnRequest(**(values | changes))


async def test_vectors_come_in_the_order_of_their_texts_and_are_charged_exactly(world):
    turned = [{"object": "embedding", "index": n, "embedding": [float(n)]} for n in (1, 0)]
    async with world(answer(data=turned)) as w:
        vectors, receipt = await embed_texts(request(w.person))
        assert vectors == ((0.0,), (1.0,))
        # 8 tokens at $0.02 a million.
        assert (receipt.charged_nanos, receipt.source, receipt.estimated) == (160, "embeddings", False)
        assert w.balances.held_nanos == 0
        assert w.provider.asked[0].body["input"] == ["one", "two"]
        assert receipt.held_nanos >= receipt.charged_nanos


async def test_without_a_model_the_first_that_makes_vectors_is_taken(world):
    async with world(answer()) as w:
        assert (await embed_texts(request(w.person, model=None)))[1].model == MODEL


async def test_vectors_whose_tokens_nobody_counted_are_charged_by_an_estimate_that_says_so(world):
    async with world(answer(usage={"prompt_tokens": 0, "total_tokens": 0})) as w:
        _, receipt = await embed_texts(request(w.person))
        assert receipt.estimated
        assert 0 < receipt.charged_nanos <= receipt.held_nanos


@pytest.mark.parametrize(
    "script",
    [
        refusal(500, {"error": {"message": "no"}}),
        refusal(429, {"error": {"message": "slow"}}),
        answer([[0.1]]),
        answer([[0.1], []]),
        answer([[0.1], [float("nan")]]),
        answer(data=None),
        answer([[0.1], "AAAA"]),
        answer([[0.1], [True]]),
        answer([[0.1], [10**400]]),
        answer(data=[{"index": 0, "embedding": [0.1]}, {"index": 0, "embedding": [0.1]}]),
        answer(data=[{"index": 0, "embedding": [0.1]}, None]),
        [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n" + b"[" * 9999],
        [b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi"],
    ],
    ids=(
        "500",
        "429",
        "one too few",
        "empty",
        "nan",
        "none",
        "base64",
        "truth",
        "huge",
        "twice",
        "no item",
        "deep",
        "words",
    ),
)
async def test_what_is_no_vector_for_each_text_costs_nothing_and_is_told(world, script):
    async with world(script) as w:
        with pytest.raises(ProviderError):
            await embed_texts(request(w.person))
        assert (w.balances.held_nanos, w.balances.spent_nanos) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "gpt-6-luna"}, UnknownModel),
        ({"model": "text-embedding-9"}, UnknownModel),
        ({"messages": ()}, InvalidInput),
        ({"messages": (ChatMessage("user", "  "),)}, InvalidInput),
        ({"messages": (ChatMessage("user", "a\0b"),)}, InvalidInput),
        ({"messages": (ChatMessage("user", "x"),) * 65}, InvalidInput),
        ({"messages": (ChatMessage("user", "x" * 2_000_001),)}, TooLarge),
    ],
    ids=repr,
)
async def test_what_no_vectors_can_be_made_of_is_refused_before_the_hold(world, changes, error):
    async with world(answer()) as w:
        with pytest.raises(error):
            await embed_texts(request(w.person, **changes))
        assert (w.turns(), w.provider.asked) == ([], [])


async def test_a_chat_is_not_held_with_a_model_for_vectors(world):
    async with world(answer()) as w:
        with pytest.raises(UnknownModel):
            await w.start(model=MODEL)


async def test_too_little_credit_refuses_before_the_call(world):
    async with world(answer(), nanos=50_000_000) as w:
        with pytest.raises(InsufficientCredits):
            await embed_texts(request(w.person))
        assert w.provider.asked == []


async def test_the_same_request_twice_is_one_call_and_the_second_is_told(world):
    async with world(answer()) as w:
        await embed_texts(request(w.person, client_request_id="once"))
        with pytest.raises(IdempotencyConflict):
            await embed_texts(request(w.person, client_request_id="once"))
        assert len(w.provider.asked) == 1


async def test_vectors_whose_turn_was_ended_by_somebody_else_are_not_handed_out(world):
    script = answer()
    async with world([0.6, *script]) as w:
        task = asyncio.create_task(embed_texts(request(w.person)))
        while not w.turns():
            await asyncio.sleep(0.02)
        with transaction() as session:
            session.connection().execute(update(Turn).values(lease_until=now() - timedelta(minutes=1)))
        assert recover_turns(()) == 1
        with pytest.raises(ProviderError):
            await task
        assert w.balances.spent_nanos == 0


# One engine is enough: what is measured is decoding.
@pytest.mark.parametrize("books", ["sqlite"], indirect=True)
async def test_the_largest_answer_is_read_and_written_beside_the_event_loop(world):
    vectors = [[0.0123456789 + number / 10**6] * 3_072 for number in range(64)]
    async with world(answer(vectors)) as w:
        began = time.thread_time()
        found, receipt = await embed_texts(request(w.person, *["text"] * 64))
        # The SDK's own reading took the loop's thread for more than half a second of its processor's time.
        assert time.thread_time() - began < 0.3
        assert (found[63][3_071], len(found)) == (vectors[63][3_071], 64)
        body = json.loads(_written(found, {"model": receipt.model}))
        assert body == {"embeddings": vectors, "model": MODEL}
        assert json.loads(_written([], {"model": "é"})) == {"embeddings": [], "model": "é"}
