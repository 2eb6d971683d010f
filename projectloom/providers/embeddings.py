"""Vectors of texts, through OpenAI's SDK and every server that speaks its API.

Source: https://platform.openai.com/docs/api-reference/embeddings. They come whole or not at all, so there is nothing to
stream; the events are those of a reply, with the vectors in the place of its text.
"""

import math
from collections.abc import AsyncGenerator

import openai

from projectloom.errors import ProviderError
from projectloom.providers.base import ChatEvent, Completed, EmbeddingCall, UsageSeen, Vectors, storable_text
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import OUTSIDE_ERRORS, failure, from_exception, require_sendable_key
from projectloom.providers.openai import BASE_URL
from projectloom.providers.reports import usage_of_response


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
        answer = await client.embeddings.create(
            model=call.model,
            input=[storable_text(text) for text in call.texts],
            encoding_format="float",
            extra_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},
        )
        vectors = _vectors(answer.data, len(call.texts))
    except OUTSIDE_ERRORS as error:
        trouble = from_exception("openai", error, mid_stream=False)
    except (ValueError, TypeError, AttributeError):
        trouble = failure("openai", "broken_stream")
    else:
        usage = usage_of_response("openai", answer.to_dict())
        if usage is not None:
            yield UsageSeen(usage, final=True)
        yield Vectors(vectors)
        yield Completed("stop", answer.model)
    if trouble is not None:
        raise trouble


def _vectors(data: list[openai.types.Embedding], wanted: int) -> tuple[tuple[float, ...], ...]:
    """The vectors in the order of their texts. Raises ``ValueError`` when one is missing or no vector."""
    by_index = {item.index: tuple(float(value) for value in item.embedding) for item in data}
    vectors = tuple(by_index[index] for index in range(wanted) if index in by_index)
    if len(vectors) != wanted or len(data) != wanted:
        raise ValueError("not a vector for each text")
    if not all(vector and all(map(math.isfinite, vector)) for vector in vectors):
        raise ValueError("not a vector")
    return vectors
