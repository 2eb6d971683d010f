"""The lists that a person's conversations are on: the main one, the pinned, the archive and the trash.

A list is read a page at a time, by the place of the last line seen, so that the thousandth page costs what the first
does and nothing is shown twice when a conversation moves up meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, literal, tuple_
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.clock import now
from projectloom.conversations.chats import find_conversation
from projectloom.conversations.models import Conversation
from projectloom.db import UtcDateTime
from projectloom.errors import InvalidInput


class Shelf(StrEnum):
    """Which list."""

    MAIN = "main"
    """All but the pinned, the archived and the deleted; the latest used first."""
    ARCHIVE = "archive"
    TRASH = "trash"
    """The latest deleted first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: what follows it is the next page."""

    moment: datetime
    conversation_id: str


def read_shelf(session: Session, *, user_id: str, shelf: Shelf, after: Place | None, limit: int) -> list[Conversation]:
    """A page of a person's list, from its top or after a place."""
    moment = Conversation.deleted_at if shelf is Shelf.TRASH else Conversation.updated_at
    order = (col(moment), col(Conversation.id))
    query = select(Conversation).where(Conversation.user_id == user_id, *_on(shelf))
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(literal(after.moment, UtcDateTime), literal(after.conversation_id)))
    return list(session.exec(query.order_by(*(column.desc() for column in order)).limit(limit)).all())


def read_latest(session: Session, *, user_id: str, limit: int) -> list[Conversation]:
    """The conversations that a person used last, pinned or not, without what is put aside or deleted."""
    shown = (col(Conversation.deleted_at).is_(None), col(Conversation.archived_at).is_(None))
    query = select(Conversation).where(Conversation.user_id == user_id, *shown)
    order = (col(Conversation.updated_at).desc(), col(Conversation.id).desc())
    return list(session.exec(query.order_by(*order).limit(limit)).all())


def has_any(session: Session, *, user_id: str) -> bool:
    """Whether a person has a conversation, wherever it is kept."""
    return session.exec(select(Conversation.id).where(Conversation.user_id == user_id).limit(1)).first() is not None


def _on(shelf: Shelf) -> list[ColumnElement[bool]]:
    deleted, archived, pinned = (
        col(column) for column in (Conversation.deleted_at, Conversation.archived_at, Conversation.pinned_at)
    )
    match shelf:
        case Shelf.MAIN:
            return [deleted.is_(None), archived.is_(None), pinned.is_(None)]
        case Shelf.ARCHIVE:
            return [archived.is_not(None), deleted.is_(None)]
        case Shelf.TRASH:
            return [deleted.is_not(None)]


def read_pinned(session: Session, *, user_id: str) -> list[Conversation]:
    """The person's pinned conversations, the latest pinned first."""
    query = select(Conversation).where(*_pinned(user_id)).order_by(col(Conversation.pinned_at).desc())
    return list(session.exec(query.limit(limits.MAX_PINNED)).all())


def _pinned(user_id: str) -> list[ColumnElement[bool]]:
    return [
        col(Conversation.user_id) == user_id,
        col(Conversation.pinned_at).is_not(None),
        col(Conversation.archived_at).is_(None),
        col(Conversation.deleted_at).is_(None),
    ]


def set_pinned(session: Session, *, user_id: str, conversation_id: str, pinned: bool) -> None:
    """Pin a conversation to the top, or let it go.

    Raises:
        InvalidInput: as many are pinned as can be.
        NotFound: as :func:`find_conversation`.
    """
    row = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    if pinned and row.pinned_at is None:
        count = session.exec(select(func.count()).select_from(Conversation).where(*_pinned(user_id))).one()
        if count >= limits.MAX_PINNED:
            raise InvalidInput(f"{limits.MAX_PINNED} conversations are pinned. Unpin one of them first.")
    row.pinned_at = (row.pinned_at or now()) if pinned else None
    session.add(row)
    session.flush()


def set_archived(session: Session, *, user_id: str, conversation_id: str, archived: bool) -> None:
    """Put a conversation aside, or back among the others. Raises NotFound as :func:`find_conversation`."""
    row = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    row.archived_at = (row.archived_at or now()) if archived else None
    session.add(row)
    session.flush()
