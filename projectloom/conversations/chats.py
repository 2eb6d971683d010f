"""Reading and writing conversations. Every function takes the owner's id and finds nothing of anybody else's."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.clock import now
from projectloom.conversations.attachments import attach_files, files_of
from projectloom.conversations.models import Conversation, Message, Role, TitleBy
from projectloom.conversations.tree import Node, Tree
from projectloom.db import insert_once
from projectloom.errors import InvalidInput, NotFound
from projectloom.ids import new_id
from projectloom.texts import is_storable

UNTITLED = "New chat"


def create_conversation(session: Session, *, user_id: str, first_text: str, instructions: str = "") -> Conversation:
    """A new conversation, named after its first line until somebody names it better."""
    row = _unsaved(new_id("conv"), user_id, first_text)
    row.instructions = instructions
    session.add(row)
    session.flush()
    return row


def _unsaved(conversation_id: str, user_id: str, first_text: str) -> Conversation:
    moment = now()
    return Conversation(
        id=conversation_id, user_id=user_id, title=title_of(first_text), created_at=moment, updated_at=moment
    )


def title_of(text: str) -> str:
    """A title made of a text's first line."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if len(line) > limits.MAX_TITLE_CHARS:
        line = line[: limits.MAX_TITLE_CHARS - 1].rstrip() + "…"
    return line or UNTITLED


def find_conversation(
    session: Session, *, user_id: str, conversation_id: str, deleted: bool = False, begin: str | None = None
) -> Conversation:
    """The person's conversation; with ``deleted`` one in the trash as well.

    With ``begin`` one of that id is made where there is none, named as :func:`create_conversation` names it.

    Raises:
        NotFound: there is none, it is somebody else's, or it is in the trash.
    """
    if begin is not None:
        # Two first messages of one chat may come at once: the second finds what the first began.
        fresh = _unsaved(conversation_id, user_id, begin)
        insert_once(session, Conversation, fresh.model_dump(), key=["id"])
    row = session.get(Conversation, conversation_id) if is_storable(conversation_id) else None
    if row is None or row.user_id != user_id or (row.deleted_at is not None and not deleted):
        raise NotFound("There is no such conversation.")
    return row


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


def instruct(session: Session, *, user_id: str, conversation_id: str, instructions: str) -> None:
    """Let a conversation tell every model something first; nothing with an empty text.

    Raises InvalidInput as :func:`clean_instructions`, NotFound as :func:`find_conversation`.
    """
    row = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    row.instructions = clean_instructions(instructions)
    session.add(row)
    session.flush()


def clean_instructions(written: str) -> str:
    """Instructions as they are kept. Raises InvalidInput where they are too long or no text."""
    trimmed = written.strip()
    if len(trimmed) > limits.MAX_INSTRUCTIONS_CHARS:
        raise InvalidInput(f"Instructions can have at most {limits.MAX_INSTRUCTIONS_CHARS:,} characters.")
    if not is_storable(trimmed):
        raise InvalidInput("The instructions have characters that are not valid text.")
    return trimmed


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
    begins: bool = False,
) -> Message:
    """Append a message and bring its conversation to the top of the list."""
    row = Message(
        id=new_id("msg"),
        conversation_id=conversation.id,
        parent_id=parent_id,
        begins=begins,
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


def find_prompt(session: Session, *, conversation_id: str, text: str, digests: Sequence[str] = ()) -> Message | None:
    """The last thing that the person said in a conversation with exactly these words and files."""
    query = select(Message).where(
        Message.conversation_id == conversation_id, Message.role == Role.USER, Message.text == text
    )
    rows = session.exec(query.order_by(col(Message.id).desc()).limit(limits.SAME_PROMPTS_LOOKED_AT)).all()
    files = files_of(session, message_ids=[row.id for row in rows], pictures=False, texts=False)
    same = (row for row in rows if [file.digest for file in files.get(row.id, ())] == list(digests))
    return next(same, None)


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


def read_tree(session: Session, *, conversation_id: str) -> Tree:
    """A conversation's messages without their texts. The caller has found the conversation for its owner."""
    query = select(Message.id, Message.parent_id, Message.begins, Message.role)
    query = query.where(Message.conversation_id == conversation_id).order_by(col(Message.id))
    return Tree([Node(*row) for row in session.exec(query).all()])


def read_chosen(session: Session, *, conversation_id: str, ids: Sequence[str]) -> list[Message]:
    """These messages of a conversation, in this order. The caller has found the conversation for its owner."""
    query = select(Message).where(Message.conversation_id == conversation_id, col(Message.id).in_(ids))
    found = {row.id: row for row in session.exec(query).all()}
    return [found[message_id] for message_id in ids if message_id in found]


def read_beginnings(session: Session, *, conversation_id: str, ids: Sequence[str]) -> dict[str, str]:
    """How these messages of a conversation begin, in one line each, by id."""
    query = select(Message.id, func.substr(Message.text, 1, limits.SNIPPET_CHARS))
    query = query.where(Message.conversation_id == conversation_id, col(Message.id).in_(ids))
    return {message_id: " ".join(words.split()) for message_id, words in session.exec(query).all()}


def read_turns(session: Session, *, conversation_id: str) -> dict[str, str]:
    """The turns that wrote a conversation's replies, by message. The caller has found it for its owner."""
    query = select(Message.id, Message.turn_id)
    query = query.where(Message.conversation_id == conversation_id, col(Message.turn_id).is_not(None))
    return {message_id: turn_id for message_id, turn_id in session.exec(query).all() if turn_id}


def show_branch(session: Session, *, user_id: str, conversation_id: str, message_id: str) -> None:
    """From now on show the branch with this message. Raises NotFound as the finders do."""
    row = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    row.tip_id = find_message(session, conversation_id=conversation_id, message_id=message_id).id
    session.add(row)
    session.flush()


def find_message(session: Session, *, conversation_id: str, message_id: str) -> Message:
    """A message of a conversation that the caller has found for its owner. Raises NotFound."""
    row = session.get(Message, message_id) if is_storable(message_id) else None
    if row is None or row.conversation_id != conversation_id:
        raise NotFound("There is no such message in that conversation.")
    return row


def copy_branch(session: Session, *, user_id: str, conversation_id: str, message_id: str) -> Conversation:
    """A new conversation of the person's with copies of the messages up to and with the one named.

    A copy belongs to no turn: the receipt stays with the original. Its files it shares, and the conversation its
    instructions. Messages without text or files are left out.

    Raises:
        NotFound: as in :func:`find_conversation` and :func:`find_message`.
    """
    origin = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    last = find_message(session, conversation_id=conversation_id, message_id=message_id)
    lead = read_tree(session, conversation_id=conversation_id).chain(last.id)
    files = files_of(session, message_ids=lead, pictures=False, texts=False)
    rows = read_chosen(session, conversation_id=conversation_id, ids=lead)
    chain = [row for row in rows if row.text or row.id in files]
    branch = create_conversation(session, user_id=user_id, first_text=origin.title, instructions=origin.instructions)
    branch.title_by = TitleBy.PERSON
    parent_id = None
    for row in chain:
        copy = add_message(session, conversation=branch, role=row.role, text=row.text, parent_id=parent_id)
        attach_files(session, user_id=user_id, message_id=copy.id, files=files.get(row.id, ()))
        parent_id = copy.id
    return branch
