"""Sending a message from the workspace: the path of its conversation that leads to it, then a turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlmodel import Session

from projectloom.attached import Attached
from projectloom.conversations.attachments import files_of, find_files
from projectloom.conversations.chats import clean_instructions, find_conversation, find_message, read_chosen, read_tree
from projectloom.conversations.models import Message, Role
from projectloom.conversations.tree import Place
from projectloom.db import in_thread, reading
from projectloom.errors import NotFound
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import StartedTurn, start_turn
from projectloom.providers import ChatMessage


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody is about to send."""

    text: str = field(repr=False)
    files: Sequence[str] = ()
    """Ids of files that they attached."""
    instructions: str = field(default="", repr=False)
    """Of the conversation that it begins; one that is there has its own."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a model is told and where it is kept: instructions, all that leads to the prompt, and the prompt."""

    messages: tuple[ChatMessage, ...]
    place: Place | None
    """None in a conversation that is to begin."""
    instructions: str = ""
    """Of a conversation that is to begin."""


async def send_message(
    user_id: str,
    conversation_id: str | None,
    text: str,
    model: str,
    client_request_id: str | None = None,
    *,
    place: Place | None = None,
    files: Sequence[str] = (),
    instructions: str = "",
) -> StartedTurn:
    """Ask in a conversation (or begin one) and start the reply; with a place there, else after what is shown.

    ``files`` are ids of the person's, ``instructions`` those of a conversation that begins.

    Errors as in :func:`start_turn`.
    """
    asking = await in_thread(_asking, user_id, conversation_id, Draft(text, files, instructions), place)
    return await _start(user_id, conversation_id, asking, model, client_request_id)


async def ask_again(user_id: str, conversation_id: str, question_id: str, model: str) -> StartedTurn:
    """Have a question answered once more, beside the replies that it has. Errors as in :func:`start_turn`."""
    asking = await in_thread(_asking_again, user_id, conversation_id, question_id)
    return await _start(user_id, conversation_id, asking, model, None)


async def _start(
    user_id: str, conversation_id: str | None, asking: Asking, model: str, client_request_id: str | None
) -> StartedTurn:
    request = TurnRequest(
        user_id=user_id,
        model=model,
        messages=asking.messages,
        conversation_id=conversation_id,
        place=asking.place,
        instructions=asking.instructions,
        client_request_id=client_request_id,
    )
    return await start_turn(request)


def _asking(user_id: str, conversation_id: str | None, draft: Draft, place: Place | None) -> Asking:
    with reading() as session:
        return asking_of(session, user_id, conversation_id, draft, place)


def _asking_again(user_id: str, conversation_id: str, question_id: str) -> Asking:
    with reading() as session:
        return asking_again(session, user_id, conversation_id, question_id)


def asking_of(
    session: Session,
    user_id: str,
    conversation_id: str | None,
    draft: Draft,
    place: Place | None = None,
    *,
    pictures: bool = True,
) -> Asking:
    """What a model would be told with this draft, at a place or after what is shown. Raises NotFound, InvalidInput.

    Without ``pictures`` they are outlines, from which their price is known.
    """
    prompt = ChatMessage(
        "user", draft.text, attached=find_files(session, user_id=user_id, ids=draft.files, pictures=pictures)
    )
    if conversation_id is None:
        instructions = clean_instructions(draft.instructions)
        return Asking((*_instructing(instructions), prompt), None, instructions)
    conversation = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    tree = read_tree(session, conversation_id=conversation_id)
    if place is None:
        path = tree.path(conversation.tip_id)
        place = Place(path[-1] if path else None)
    if place.after is not None and place.after not in tree:
        raise NotFound("There is no such message in that conversation.")
    said = _told(session, conversation_id, tree.chain(place.after), pictures=pictures)
    return Asking((*_instructing(conversation.instructions), *said, prompt), place)


def _instructing(instructions: str) -> tuple[ChatMessage, ...]:
    return (ChatMessage("system", instructions),) if instructions else ()


def asking_again(
    session: Session, user_id: str, conversation_id: str, question_id: str, *, pictures: bool = True
) -> Asking:
    """What a model would be told to answer a question once more. Raises NotFound; pictures as :func:`asking_of`."""
    find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    question = find_message(session, conversation_id=conversation_id, message_id=question_id)
    if question.role != Role.USER:
        raise NotFound("There is no such question in that conversation.")
    after = read_tree(session, conversation_id=conversation_id).parent(question_id)
    files = files_of(session, message_ids=[question_id], pictures=False, texts=False).get(question_id, ())
    draft = Draft(question.text, [file.id for file in files])
    place = Place(after, answers=question_id)
    return asking_of(session, user_id, conversation_id, draft, place, pictures=pictures)


def history_of(session: Session, user_id: str, conversation_id: str | None) -> tuple[ChatMessage, ...]:
    """What was said in a conversation: every message with anything in it of the branch that is shown, the oldest first.

    Pictures are outlines.

    Raises:
        NotFound: the conversation is not the person's.
    """
    if conversation_id is None:
        return ()
    conversation = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    path = read_tree(session, conversation_id=conversation_id).path(conversation.tip_id)
    return _told(session, conversation_id, path, pictures=False)


def _told(session: Session, conversation_id: str, ids: list[str], *, pictures: bool) -> tuple[ChatMessage, ...]:
    rows = read_chosen(session, conversation_id=conversation_id, ids=ids)
    files = files_of(session, message_ids=ids, pictures=pictures)
    return tuple(_message(row, files.get(row.id, ())) for row in rows if row.text or row.id in files)


def _message(row: Message, files: tuple[Attached, ...]) -> ChatMessage:
    return ChatMessage(row.role, row.text, attached=files)  # pyright: ignore[reportArgumentType]
