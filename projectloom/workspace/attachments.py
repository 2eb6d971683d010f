"""The files that a person attaches to messages, from the drop on. Anything that is not theirs is not found."""

from collections.abc import Sequence
from datetime import timedelta

from projectloom import limits
from projectloom.attached import Attached, read_attached
from projectloom.clock import now
from projectloom.conversations import attachments
from projectloom.conversations.chats import find_conversation, find_message
from projectloom.db import reading, transaction


def keep_file(user_id: str, name: str, data: bytes) -> Attached:
    """Read what somebody dropped and keep it for a draft of theirs. Raises InvalidInput, TooLarge."""
    file = read_attached(name, data)
    with transaction() as session:
        return attachments.keep_in_draft(session, user_id=user_id, file=file)


def open_file(user_id: str, file_id: str) -> Attached:
    """A person's file with its content. Raises NotFound."""
    with reading() as session:
        return attachments.find_file(session, user_id=user_id, file_id=file_id)


def outlines(user_id: str, ids: Sequence[str]) -> tuple[Attached, ...]:
    """A person's files in this order, without the content of pictures. Raises NotFound."""
    with reading() as session:
        return attachments.find_files(session, user_id=user_id, ids=ids, pictures=False)


def files_of_message(user_id: str, conversation_id: str, message_id: str) -> tuple[Attached, ...]:
    """The files of a person's message, without their content. Raises NotFound."""
    with reading() as session:
        find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        find_message(session, conversation_id=conversation_id, message_id=message_id)
        found = attachments.files_of(session, message_ids=[message_id], pictures=False, texts=False)
        return found.get(message_id, ())


def forget_file(user_id: str, file_id: str) -> None:
    """Take a file out of a draft. One that was sent stays with its message. Raises NotFound."""
    with transaction() as session:
        attachments.forget_file(session, user_id=user_id, file_id=file_id)


def forget_unsent() -> int:
    """Forget what lay in drafts for too long; how many files that were."""
    with transaction() as session:
        return attachments.forget_unsent(session, before=now() - timedelta(days=limits.UNSENT_DAYS))
