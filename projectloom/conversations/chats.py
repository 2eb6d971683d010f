"""Reading and writing conversations. Every function takes the owner's id and finds nothing of anybody else's."""

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.clock import now
from projectloom.conversations.models import Conversation, Message, TitleBy
from projectloom.errors import InvalidInput, NotFound
from projectloom.ids import new_id
from projectloom.texts import is_storable

UNTITLED = "New chat"


def create_conversation(session: Session, *, user_id: str, first_text: str) -> Conversation:
    """A new conversation, named after its first line until somebody names it better."""
    moment = now()
    row = Conversation(
        id=new_id("conv"), user_id=user_id, title=title_of(first_text), created_at=moment, updated_at=moment
    )
    session.add(row)
    session.flush()
    return row


def title_of(text: str) -> str:
    """A title made of a text's first line."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if len(line) > limits.MAX_TITLE_CHARS:
        line = line[: limits.MAX_TITLE_CHARS - 1].rstrip() + "…"
    return line or UNTITLED


def find_conversation(session: Session, *, user_id: str, conversation_id: str, deleted: bool = False) -> Conversation:
    """The person's conversation; with ``deleted`` one in the trash as well.

    Raises:
        NotFound: there is none, it is somebody else's, or it is in the trash.
    """
    row = session.get(Conversation, conversation_id) if is_storable(conversation_id) else None
    if row is None or row.user_id != user_id or (row.deleted_at is not None and not deleted):
        raise NotFound("There is no such conversation.")
    return row


def list_conversations(session: Session, *, user_id: str, limit: int) -> list[Conversation]:
    """The person's conversations, the latest first."""
    query = (
        select(Conversation)
        .where(Conversation.user_id == user_id, col(Conversation.deleted_at).is_(None))
        .order_by(col(Conversation.updated_at).desc(), col(Conversation.id).desc())
        .limit(limit)
    )
    return list(session.exec(query).all())


def rename(session: Session, *, user_id: str, conversation_id: str, title: str) -> None:
    """Give a conversation another title.

    Raises:
        InvalidInput: the title is empty.
        NotFound: as in :func:`find_conversation`.
    """
    row = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    trimmed = " ".join(title.split())[: limits.MAX_TITLE_CHARS]
    if not trimmed or not is_storable(trimmed):
        raise InvalidInput("A title needs at least one letter.")
    row.title, row.title_by = trimmed, TitleBy.PERSON
    session.add(row)
    session.flush()


def name_by_model(session: Session, *, user_id: str, conversation_id: str, title: str | None) -> None:
    """Keep the title that a model gave, unless the person was quicker; with None it stays as it is, for good."""
    row = session.get(Conversation, conversation_id, with_for_update=True, populate_existing=True)
    if row is None or row.user_id != user_id or row.title_by != TitleBy.FIRST_LINE:
        return
    row.title, row.title_by = title_of(title) if title and is_storable(title) else row.title, TitleBy.MODEL
    session.add(row)
    session.flush()


def set_deleted(session: Session, *, user_id: str, conversation_id: str, deleted: bool) -> None:
    """Put a conversation in the trash or take it out. Raises NotFound as :func:`find_conversation`."""
    row = find_conversation(session, user_id=user_id, conversation_id=conversation_id, deleted=True)
    row.deleted_at = now() if deleted else None
    session.add(row)
    session.flush()


def add_message(
    session: Session,
    *,
    conversation: Conversation,
    role: str,
    text: str,
    parent_id: str | None = None,
    turn_id: str | None = None,
) -> Message:
    """Append a message and bring its conversation to the top of the list."""
    row = Message(
        id=new_id("msg"),
        conversation_id=conversation.id,
        parent_id=parent_id,
        role=role,
        text=text,
        turn_id=turn_id,
        created_at=now(),
    )
    conversation.updated_at = row.created_at
    session.add(conversation)
    session.add(row)
    session.flush()
    return row


def write_reply(session: Session, *, turn_id: str, text: str) -> None:
    """Store the text of a reply when its turn is settled."""
    row = session.exec(select(Message).where(Message.turn_id == turn_id)).one_or_none()
    if row is not None:
        row.text = text
        session.add(row)
        session.flush()


def read_messages(session: Session, *, conversation_id: str) -> list[Message]:
    """A conversation's messages, the oldest first. The caller has found the conversation for its owner."""
    query = select(Message).where(Message.conversation_id == conversation_id).order_by(col(Message.id))
    return list(session.exec(query).all())
