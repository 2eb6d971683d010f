"""Sending a message from the workspace: its conversation's history, then a turn."""

from sqlmodel import Session

from projectloom.conversations.chats import find_conversation, read_messages
from projectloom.db import in_thread, reading
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import StartedTurn, start_turn
from projectloom.providers import ChatMessage


async def send_message(
    user_id: str, conversation_id: str | None, text: str, model: str, client_request_id: str | None = None
) -> StartedTurn:
    """Ask in a conversation (or begin one) and start the reply. Errors as in :func:`start_turn`."""
    history = await in_thread(_history, user_id, conversation_id)
    request = TurnRequest(
        user_id=user_id,
        model=model,
        messages=(*history, ChatMessage("user", text)),
        conversation_id=conversation_id,
        client_request_id=client_request_id,
    )
    return await start_turn(request)


def _history(user_id: str, conversation_id: str | None) -> tuple[ChatMessage, ...]:
    with reading() as session:
        return history_of(session, user_id, conversation_id)


def history_of(session: Session, user_id: str, conversation_id: str | None) -> tuple[ChatMessage, ...]:
    """What a model is told of a conversation: every message that has text, the oldest first.

    Raises:
        NotFound: the conversation is not the person's.
    """
    if conversation_id is None:
        return ()
    find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    rows = read_messages(session, conversation_id=conversation_id)
    return tuple(ChatMessage(row.role, row.text) for row in rows if row.text)  # pyright: ignore[reportArgumentType]
