"""Conversations brought in from a file of ours: the JSON of one, a list of them, or the whole archive.

A file is somebody's text: everything in it is checked and bounded. What is made are new conversations of the person's
and their messages, and nothing else: no turn, no receipt, no movement of money, whatever the file says.
"""

import base64
import binascii
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import insert
from sqlmodel import Session

from projectloom import limits
from projectloom.attached import Attached, read_attached
from projectloom.belongings.files import FORMAT, VERSION
from projectloom.clock import now
from projectloom.conversations.attachments import attach_files
from projectloom.conversations.chats import clean_instructions, title_of
from projectloom.conversations.lists import set_pinned
from projectloom.conversations.models import Conversation, Message, Role, TitleBy
from projectloom.db import transaction
from projectloom.errors import InvalidInput, TooLarge
from projectloom.ids import new_id
from projectloom.texts import is_storable

_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class BroughtIn:
    """What a file became."""

    conversation_ids: tuple[str, ...]
    messages: int


def bring_in(user_id: str, file: bytes) -> BroughtIn:
    """Make conversations of a file, all of them or, if anything is wrong with it, none.

    Raises:
        InvalidInput: it is not a file of ours, or it breaks its own rules; says where. TooLarge: there is too much.
    """
    chats: list[_Chat] = []
    for number, values in enumerate(_objects(file), start=1):
        chats.append(_chat(values, number))
        if sum(len(chat.messages) for chat in chats) > limits.MAX_IMPORTED_MESSAGES:
            raise TooLarge(f"A file may have at most {limits.MAX_IMPORTED_MESSAGES:,} messages in all.")
    if not chats:
        raise InvalidInput("There is no conversation in that file.")
    with transaction() as session:
        made = tuple(_make(session, user_id, chat) for chat in chats)
    return BroughtIn(made, sum(len(chat.messages) for chat in chats))


@dataclass(frozen=True, slots=True)
class _Line:
    parent: int | None
    """The place of the message that it answers."""
    role: str
    text: str
    created_at: datetime
    attached: tuple[Attached, ...]


@dataclass(frozen=True, slots=True)
class _Chat:
    title: str
    instructions: str
    created_at: datetime
    messages: tuple[_Line, ...]
    pinned: bool
    archived: bool


def _objects(file: bytes) -> Iterator[Any]:
    if len(file) > limits.MAX_IMPORT_BYTES:
        raise TooLarge(limit=limits.MAX_IMPORT_BYTES)
    read = list(_unpacked(file)) if file[:4] == b"PK\x03\x04" else [_json(file, limits.MAX_IMPORT_MARKS - _marks(file))]
    found: list[Any] = [one for value in read for one in _chats_in(value)]
    if len(found) > limits.MAX_IMPORTED_CONVERSATIONS:
        raise TooLarge(f"A file may have at most {limits.MAX_IMPORTED_CONVERSATIONS:,} conversations.")
    yield from found


def _chats_in(value: Any) -> list[Any]:
    if isinstance(value, list):
        return cast(list[Any], value)
    if isinstance(value, dict) and isinstance(kept := cast(dict[str, Any], value).get("conversations"), list):
        return cast(list[Any], kept)
    return [value]


def _unpacked(file: bytes) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            entries = [
                entry
                for entry in archive.infolist()
                if entry.filename.startswith("conversations/") and entry.filename.endswith(".json")
            ]
            # What an archive says of its sizes is checked before, and cannot be exceeded while it is read.
            if len(entries) > limits.MAX_IMPORTED_CONVERSATIONS:
                raise TooLarge(f"A file may have at most {limits.MAX_IMPORTED_CONVERSATIONS:,} conversations.")
            if sum(entry.file_size for entry in entries) > limits.MAX_IMPORT_BYTES:
                raise TooLarge("There is too much in that archive. Bring in single conversations from it instead.")
            room = limits.MAX_IMPORT_MARKS
            for entry in entries:
                with archive.open(entry) as kept:
                    data = kept.read(entry.file_size)
                room -= _marks(data)
                yield _json(data, room)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise InvalidInput("That archive cannot be read.") from None


def _marks(data: bytes) -> int:
    return sum(map(data.count, (b",", b"{", b"[")))


