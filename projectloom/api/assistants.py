"""``POST /api/summarize`` and ``POST /api/embeddings``: the same gate and the same meter as chat."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from projectloom import limits
from projectloom.api.bodies import optional_text, read_object
from projectloom.api.chat import max_tokens_of, own_keys_of
from projectloom.api.gate import caller_for
from projectloom.api.ui_stream import start_values, stream_turn
from projectloom.api.usage import receipt_values
from projectloom.assistants.summaries import SummaryRequest, start_summary
from projectloom.errors import Forbidden, InvalidInput
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import embed_texts
from projectloom.providers import ChatMessage
from projectloom.rates import Act
from projectloom.workspace.api_keys import Scope

router = APIRouter(prefix="/api")


@router.post("/summarize")
async def post_summarize(request: Request) -> StreamingResponse:
    """``{"conversationId"? | "text"?, "model"?, "maxTokens"?, "clientRequestId"?}`` → a stream as that of chat."""
    caller = await caller_for(request, Act.CHAT, scope=Scope.GENERATE)
    values = await read_object(request, limit=limits.MAX_BODY_BYTES)
    conversation_id = optional_text(values, "conversationId", limit=limits.MAX_ID_CHARS)
    if caller.api_key_id is not None and conversation_id is not None:
        # Whoever has a key of a person's may spend, and not read what they wrote here.
        raise Forbidden("API keys do not open conversations. Send the text instead.")
    turn = await start_summary(
        SummaryRequest(
            user_id=caller.user_id,
            conversation_id=conversation_id,
            text=optional_text(values, "text", limit=limits.MAX_BODY_BYTES),
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            max_tokens=max_tokens_of(values.get("maxTokens")),
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
            api_key_id=caller.api_key_id,
        )
    )
    return stream_turn(caller.user_id, turn.turn_id, start_values(turn))


@router.post("/embeddings")
async def post_embeddings(request: Request) -> Response:
    """``{"input": text | [text], "model"?}`` → ``{"embeddings": [[…]], "model", "receipt"}``, in the texts' order."""
    caller = await caller_for(request, Act.CHAT, scope=Scope.GENERATE)
    values = await read_object(request, limit=limits.MAX_BODY_BYTES)
    vectors, receipt = await embed_texts(
        TurnRequest(
            user_id=caller.user_id,
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            messages=tuple(ChatMessage("user", text) for text in _texts(values.get("input"))),
            conversation_id=optional_text(values, "conversationId", limit=limits.MAX_ID_CHARS),
            source="embeddings",
            kept=False,
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
            api_key_id=caller.api_key_id,
        )
    )
    told = {"model": receipt.model, "receipt": receipt_values(receipt)}
    # So many numbers are no work for the event loop.
    return Response(await asyncio.to_thread(_written, vectors, told), media_type="application/json")


def _written(vectors: Iterable[Sequence[float]], told: dict[str, Any]) -> bytes:
    """``{"embeddings": vectors, **told}`` as JSON. Each vector by itself, so that nobody waits for all of them."""
    embeddings = ",".join(json.dumps(vector, separators=(",", ":")) for vector in vectors)
    return f'{{"embeddings":[{embeddings}],{json.dumps(told, ensure_ascii=False)[1:]}'.encode()


def _texts(value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in cast("list[Any]", texts)):
        raise InvalidInput("input must be a text or a list of texts.")
    return cast("list[str]", texts)
