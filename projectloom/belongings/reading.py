"""Conversations as programs and files get them: their head, and their messages page by page."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from projectloom import limits
from projectloom.attached import Attached
from projectloom.conversations.attachments import files_of
from projectloom.conversations.chats import find_conversation
from projectloom.conversations.models import Conversation, Message
from projectloom.conversations.pages import ids_of_conversations, page_of_conversations, page_of_messages
from projectloom.db import reading
from projectloom.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Head:
    """A conversation without what was said in it."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    in_trash: bool
    pinned: bool
    archived: bool
    instructions: str = field(default="", repr=False)

    def values(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "id": self.id,
            "title": self.title,
            "createdAt": self.created_at.isoformat(),
            "updatedAt": self.updated_at.isoformat(),
            "pinned": self.pinned,
            "archived": self.archived,
        }


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    id: str
    parent_id: str | None
    role: str
    text: str
    created_at: datetime
    turn_id: str | None
    attached: tuple[Attached, ...] = ()
    """Its files, with their content where that was asked for."""

    def values(self) -> dict[str, object]:
        """As JSON has it."""
        values: dict[str, object] = {
            "id": self.id,
            "parentId": self.parent_id,
            "role": self.role,
            "text": self.text,
            "createdAt": self.created_at.isoformat(),
            "turnId": self.turn_id,
        }
        if self.attached:
            values["attachments"] = [_file_values(file) for file in self.attached]
        return values


def _file_values(file: Attached) -> dict[str, object]:
    return file.values() | ({"data": base64.b64encode(file.data).decode()} if file.data else {})


def list_heads(user_id: str, *, words: str = "", before: str | None = None, most: int | None = None) -> list[Head]:
    """One page of a person's conversations, the latest first. ``before`` is the :func:`cursor` of an earlier page.

    Raises:
        InvalidInput: ``before`` is no cursor.
    """
    limit = min(most or limits.LIST_PAGE, limits.LIST_PAGE)
    with reading() as session:
        rows = page_of_conversations(
            session, user_id=user_id, limit=limit, before=_place(before), words=words[: limits.MAX_SEARCH_CHARS]
        )
        return [_head(row) for row in rows]


def cursor(head: Head) -> str:
    """The place behind a conversation in the list."""
    return f"{head.updated_at.astimezone(UTC).isoformat()}~{head.id}"


def read_head(user_id: str, conversation_id: str, *, trash: bool = False) -> Head:
    """A person's conversation. Raises NotFound."""
    with reading() as session:
        return _head(find_conversation(session, user_id=user_id, conversation_id=conversation_id, deleted=trash))


def read_page(user_id: str, conversation_id: str, *, after: str | None = None, trash: bool = False) -> list[Said]:
    """One page of what was said in a person's conversation, the oldest first. Raises NotFound."""
    with reading() as session:
        find_conversation(session, user_id=user_id, conversation_id=conversation_id, deleted=trash)
        rows = page_of_messages(session, conversation_id=conversation_id, limit=limits.MESSAGES_PAGE, after=after)
        files = files_of(session, message_ids=[row.id for row in rows], pictures=False, texts=False)
        return [_said(row, files.get(row.id, ())) for row in rows]


def read_all(user_id: str, conversation_id: str, *, content: bool = False) -> Iterator[Said]:
    """Everything that was said in a person's conversation, page after page; ends early if it is deleted meanwhile.

    Files have their ``content`` where that is asked for, those of one message at a time.
    """
    after = None
    while True:
        try:
            page = read_page(user_id, conversation_id, after=after, trash=True)
        except NotFound:
            return
        for said in page:
            yield _with_content(said) if content and said.attached else said
        if len(page) < limits.MESSAGES_PAGE:
            return
        after = page[-1].id


def _with_content(said: Said) -> Said:
    with reading() as session:
        return replace(said, attached=files_of(session, message_ids=[said.id], pictures=True).get(said.id, ()))


def all_ids(user_id: str) -> Iterator[str]:
    """The ids of all conversations of a person's, also of those in the trash."""
    after = ""
    while True:
        with reading() as session:
            page = ids_of_conversations(session, user_id=user_id, limit=limits.LIST_PAGE, after=after)
        yield from page
        if len(page) < limits.LIST_PAGE:
            return
        after = page[-1]


def _place(before: str | None) -> tuple[datetime, str] | None:
    if before is None:
        return None
    moment, found, last_id = before.partition("~")
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        read = None
    known = read is not None and read.tzinfo is not None and limits.FIRST_YEAR <= read.year <= limits.LAST_YEAR
    if not found or read is None or not known or not last_id.isascii() or not last_id.isprintable():
        raise InvalidInput("before must be what an earlier page called next.")
    return read, last_id


def _head(row: Conversation) -> Head:
    return Head(
        row.id,
        row.title,
        row.created_at,
        row.updated_at,
        in_trash=row.deleted_at is not None,
        pinned=row.pinned_at is not None,
        archived=row.archived_at is not None,
        instructions=row.instructions,
    )


def _said(row: Message, files: tuple[Attached, ...]) -> Said:
    return Said(row.id, row.parent_id, row.role, row.text, row.created_at, row.turn_id, files)
