"""Where a prompt and its reply are kept: the messages that a turn leaves in a conversation before its call is made."""

from sqlmodel import Session

from projectloom.attached import Attached
from projectloom.conversations.attachments import attach_files
from projectloom.conversations.chats import (
    add_message,
    create_conversation,
    find_conversation,
    find_message,
    find_prompt,
    show_branch,
)
from projectloom.conversations.models import Conversation, Message, Role
from projectloom.conversations.tree import Place
from projectloom.errors import NotFound
from projectloom.metering.requests import TurnRequest


def place_of(session: Session, request: TurnRequest, turn_id: str) -> tuple[str | None, str]:
    """Where the turn belongs: its conversation and, where the exchange is kept, its reply's message."""
    if request.kept:
        return _keep_exchange(session, request, turn_id)
    if request.conversation_id is not None:
        find_conversation(session, user_id=request.user_id, conversation_id=request.conversation_id)
    return request.conversation_id, ""


def _keep_exchange(session: Session, request: TurnRequest, turn_id: str) -> tuple[str, str]:
    said = request.messages[-1]
    prompt, files = said.text, said.attached
    if request.conversation_id is None:
        conversation = create_conversation(
            session,
            user_id=request.user_id,
            first_text=said.beginning,
            instructions=request.instructions,
        )
    else:
        conversation = find_conversation(
            session, user_id=request.user_id, conversation_id=request.conversation_id, begin=request.begins
        )
    asked = None
    if request.again:
        digests = [file.digest for file in files]
        asked = find_prompt(session, conversation_id=conversation.id, text=prompt, digests=digests)
    if request.place is not None:
        asked = _placed(session, conversation, request.place, prompt, files)
    elif asked is None:
        asked = add_message(session, conversation=conversation, role=Role.USER, text=prompt)
        attach_files(session, user_id=request.user_id, message_id=asked.id, files=files)
    reply = add_message(
        session, conversation=conversation, role=Role.ASSISTANT, text="", parent_id=asked.id, turn_id=turn_id
    )
    if request.place is not None or request.again:
        show_branch(session, user_id=request.user_id, conversation_id=conversation.id, message_id=reply.id)
    return conversation.id, reply.id


def _placed(
    session: Session, conversation: Conversation, place: Place, prompt: str, files: tuple[Attached, ...]
) -> Message:
    """The prompt where it belongs: the one that is there, or a new one. Raises NotFound for a place that is not."""
    if place.answers is not None:
        asked = find_message(session, conversation_id=conversation.id, message_id=place.answers)
        if asked.role != Role.USER or asked.text != prompt:
            raise NotFound("That question is not in the conversation.")
        return asked
    if place.after is not None:
        find_message(session, conversation_id=conversation.id, message_id=place.after)
    asked = add_message(
        session,
        conversation=conversation,
        role=Role.USER,
        text=prompt,
        parent_id=place.after,
        begins=place.after is None,
    )
    attach_files(session, user_id=conversation.user_id, message_id=asked.id, files=files)
    return asked
