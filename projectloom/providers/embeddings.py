"""Vectors of texts, through OpenAI's SDK and every server that speaks its API.

Source: https://platform.openai.com/docs/api-reference/embeddings. They come whole or not at all, so there is nothing to
stream; the events are those of a reply, with the vectors in the place of its text. There may be hundreds of thousands
of numbers in an answer, which the SDK's models take a second for; they are read by a thread instead, which lets the
event loop have its turn between two of them.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator
from typing import Any, cast

import openai

from projectloom.errors import ProviderError
from projectloom.providers.base import ChatEvent, Completed, EmbeddingCall, UsageSeen, Vectors, storable_text
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import failure, from_exception, outside_errors, require_sendable_key
from projectloom.providers.openai import BASE_URL
from projectloom.providers.reports import usage_of_response
from projectloom.tokens import Usage

_Vectors = tuple[tuple[float, ...], ...]


async def embed(call: EmbeddingCall) -> AsyncGenerator[ChatEvent, None]:
    """Make the call once, without retries; one :class:`Vectors`, and the end. Raises ``ProviderError``."""
    require_sendable_key("openai", call.api_key)
    base_url = call.base_url or BASE_URL
    client = openai.AsyncOpenAI(
        api_key=call.api_key,
        base_url=base_url,
        timeout=timeouts(),
        # A second attempt would be a second charge: without an idempotency key nobody can tell them apart.
        max_retries=0,
        http_client=http_client("openai", base_url),
    )
    trouble: ProviderError | None = None
    try:
        answer = await client.embeddings.with_raw_response.create(
            model=call.model,
            input=[storable_text(text) for text in call.texts],
            encoding_format="float",
            extra_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},
        )
        vectors, usage, model = await asyncio.to_thread(_read, answer.content, len(call.texts))
    except outside_errors() as error:
        trouble = from_exception("openai", error, mid_stream=False)
    except (ValueError, OverflowError, RecursionError):
        trouble = failure("openai", "broken_stream")
    else:
        if usage is not None:
            yield UsageSeen(usage, final=True)
        yield Vectors(vectors)
        yield Completed("stop", model or call.model)
    if trouble is not None:
        raise trouble


def _read(body: bytes, wanted: int) -> tuple[_Vectors, Usage | None, str | None]:
    """The vectors in the order of their texts, what they used, and the model that made them.

    Raises ``ValueError`` (or ``OverflowError``, ``RecursionError``) when there is not a vector for each text.
    """
    answer = json.loads(body, parse_float=_number)
    if not isinstance(answer, dict):
        raise ValueError("not an answer")
    values = cast("dict[str, Any]", answer)
    model = values.get("model")
    vectors = _vectors(values.get("data"), wanted)
    return vectors, usage_of_response("openai", values), model if isinstance(model, str) else None


def _number(text: str) -> float:
    # In Python on purpose: the decoder's own C code would keep every other thread waiting until the last number.
    return float(text)


def _vectors(data: object, wanted: int) -> _Vectors:
    """The vectors in the order of their texts. Raises ``ValueError`` when one is missing or no vector."""
    if not isinstance(data, list) or len(cast("list[Any]", data)) != wanted:
        raise ValueError("not a vector for each text")
    by_index = dict(_indexed(item) for item in cast("list[Any]", data))
    vectors = tuple(by_index[index] for index in range(wanted) if index in by_index)
    if len(vectors) != wanted:
        raise ValueError("not a vector for each text")
    return vectors


def _indexed(item: object) -> tuple[int, tuple[float, ...]]:
    values = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    index, numbers = values.get("index"), values.get("embedding")
    if type(index) is not int or not isinstance(numbers, list):
        raise ValueError("not a vector")
    vector = tuple(map(_component, cast("list[Any]", numbers)))
    if not vector:
        raise ValueError("not a vector")
    return index, vector


def _component(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
