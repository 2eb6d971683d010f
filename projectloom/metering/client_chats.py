"""The chats of clients that name them themselves, as the Vercel AI SDK does.

The same id from the same person is the same conversation. Nothing is kept for that: the conversation's id is derived
from both, so that to everybody else the id is one that was never used. A person's own conversation may also be named by
its own id.
"""

from hashlib import sha256

from sqlmodel import col, select

from projectloom.conversations.models import Conversation
from projectloom.db import in_thread, reading
from projectloom.metering.models import Turn, is_open
from projectloom.metering.turn import stop_turn

# As many bits as two random ids of ours would need to meet.
_DERIVED_CHARS = 32


def conversation_of(user_id: str, chat_id: str) -> str:
    """The id of the conversation that a person's chat is, whether it has begun or not.

    An id of somebody else's conversation is told from an unused one by nothing.
    """
    with reading() as session:
        named = session.get(Conversation, chat_id)
        if named is not None and named.user_id == user_id:
            return named.id
    digest = sha256(f"{user_id}\n{chat_id}".encode()).hexdigest()
    return f"conv_{digest[:_DERIVED_CHARS]}"


def running_replies(user_id: str, chat_id: str) -> list[Turn]:
    """The replies that are being written in a person's chat, the latest first, whichever process writes them."""
    query = (
        select(Turn)
        .where(
            Turn.user_id == user_id,
            Turn.conversation_id == conversation_of(user_id, chat_id),
            Turn.source == "chat",
            is_open(),
        )
        .order_by(col(Turn.id).desc())
    )
    with reading() as session:
        return list(session.exec(query).all())


async def stop_replies(user_id: str, chat_id: str) -> None:
    """Stop what is being written in a person's chat. What came is kept and charged. Nothing running is no error."""
    for turn in await in_thread(running_replies, user_id, chat_id):
        await stop_turn(user_id, turn.id)
