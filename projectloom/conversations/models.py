"""The tables of conversations and messages. A message points at the one before it, so branches need no new table."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import UtcDateTime


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class TitleBy(StrEnum):
    """Who named a conversation."""

    FIRST_LINE = "first_line"
    """Nobody yet: it is what the person wrote first."""
    MODEL = "model"
    """A model was asked, or cannot be."""
    PERSON = "person"
    """The person did, and nobody else does any more."""


class Conversation(SQLModel, table=True):
    """A person's conversation."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_user_id_updated_at", "user_id", "updated_at"),)

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    title: str
    title_by: str = Field(default="first_line", sa_type=String, sa_column_kwargs={"server_default": "first_line"})
    """Who named it, as :class:`TitleBy`."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was put in the trash; None while it is listed."""


class Message(SQLModel, table=True):
    """One message. A reply's text is written here when its turn is settled; until then the turn carries it."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation_id_id", "conversation_id", "id"),)

    id: str = Field(primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id")
    parent_id: str | None = Field(default=None, foreign_key="messages.id")
    role: str = Field(sa_type=String)
    text: str = Field(sa_type=Text)
    turn_id: str | None = Field(default=None, unique=True)
    """The turn that generates or generated this reply."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
