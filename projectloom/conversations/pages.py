"""Conversations and messages page by page, for programs and files. Every function takes the owner's id."""

from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from projectloom.conversations.models import Conversation, Message
from projectloom.texts import is_storable


def page_of_conversations(
    session: Session, *, user_id: str, limit: int, before: tuple[datetime, str] | None = None, words: str = ""
) -> list[Conversation]:
    """The person's conversations that are not in the trash, the latest first, older than ``before`` (time and id).

    With ``words`` only those with them in the title, whatever their case.
    """
    query = select(Conversation).where(Conversation.user_id == user_id, col(Conversation.deleted_at).is_(None))
    if before is not None:
        moment, last_id = before
        query = query.where(
            or_(
                col(Conversation.updated_at) < moment,
                and_(col(Conversation.updated_at) == moment, col(Conversation.id) < last_id),
            )
        )
    if words.strip():
        if not is_storable(words):
            return []
        query = query.where(col(Conversation.title).icontains(words.strip(), autoescape=True))
    order = (col(Conversation.updated_at).desc(), col(Conversation.id).desc())
    return list(session.exec(query.order_by(*order).limit(limit)).all())


def page_of_messages(session: Session, *, conversation_id: str, limit: int, after: str | None = None) -> list[Message]:
    """A conversation's messages, the oldest first, behind ``after``. The caller has found it for its owner."""
    query = select(Message).where(Message.conversation_id == conversation_id)
    if after is not None:
        query = query.where(Message.id > after)
    return list(session.exec(query.order_by(col(Message.id)).limit(limit)).all())


def ids_of_conversations(session: Session, *, user_id: str, limit: int, after: str = "") -> list[str]:
    """Ids of the person's conversations, the trash included, in order, behind ``after``."""
    query = select(Conversation.id).where(Conversation.user_id == user_id, Conversation.id > after)
    return list(session.exec(query.order_by(col(Conversation.id)).limit(limit)).all())
