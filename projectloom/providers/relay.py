"""From an open response to chat events: the part that is the same for every provider.

It owns the response (closed on every way out, cancellation included), the decoding of events, and the turning of
whatever goes wrong into a :class:`ProviderError`. What an event means is the provider's reader's business.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

import httpx2

from projectloom.errors import ProviderError
from projectloom.providers.base import ChatEvent, ProviderName
from projectloom.providers.failures import failure, from_exception, outside_errors
from projectloom.providers.sse import EventDecoder, ServerEvent

# After the reply's end a body normally ends at once, and the connection can be used again. It is not waited for longer.
DRAIN_SECONDS = 0.1


class Reader(Protocol):
    """Understands one provider's events."""

    done: bool
    """Set once the provider has ended the reply, well or not. Nothing after it is read."""

    def read(self, event: ServerEvent) -> list[ChatEvent]:
        """What this event means. Raises ``ValueError`` when it is malformed, and ``ProviderError`` when it says so."""
        ...


async def relay(
    provider: ProviderName, open_response: Callable[[], Awaitable[httpx2.Response]], reader: Reader
) -> AsyncGenerator[ChatEvent, None]:
    """Open the response and yield what the reader makes of it. Raises :class:`ProviderError` and nothing else."""
    trouble: ProviderError | None = None
    begun = False
    try:
        async with aclosing(await open_response()) as response, aclosing(response.aiter_bytes()) as chunks:
            begun = True
            decoder = EventDecoder()
            async for chunk in chunks:
                for event in decoder.feed(chunk):
                    for item in reader.read(event):
                        yield item
                    if reader.done:
                        await _drain(chunks)
                        return
    except outside_errors() as error:
        trouble = from_exception(provider, error, mid_stream=begun)
    except ValueError:
        # Malformed JSON, an event without its parts or beyond all size. Its text may hold the reply: it is not kept.
        trouble = failure(provider, "broken_stream")
    if trouble is not None:
        raise trouble


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in chunks:
                pass
    except outside_errors():
        # The reply is whole. How its connection ends no longer matters to anybody, and it is closed by the caller.
        return
