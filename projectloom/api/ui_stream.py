"""A turn as the Vercel AI SDK's UI message stream (https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol).

Server-sent events: ``start``, ``text-start``, ``text-delta`` …, ``text-end``, ``finish``, ``[DONE]``; trouble after the
start is an ``error`` part before ``finish``. What the reply cost stands in the metadata of ``finish``; where the reply
broke off also in a ``message-metadata`` part, as the AI SDK's client reads no further than to an error.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.billing.balance import read_balance
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.models import Turn
from projectloom.metering.receipts import Receipt
from projectloom.metering.turn import Settled, StartedTurn, Text, watch_turn
from projectloom.money import Nanos

_log = logging.getLogger(__name__)

_HEADERS = {
    "x-vercel-ai-ui-message-stream": "v1",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
_TEXT_ID = "text"

Event = TypeVar("Event")


def stream_turn(user_id: str, turn_id: str, start: dict[str, Any]) -> StreamingResponse:
    """Watch a turn from its beginning. A reader who leaves changes nothing for the turn."""
    return ui_response(_parts(user_id, turn_id, start))


def ui_response(parts: AsyncIterator[str]) -> StreamingResponse:
    """The parts of a UI message stream as an answer."""
    return StreamingResponse(parts, media_type="text/event-stream", headers=_HEADERS)


async def _parts(user_id: str, turn_id: str, start: dict[str, Any]) -> AsyncIterator[str]:
    yield part({"type": "start", "messageId": turn_id, "messageMetadata": {"turnId": turn_id, **start}})
    began, metadata = False, None
    try:
        async for event in kept_alive(watch_turn(user_id, turn_id)):
            match event:
                case None:
                    yield ": waiting\n\n"
                case Text(text=text):
                    if not began:
                        began = True
                        yield part({"type": "text-start", "id": _TEXT_ID})
                    yield part({"type": "text-delta", "id": _TEXT_ID, "delta": text})
                case Settled(receipt=receipt, balance_nanos=balance):
                    if began:
                        yield part({"type": "text-end", "id": _TEXT_ID})
                    metadata = await _metadata(user_id, receipt, balance)
                    if receipt.error_message:
                        yield part({"type": "message-metadata", "messageMetadata": metadata})
                        yield part({"type": "error", "errorText": receipt.error_message})
    except LoomError as error:
        yield part({"type": "error", "errorText": error.message})
    except Exception:  # noqa: BLE001 - logged
        # A broken promise of ours: the watching ends in words, and the reply itself goes on.
        _log.exception("a reply could not be watched", extra={"turn_id": turn_id})
        yield part({"type": "error", "errorText": LoomError.default_message})
    yield part({"type": "finish"} if metadata is None else {"type": "finish", "messageMetadata": metadata})
    yield "data: [DONE]\n\n"


def start_values(turn: StartedTurn | Turn) -> dict[str, Any]:
    """What a stream tells when it begins: where the exchange is kept, who pays, and how long the reply may be."""
    return {
        "conversationId": turn.conversation_id,
        "funding": turn.funding,
        "maxOutputTokens": turn.max_output_tokens,
        "clamped": turn.clamped,
    }


async def kept_alive(events: AsyncIterator[Event]) -> AsyncIterator[Event | None]:
    """The same events, with a None whenever nothing came for a while: proxies cut connections that are silent."""
    while True:
        pending = asyncio.ensure_future(anext(events, _END))
        try:
            while not (await asyncio.wait([pending], timeout=limits.WATCH_KEEPALIVE_SECONDS))[0]:
                yield None
        finally:
            pending.cancel()
        event = await pending
        if event is _END:
            return
        yield event


_END: Any = object()


async def _metadata(user_id: str, receipt: Receipt, balance_nanos: Nanos | None) -> dict[str, Any]:
    if balance_nanos is None:
        balance_nanos = (await in_thread(read_balance, user_id)).posted_nanos
    usage = receipt.usage
    return {
        "turnId": receipt.turn_id,
        "usageId": receipt.usage_id,
        "provider": receipt.provider,
        "model": receipt.model,
        "funding": receipt.funding,
        "completion": receipt.completion,
        "estimated": receipt.estimated,
        "clamped": receipt.clamped,
        "usage": {
            "inputTokens": usage.input_tokens,
            "cacheReadTokens": usage.cache_read_tokens,
            "cacheWrite5mTokens": usage.cache_write_5m_tokens,
            "cacheWrite1hTokens": usage.cache_write_1h_tokens,
            "outputTokens": usage.output_tokens,
            "reasoningTokens": usage.reasoning_tokens,
            "totalTokens": usage.total_input_tokens + usage.output_tokens,
            "webSearches": usage.web_searches,
            "flagged": usage.flagged,
        },
        "priceVersion": receipt.price_version,
        "entryId": receipt.entry_id,
        **dollars("charge", receipt.charged_nanos),
        **dollars("held", receipt.held_nanos),
        **dollars("providerCost", receipt.provider_cost_nanos),
        **dollars("balance", balance_nanos),
    }


def part(value: dict[str, Any]) -> str:
    """One part of a UI message stream, as an event."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"
