"""``POST /api/summarize`` and ``POST /api/embeddings``: the same gate and the same meter as chat."""

from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from projectloom import limits
from projectloom.api.bodies import optional_text, read_object
from projectloom.api.chat import max_tokens_of, own_keys_of
from projectloom.api.identity import person_of
from projectloom.api.ui_stream import start_values, stream_turn
from projectloom.api.usage import receipt_values
from projectloom.assistants.summaries import SummaryRequest, start_summary
from projectloom.errors import InvalidInput
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import embed_texts
from projectloom.providers import ChatMessage

router = APIRouter(prefix="/api")


@router.post("/summarize")
async def post_summarize(request: Request) -> StreamingResponse:
    """``{"conversationId"? | "text"?, "model"?, "maxTokens"?, "clientRequestId"?}`` → a stream as that of chat."""
    person = await person_of(request)
    values = await read_object(request, limit=limits.MAX_BODY_BYTES)
    turn = await start_summary(
        SummaryRequest(
            user_id=person.user_id,
            conversation_id=optional_text(values, "conversationId", limit=limits.MAX_ID_CHARS),
            text=optional_text(values, "text", limit=limits.MAX_BODY_BYTES),
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            max_tokens=max_tokens_of(values.get("maxTokens")),
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
        )
    )
    return stream_turn(person.user_id, turn.turn_id, start_values(turn))


@router.post("/embeddings")
async def post_embeddings(request: Request) -> JSONResponse:
    """``{"input": text | [text], "model"?}`` → ``{"embeddings": [[…]], "model", "receipt"}``, in the texts' order."""
    person = await person_of(request)
    values = await read_object(request, limit=limits.MAX_BODY_BYTES)
    vectors, receipt = await embed_texts(
        TurnRequest(
            user_id=person.user_id,
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            messages=tuple(ChatMessage("user", text) for text in _texts(values.get("input"))),
            conversation_id=optional_text(values, "conversationId", limit=limits.MAX_ID_CHARS),
            source="embeddings",
            kept=False,
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
        )
    )
    return JSONResponse({"embeddings": vectors, "model": receipt.model, "receipt": receipt_values(receipt)})


def _texts(value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in cast("list[Any]", texts)):
        raise InvalidInput("input must be a text or a list of texts.")
    return cast("list[str]", texts)
