"""Files that go with messages: kept, found for their owner alone, shared between versions and copies of a message.

A file that no message has waits in somebody's draft; one whose conversations are all in the trash is not found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, delete, exists, func, insert
from sqlalchemy.orm import QueryableAttribute, defer
from sqlmodel import Session, col, or_, select

from projectloom import limits
from projectloom.attached import Attached, in_words
from projectloom.clock import now
from projectloom.conversations.models import Attachment, Conversation, Message, MessageAttachment
from projectloom.db import lock_name
from projectloom.errors import NotFound, TooLarge
from projectloom.ids import new_id
from projectloom.texts import is_storable

# Content is read where it is asked for alone.
_OUTLINE = defer(cast("QueryableAttribute[bytes]", Attachment.data))


def keep_in_draft(session: Session, *, user_id: str, file: Attached) -> Attached:
    """Keep a file for a person's draft; the same with its id. Drafts from before a day make room where it is needed.

    Raises:
        TooLarge: they keep as much as anybody may, or as much that no message has yet.
    """
    _alone(session, user_id)
    waiting = select(func.coalesce(func.sum(Attachment.size_bytes), 0)).where(
        Attachment.user_id == user_id, ~_is_sent()
    )
    if session.exec(waiting).one() + file.size > limits.MAX_UNSENT_BYTES_PER_PERSON:
        forget_unsent(session, before=now() - timedelta(hours=limits.UNSENT_LEAST_HOURS), user_id=user_id)
        if session.exec(waiting).one() + file.size > limits.MAX_UNSENT_BYTES_PER_PERSON:
            most = in_words(limits.MAX_UNSENT_BYTES_PER_PERSON)
            raise TooLarge(f"Your drafts keep {most} of files, which is the most. Send or remove some of them first.")
    return keep_file(session, user_id=user_id, file=file)


def keep_file(session: Session, *, user_id: str, file: Attached) -> Attached:
    """Keep a file of a person's; the same with its id.

    Raises:
        TooLarge: they keep as much as anybody may.
    """
    _alone(session, user_id)
    kept = select(func.coalesce(func.sum(Attachment.size_bytes), 0)).where(Attachment.user_id == user_id)
    if session.exec(kept).one() + file.size > limits.MAX_ATTACHED_BYTES_PER_PERSON:
        most = in_words(limits.MAX_ATTACHED_BYTES_PER_PERSON)
        raise TooLarge(f"Your conversations keep {most} of files, which is the most. Nothing more can be attached.")
    row = Attachment(
        id=new_id("att"),
        user_id=user_id,
        name=file.name,
        media_type=file.media_type,
        size_bytes=file.size,
        width=file.width,
        height=file.height,
        digest=file.digest,
        data=file.data,
    )
    session.add(row)
    session.flush()
    return _attached(row)


def find_file(session: Session, *, user_id: str, file_id: str) -> Attached:
    """A person's file with its content. Raises NotFound for what is not there, not theirs, or in the trash."""
    query = select(Attachment).where(Attachment.id == file_id, Attachment.user_id == user_id, _is_in_sight())
    row = session.exec(query).first() if is_storable(file_id) else None
    if row is None:
        raise NotFound("There is no such file.")
    return _attached(row)


def find_files(session: Session, *, user_id: str, ids: Sequence[str], pictures: bool) -> tuple[Attached, ...]:
    """A person's files in this order, texts whole and pictures with their content only where asked for.

    Raises NotFound when any is not there.
    """
    if not ids:
        return ()
    wanted = [one for one in ids if is_storable(one)]
    query = select(Attachment).where(Attachment.user_id == user_id, col(Attachment.id).in_(wanted), _is_in_sight())
    outlines = [_outline(row) for row in session.exec(query.options(_OUTLINE)).all()]
    known = _with_content(session, outlines, pictures=pictures)
    if any(one not in known for one in ids):
        raise NotFound("A file of this message is not there any more. Attach it once more.")
    return tuple(known[one] for one in dict.fromkeys(ids))


