"""Reading and writing conversations. Every function takes the owner's id and finds nothing of anybody else's."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_
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


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that a search found, and the text around the words; empty where only its title has them."""

    conversation_id: str
    title: str
    message_id: str | None
    snippet: str


def search_conversations(
    session: Session, *, user_id: str, words: str, limit: int, besides: str | None = None
) -> list[Found]:
    """The person's conversations with ``words`` in a title or a message, the latest first; ``besides`` is left out.

    What is looked for is taken as it is: no character in it stands for others.
    """
    wanted = words.strip()
    if not wanted or not is_storable(wanted):
        return []
    said = exists().where(col(Message.conversation_id) == col(Conversation.id), _has(Message.text, wanted))
    query = (
        select(Conversation.id, Conversation.title)
        .where(
            Conversation.user_id == user_id,
            col(Conversation.deleted_at).is_(None),
            Conversation.id != (besides or ""),
            or_(_has(Conversation.title, wanted), said),
        )
        .order_by(col(Conversation.updated_at).desc(), col(Conversation.id).desc())
        .limit(limit)
    )
    return [_found(session, conversation_id, title, wanted) for conversation_id, title in session.exec(query).all()]


def _has(column: str, words: str) -> ColumnElement[bool]:
    return col(column).icontains(words, autoescape=True)


def _found(session: Session, conversation_id: str, title: str, words: str) -> Found:
    query = select(Message.id, Message.text).where(
        Message.conversation_id == conversation_id, _has(Message.text, words)
    )
    first = session.exec(query.order_by(col(Message.id)).limit(1)).first()
    if first is None:
        return Found(conversation_id, title, None, "")
    message_id, text = first
    # Where lower case differs in length or between us and the database, the text's beginning has to do.
    place = max(text.lower().find(words.lower()) - limits.SNIPPET_CHARS // 4, 0)
    return Found(conversation_id, title, message_id, " ".join(text[place : place + limits.SNIPPET_CHARS].split()))


def find_message(session: Session, *, conversation_id: str, message_id: str) -> Message:
    """A message of a conversation that the caller has found for its owner. Raises NotFound."""
    row = session.get(Message, message_id) if is_storable(message_id) else None
    if row is None or row.conversation_id != conversation_id:
        raise NotFound("There is no such message in that conversation.")
    return row


def copy_branch(session: Session, *, user_id: str, conversation_id: str, message_id: str) -> Conversation:
    """A new conversation of the person's with copies of the messages up to and with the one named.

    A copy belongs to no turn: the receipt stays with the original. Messages without text are left out.

    Raises:
        NotFound: as in :func:`find_conversation` and :func:`find_message`.
    """
    origin = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    last = find_message(session, conversation_id=conversation_id, message_id=message_id)
    chain = [row for row in _chain(session, last) if row.text]
    branch = create_conversation(session, user_id=user_id, first_text=origin.title)
    branch.title_by = TitleBy.PERSON
    parent_id = None
    for row in chain:
        copy = add_message(session, conversation=branch, role=row.role, text=row.text, parent_id=parent_id)
        parent_id = copy.id
    return branch


def _chain(session: Session, last: Message) -> list[Message]:
    """The messages that lead to one, the oldest first. One that names no parent follows the one written before it."""
    before = [row for row in read_messages(session, conversation_id=last.conversation_id) if row.id < last.id]
    chain, parent_id = [last], last.parent_id
    for row in reversed(before):
        if parent_id is None or row.id == parent_id:
            chain.append(row)
            parent_id = row.parent_id
    return chain[::-1]
