"""``POST /api/chat`` and the running replies behind it.

It speaks with the Vercel AI SDK's chat transport as that is (https://ai-sdk.dev/docs/ai-sdk-ui/transport): chats have
ids of the client's own, a client that leaves stops nothing, and one that comes back finds the reply that still runs.
"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from projectloom import limits
from projectloom.accounts.keys import PROVIDERS, clean_key
from projectloom.api.bodies import id_of, optional_text, read_object
from projectloom.api.gate import person_for
from projectloom.api.identity import person_of
from projectloom.api.ui_messages import read_messages
from projectloom.api.ui_stream import start_values, stream_turn
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.metering.client_chats import conversation_of, running_replies, stop_replies
from projectloom.metering.receipts import read_receipt
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import start_turn, stop_turn
from projectloom.rates import Act

router = APIRouter(prefix="/api")


@router.post("/chat")
async def post_chat(request: Request) -> StreamingResponse:
    """A metered reply as a UI message stream.

    Takes ``{"messages": [{"role", "content"}], "model"?, "conversationId"?, "maxTokens"?, "clientRequestId"?}``, and
    what the Vercel AI SDK posts: messages with ``parts``, files among them, and ``id``, its own id of the chat. The
    same ``id`` from the same person is the same conversation, unless ``conversationId`` names one. Refusals come before
    the stream, as JSON with their status.
    """
    person = await person_for(request, Act.CHAT)
    values = await read_object(request, limit=limits.MAX_CHAT_BODY_BYTES, lasting=False)
    if values.get("tools"):
        raise InvalidInput("Tools of a client's own cannot be used here. Leave tools out.")
    messages = await in_thread(read_messages, values.get("messages"))
    chat_id = optional_text(values, "id", limit=limits.MAX_ID_CHARS)
    conversation_id = optional_text(values, "conversationId", limit=limits.MAX_ID_CHARS)
    begins = None
    if conversation_id is None and chat_id is not None:
        conversation_id = await in_thread(conversation_of, person.user_id, chat_id)
        begins = messages[-1].beginning
    turn = await start_turn(
        TurnRequest(
            user_id=person.user_id,
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            messages=messages,
            conversation_id=conversation_id,
            begins=begins,
            again=values.get("trigger") == "regenerate-message",
            max_tokens=max_tokens_of(values.get("maxTokens")),
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
        )
    )
    return stream_turn(person.user_id, turn.turn_id, start_values(turn))


@router.get("/chat/{chat_id:path}/stream")
async def get_chat_stream(request: Request, chat_id: str) -> Response:
    """Watch, from its beginning, the reply that is being written in a chat; 204 where none is.

    Somebody else's chat is answered as one that never was, with 204: to a client an id is its own and new until it is
    used, so there is nothing else that every unused id could be answered with.
    """
    person = await person_of(request)
    running = await in_thread(running_replies, person.user_id, id_of(chat_id))
    return stream_turn(person.user_id, running[0].id, start_values(running[0])) if running else Response(None, 204)


@router.post("/chat/{chat_id:path}/stop")
async def post_chat_stop(request: Request, chat_id: str) -> JSONResponse:
    """Stop what is being written in a chat. What came is kept and charged. Where nothing runs, nothing happens."""
    person = await person_of(request)
    await stop_replies(person.user_id, id_of(chat_id))
    return JSONResponse({"ok": True})


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