def files_of(
    session: Session, *, message_ids: Sequence[str], pictures: bool, texts: bool = True
) -> dict[str, tuple[Attached, ...]]:
    """The files of messages that the caller has found for their owner, by message.

    Texts and pictures have their content only where it is asked for.
    """
    if not message_ids:
        return {}
    query = (
        select(MessageAttachment.message_id, Attachment)
        .join(Attachment, col(MessageAttachment.attachment_id) == col(Attachment.id))
        .where(col(MessageAttachment.message_id).in_(message_ids))
        .order_by(col(MessageAttachment.message_id), col(MessageAttachment.place))
        .options(_OUTLINE)
    )
    found = [(message_id, _outline(row)) for message_id, row in session.exec(query).all()]
    known = _with_content(session, [file for _, file in found], pictures=pictures, texts=texts)
    by_message: dict[str, tuple[Attached, ...]] = {}
    for message_id, file in found:
        by_message[message_id] = (*by_message.get(message_id, ()), known[file.id])
    return by_message


def attach_files(session: Session, *, user_id: str, message_id: str, files: Iterable[Attached]) -> None:
    """Let a message have these files; those that are not kept yet are kept. Raises TooLarge as :func:`keep_file`."""
    ids = [file.id or keep_file(session, user_id=user_id, file=file).id for file in files]
    rows = [{"message_id": message_id, "place": place, "attachment_id": one} for place, one in enumerate(ids)]
    if rows:
        session.connection().execute(insert(MessageAttachment), rows)


def forget_file(session: Session, *, user_id: str, file_id: str) -> None:
    """Take a file out of a draft. One that a message has stays. Raises NotFound for what is not there or not theirs."""
    mine = (col(Attachment.id) == file_id, col(Attachment.user_id) == user_id)
    if not is_storable(file_id) or session.exec(select(Attachment.id).where(*mine)).first() is None:
        raise NotFound("There is no such file.")
    session.connection().execute(delete(Attachment).where(*mine, ~_is_sent()))


def forget_unsent(session: Session, *, before: datetime, user_id: str | None = None) -> int:
    """Forget what was attached before a moment and never sent, by one person or anybody; how many files that were."""
    old = delete(Attachment).where(col(Attachment.created_at) < before, ~_is_sent())
    if user_id is not None:
        old = old.where(col(Attachment.user_id) == user_id)
    return session.connection().execute(old).rowcount


def _alone(session: Session, user_id: str) -> None:
    """Let nobody else add to what a person keeps, so that what it sums up to still holds afterwards."""
    lock_name(session, f"attachments:{user_id}")


def _is_sent() -> ColumnElement[bool]:
    return exists().where(col(MessageAttachment.attachment_id) == col(Attachment.id))


def _is_in_sight() -> ColumnElement[bool]:
    shown = exists().where(
        col(MessageAttachment.attachment_id) == col(Attachment.id),
        col(Message.id) == col(MessageAttachment.message_id),
        col(Conversation.id) == col(Message.conversation_id),
        col(Conversation.deleted_at).is_(None),
    )
    return or_(shown, ~_is_sent())


def _with_content(
    session: Session, outlines: Sequence[Attached], *, pictures: bool, texts: bool = True
) -> dict[str, Attached]:
    known = {file.id: file for file in outlines}
    wanted = [file.id for file in known.values() if (pictures if file.is_picture else texts)]
    if wanted:
        content = session.exec(select(Attachment.id, Attachment.data).where(col(Attachment.id).in_(wanted))).all()
        known |= {file_id: replace(known[file_id], data=bytes(data)) for file_id, data in content}
    return known


def _outline(row: Attachment) -> Attached:
    return Attached(row.name, row.media_type, row.size_bytes, row.digest, row.width, row.height, id=row.id)


def _attached(row: Attachment) -> Attached:
    return replace(_outline(row), data=bytes(row.data))
