"""The tables of conversations and messages. A message points at the one before it, so branches need no new table."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Index, LargeBinary, String, Text, false, text
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


def _listed(name: str, *columns: str, where: str) -> Index:
    which = text(where)
    return Index(f"ix_conversations_{name}", *columns, postgresql_where=which, sqlite_where=which)


class Conversation(SQLModel, table=True):
    """A person's conversation."""

    __tablename__ = "conversations"
    # One for each list, in its order; that of what is kept is also read through for titles.
    __table_args__ = (
        _listed("kept", "user_id", "updated_at", "id", where="deleted_at IS NULL"),
        _listed("archived", "user_id", "updated_at", "id", where="archived_at IS NOT NULL"),
        _listed("trash", "user_id", "deleted_at", "id", where="deleted_at IS NOT NULL"),
        _listed("pinned", "user_id", "pinned_at", where="pinned_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    title: str
    title_by: str = Field(default="first_line", sa_type=String, sa_column_kwargs={"server_default": "first_line"})
    """Who named it, as :class:`TitleBy`."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was put in the trash; None while it is listed."""
    pinned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was pinned to the top of the list."""
    archived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was put aside: it is found, but not listed among the others."""
    instructions: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": text("''")})
    """What every model is told before anything that was said."""
    tip_id: str | None = None
    """A message of the branch that is shown, as its person chose; None, or one that is gone, for the newest."""


class Message(SQLModel, table=True):
    """One message. A reply's text is written here when its turn is settled; until then the turn carries it."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation_id_id", "conversation_id", "id"),)

    id: str = Field(primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id")
    parent_id: str | None = Field(default=None, foreign_key="messages.id")
    """What it follows; with None it follows the one written before it."""
    begins: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs={"server_default": false()})
    """It follows nothing: a beginning of the conversation in place of the first."""
    role: str = Field(sa_type=String)
    text: str = Field(sa_type=Text)
    turn_id: str | None = Field(default=None, unique=True)
    """The turn that generates or generated this reply."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Attachment(SQLModel, table=True):
    """A file that a person attached: a picture, or a text in UTF-8. Until a message has it, it waits in a draft."""

    __tablename__ = "attachments"
    __table_args__ = (Index("ix_attachments_user_id_id", "user_id", "id"),)

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    name: str
    media_type: str
    """As its bytes say."""
    size_bytes: int
    width: int
    """In pixels; 0 for a text."""
    height: int
    digest: str
    """SHA-256 of its content, in hex."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    # Last, so that no engine reads through it for what stands behind.
    data: bytes = Field(sa_type=LargeBinary)


class MessageAttachment(SQLModel, table=True):
    """One file of a message. Versions of a question, and copies of it in other chats, share their files."""

    __tablename__ = "message_attachments"

    message_id: str = Field(primary_key=True, foreign_key="messages.id")
    place: int = Field(primary_key=True)
    attachment_id: str = Field(foreign_key="attachments.id", index=True)
