"""A person's conversations, as they see them. Anything that is not theirs is not found."""

from dataclasses import dataclass
from datetime import datetime

from projectloom import limits
from projectloom.conversations import chats
from projectloom.conversations.models import TitleBy
from projectloom.db import reading, transaction


@dataclass(frozen=True, slots=True)
class ConversationView:
    """One conversation in the list."""

    id: str
    title: str
    updated_at: datetime
    nameless: bool
    """A model is still to name it."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message. A reply that is being written has a turn and no text yet."""

    id: str
    role: str
    text: str
    turn_id: str | None
    created_at: datetime


def list_conversations(user_id: str) -> list[ConversationView]:
    """A person's conversations, the latest first."""
    with reading() as session:
        rows = chats.list_conversations(session, user_id=user_id, limit=limits.CONVERSATIONS_SHOWN)
        return [ConversationView(row.id, row.title, row.updated_at, row.title_by == TitleBy.FIRST_LINE) for row in rows]


def read_messages(user_id: str, conversation_id: str) -> list[MessageView]:
    """A conversation's messages, the oldest first. Raises NotFound."""
    with reading() as session:
        chats.find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        rows = chats.read_messages(session, conversation_id=conversation_id)
        return [MessageView(row.id, row.role, row.text, row.turn_id, row.created_at) for row in rows]


def rename_conversation(user_id: str, conversation_id: str, title: str) -> None:
    """Give a conversation another title. Raises NotFound, InvalidInput."""
    with transaction() as session:
        chats.rename(session, user_id=user_id, conversation_id=conversation_id, title=title)


def delete_conversation(user_id: str, conversation_id: str) -> None:
    """Put a conversation in the trash. Raises NotFound."""
    with transaction() as session:
        chats.set_deleted(session, user_id=user_id, conversation_id=conversation_id, deleted=True)


def restore_conversation(user_id: str, conversation_id: str) -> None:
    """Take a conversation out of the trash. Raises NotFound."""
    with transaction() as session:
        chats.set_deleted(session, user_id=user_id, conversation_id=conversation_id, deleted=False)
