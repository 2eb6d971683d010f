"""The call of a turn whose answer passes through to a program as it is, while the meter reads along."""

import asyncio

from projectloom import limits
from projectloom.errors import ProviderError
from projectloom.metering.endings import broke_off, outcome_of, too_long, too_much
from projectloom.metering.feeds import WireFeed
from projectloom.metering.models import Completion
from projectloom.metering.settling import Outcome
from projectloom.providers import Frames, WireCall, open_wire

# After the answer's end a body normally ends at once, and its connection can be used again. No longer is waited.
_DRAIN_SECONDS = 0.1


async def consume_wire(feed: WireFeed, call: WireCall) -> Outcome:
    """Make the call, hand its bytes on, and say how it ended. Cancelling it ends the call."""
    completion = Completion.PARTIAL
    try:
        async with asyncio.timeout(limits.MAX_TURN_SECONDS), open_wire(call, feed.ready) as answered:
            feed.answered = answered
            feed.tell()
            await _pass_on(feed, answered.chunks, _most_bytes(call))
    except asyncio.CancelledError:
        completion = Completion.STOPPED if feed.stopping else Completion.PARTIAL
    except TimeoutError:
        feed.error = too_long()
    except ProviderError as caught:
        feed.error = caught
    except ValueError:
        # An event that cannot be read, or is beyond all size. Its text may hold the answer: it is not kept.
        feed.error = broke_off()
    if feed.reader.done:
        # Whatever happened to its connection afterwards, the answer is whole.
        completion, feed.error = Completion.COMPLETE, None
    elif completion == Completion.PARTIAL and feed.error is None:
        feed.error = broke_off()
    feed.called = True
    feed.tell()
    return outcome_of(feed, completion, feed.error)


async def _pass_on(feed: WireFeed, chunks: Frames, most: int) -> None:
    reader = feed.reader
    async for chunk in chunks:
        feed.size += len(chunk)
        piece = reader.feed(chunk)
        feed.usage, feed.usage_final = reader.usage, reader.usage_final
        await feed.put(piece)
        if reader.failure is not None:
            raise reader.failure
        if feed.size > most:
            raise too_much()
        if reader.done:
            feed.called = True
            feed.tell()
            if not chunks.is_over:
                await _drain(chunks)
            return
    feed.add(reader.finish())
    feed.usage, feed.usage_final = reader.usage, reader.usage_final


async def _drain(chunks: Frames) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                pass
    except TimeoutError:
        # The answer is whole, and its connection is closed by whoever opened it.
        return


def _most_bytes(call: WireCall) -> int:
    if not call.request.stream:
        return limits.MAX_WIRE_ANSWER_BYTES
    # Each likely token is told with its bytes and its place, as the one that was chosen is.
    each = limits.WIRE_BYTES_PER_TOKEN * (1 + call.request.likely_tokens)
    return min(call.max_tokens * each + limits.MAX_REFUSAL_BYTES, limits.MAX_WIRE_ANSWER_BYTES)
