"""``POST /api/chat`` and the running replies behind it."""

from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from projectloom import limits
from projectloom.accounts.keys import PROVIDERS, clean_key
from projectloom.api.bodies import id_of, optional_text, read_object
from projectloom.api.identity import person_of
from projectloom.api.ui_stream import start_values, stream_turn
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.metering.receipts import read_receipt
from projectloom.metering.requests import TurnRequest
from projectloom.metering.terms import ROLES
from projectloom.metering.turn import start_turn, stop_turn
from projectloom.providers import ChatMessage
from projectloom.providers.base import Role as ProviderRole

router = APIRouter(prefix="/api")


@router.post("/chat")
async def post_chat(request: Request) -> StreamingResponse:
    """A metered reply as a UI message stream.

    Takes ``{"messages": [{"role", "content"}], "model"?, "conversationId"?, "maxTokens"?, "clientRequestId"?}`` and the
    Vercel AI SDK's messages with ``parts``. Refusals come before the stream, as JSON with their status.
    """
    person = await person_of(request)
    values = await read_object(request, limit=limits.MAX_BODY_BYTES)
    turn = await start_turn(
        TurnRequest(
            user_id=person.user_id,
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            messages=_messages(values.get("messages")),
            conversation_id=optional_text(values, "conversationId", limit=limits.MAX_ID_CHARS),
            max_tokens=max_tokens_of(values.get("maxTokens")),
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
        )
    )
    return stream_turn(person.user_id, turn.turn_id, start_values(turn))


@router.get("/turns/{turn_id}/stream")
async def get_turn_stream(request: Request, turn_id: str) -> StreamingResponse:
    """Watch a reply from its beginning, whether it runs or has ended."""
    person = await person_of(request)
    receipt = await in_thread(read_receipt, person.user_id, id_of(turn_id))
    return stream_turn(person.user_id, turn_id, {"funding": receipt.funding, "clamped": receipt.clamped})


@router.post("/turns/{turn_id}/stop")
async def post_turn_stop(request: Request, turn_id: str) -> JSONResponse:
    """Stop a reply where it is. What came is kept and charged."""
    person = await person_of(request)
    await stop_turn(person.user_id, id_of(turn_id))
    return JSONResponse({"ok": True})


def own_keys_of(request: Request) -> dict[str, str]:
    """The provider keys that came with a request's headers. Raises InvalidInput for what cannot be one."""
    sent = {provider: request.headers.get(f"x-{provider}-api-key", "").strip() for provider in PROVIDERS}
    return {provider: clean_key(key) for provider, key in sent.items() if key}


def max_tokens_of(value: object) -> int | None:
    """An output limit as a client sent it; None when it sent none. Raises InvalidInput."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput("maxTokens must be a whole number of at least 1.")
    return value


def _messages(value: object) -> tuple[ChatMessage, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidInput("messages must be a list with at least one message.")
    return tuple(_message(item) for item in cast("list[object]", value))


def _message(value: object) -> ChatMessage:
    if not isinstance(value, dict):
        raise InvalidInput("Each message must be an object.")
    message = cast("dict[str, Any]", value)
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidInput("A message's role must be system, user or assistant.")
    parts = message.get("content") if message.get("content") is not None else message.get("parts")
    return ChatMessage(cast(ProviderRole, role), _text(parts, from_user=role == "user"))


def _text(parts: object, *, from_user: bool) -> str:
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        raise InvalidInput("A message needs content (a text) or parts (a list).")
    return "".join(_part_text(part, from_user=from_user) for part in cast("list[object]", parts))


def _part_text(value: object, *, from_user: bool) -> str:
    part = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    text = part.get("text")
    if part.get("type") == "text" and isinstance(text, str):
        return text
    # A model's own other parts (reasoning, steps) are not told to it again; a person's would be lost silently.
    if from_user or not part:
        raise InvalidInput("Only text parts can be sent.")
    return ""