def _json(data: bytes, room: int) -> Any:
    """What a file says, unless it left no room for so many marks: nothing else runs while its parts are made."""
    if room < 0:
        raise TooLarge("That file has too many parts.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidInput("That file is not JSON from ProjectLoom.") from None


def _chat(value: Any, number: int) -> _Chat:
    where = f"Conversation {number}"
    values = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    if values.get("format") != FORMAT or values.get("version") != VERSION:
        raise InvalidInput(f"{where} is not a conversation from ProjectLoom.")
    messages = values.get("messages")
    if not isinstance(messages, list):
        raise InvalidInput(f"{where} has no messages.")
    said = cast(list[Any], messages)
    if len(said) > limits.MAX_MESSAGES:
        raise TooLarge(f"{where} has more than {limits.MAX_MESSAGES:,} messages.")
    title = values.get("title")
    if not isinstance(title, str) or not is_storable(title):
        raise InvalidInput(f"{where} has no title.")
    places: dict[str, int] = {}
    lines: list[_Line] = []
    for place, message in enumerate(said):
        lines.append(_line(message, places, f"{where}, message {place + 1}"))
        name = message.get("id")
        if isinstance(name, str):
            places[name] = place
    return _Chat(
        title_of(title),
        _instructions(values, where),
        _moment(values.get("createdAt")),
        tuple(lines),
        pinned=values.get("pinned") is True,
        archived=values.get("archived") is True,
    )


def _line(message: Any, places: dict[str, int], where: str) -> _Line:
    values = cast(dict[str, Any], message) if isinstance(message, dict) else {}
    role, text, parent = values.get("role"), values.get("text"), values.get("parentId")
    if not isinstance(role, str) or role not in _ROLES:
        raise InvalidInput(f"{where}: the role must be user, assistant or system.")
    if not isinstance(text, str) or not is_storable(text):
        raise InvalidInput(f"{where}: there is no text that can be kept.")
    if len(text.encode()) > limits.MAX_BODY_BYTES:
        raise TooLarge(f"{where} is too long.")
    if parent is not None and (not isinstance(parent, str) or parent not in places):
        raise InvalidInput(f"{where}: it answers a message that does not come before it.")
    moment, files = _moment(values.get("createdAt")), _files(values.get("attachments"), where)
    return _Line(None if parent is None else places[parent], role, text, moment, files)


def _instructions(values: dict[str, Any], where: str) -> str:
    written = values.get("instructions") or ""
    if not isinstance(written, str):
        raise InvalidInput(f"{where}: its instructions are no text.")
    return clean_instructions(written)


def _files(value: Any, where: str) -> tuple[Attached, ...]:
    """The files of a message, told anew from their bytes. Raises InvalidInput, TooLarge."""
    given = cast(list[Any], value) if isinstance(value, list) else []
    if len(given) > limits.MAX_ATTACHED or (value is not None and not isinstance(value, list)):
        raise InvalidInput(f"{where}: it can have a list of at most {limits.MAX_ATTACHED} files.")
    return tuple(_file(one, where) for one in given)


def _file(value: Any, where: str) -> Attached:
    values = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    name, data = values.get("name"), values.get("data")
    if not isinstance(name, str) or not is_storable(name) or not isinstance(data, str):
        raise InvalidInput(f"{where}: a file needs a name and its content.")
    try:
        return read_attached(name, base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{where}: a file's content is no base64.") from None


def _moment(written: Any) -> datetime:
    """When something was said, as far as that can be believed; else now."""
    try:
        moment = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        moment = None
    present = now()
    if moment is None or moment.tzinfo is None or moment.year < limits.FIRST_YEAR:
        return present
    return min(moment, present)


def _make(session: Session, user_id: str, chat: _Chat) -> str:
    row = Conversation(
        id=new_id("conv"),
        user_id=user_id,
        title=chat.title,
        title_by=TitleBy.PERSON,
        instructions=chat.instructions,
        created_at=chat.created_at,
        updated_at=now(),
        archived_at=now() if chat.archived else None,
    )
    session.add(row)
    session.flush()
    if chat.pinned:
        # Where as many are pinned as can be, it comes without its pin.
        with suppress(InvalidInput):
            set_pinned(session, user_id=user_id, conversation_id=row.id, pinned=True)
    ids = [new_id("msg") for _ in chat.messages]
    # In their order: a message refers to one before it.
    rows = [
        Message(
            id=name,
            conversation_id=row.id,
            parent_id=None if line.parent is None else ids[line.parent],
            role=line.role,
            text=line.text,
            created_at=line.created_at,
        ).model_dump()
        for name, line in zip(ids, chat.messages, strict=True)
    ]
    if rows:
        session.connection().execute(insert(Message), rows)
    for name, line in zip(ids, chat.messages, strict=True):
        attach_files(session, user_id=user_id, message_id=name, files=line.attached)
    return row.id
