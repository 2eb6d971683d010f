"""The messages of a chat as clients send them: a text in ``content``, or the Vercel AI SDK's ``parts``.

What can be sent to a model is sent, a person's pictures and text files among it, and what a person attached and cannot
be sent is refused. The rest is left out: a model is not told its own reasoning, steps and tool calls of another app
again, and data parts are an app's own (https://ai-sdk.dev/docs/reference/ai-sdk-core/ui-message).
"""

import base64
import binascii
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from projectloom import limits
from projectloom.attached import Attached, limits_in_words, read_attached
from projectloom.errors import InvalidInput, TooLarge
from projectloom.metering.prompts import ROLES
from projectloom.providers import ChatMessage
from projectloom.providers.base import Role as ProviderRole
from projectloom.texts import is_storable


def read_messages(value: object) -> tuple[ChatMessage, ...]:
    """The messages of a request, at least one. Replies without any text are left out. Raises InvalidInput, TooLarge."""
    if not isinstance(value, list) or not value:
        raise InvalidInput("messages must be a list with at least one message.")
    messages = [_message(item) for item in cast("list[object]", value)]
    # No provider takes a reply without words, and a client keeps one of every reply that failed before any came.
    kept = tuple(message for message in messages[:-1] if message.role != "assistant" or message.text.strip())
    return (*kept, messages[-1])


def _message(value: object) -> ChatMessage:
    if not isinstance(value, dict):
        raise InvalidInput("Each message must be an object.")
    message = cast("dict[str, Any]", value)
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidInput("A message's role must be system, user or assistant.")
    parts = message.get("content") if message.get("content") is not None else message.get("parts")
    if isinstance(parts, str):
        return ChatMessage(cast(ProviderRole, role), parts)
    if not isinstance(parts, list):
        raise InvalidInput("A message needs content (a text) or parts (a list).")
    said = [_part(part, from_user=role == "user") for part in cast("list[object]", parts)]
    texts = [part for part in said if isinstance(part, str) and part]
    files = tuple(part for part in said if isinstance(part, Attached))
    # Between the texts of a reply something else happened; a person's texts are pieces of one.
    return ChatMessage(cast(ProviderRole, role), ("" if role == "user" else "\n\n").join(texts), attached=files)


def _part(value: object, *, from_user: bool) -> str | Attached:
    part = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    kind, text = part.get("type"), part.get("text")
    if not isinstance(kind, str):
        raise InvalidInput("Each part of a message must be an object with a type.")
    if kind == "text":
        if not isinstance(text, str):
            raise InvalidInput("A text part needs a text.")
        return text
    if from_user and kind == "file":
        return _file(part)
    if from_user and not kind.startswith("data-"):
        raise InvalidInput("Only text and file parts can be sent.")
    return ""


def _file(part: dict[str, Any]) -> Attached:
    """A file part. What it is is told from its bytes, whatever ``mediaType`` says; nothing is fetched."""
    url, name = part.get("url"), part.get("filename") or "file"
    if not isinstance(url, str) or not url.startswith("data:"):
        raise InvalidInput("A file part needs its content in url, as a data URL. Nothing is fetched from elsewhere.")
    if not isinstance(name, str) or not is_storable(name):
        raise InvalidInput("A file's name is not valid text.")
    head, found, body = url.partition(",")
    if not found or len(body) > limits.MAX_PICTURE_BYTES * 2:
        raise TooLarge(f"{limits_in_words()} One of these is larger.") if found else InvalidInput("url is no data URL.")
    try:
        is_base64 = head.lower().endswith(";base64")
        data = base64.b64decode(body, validate=True) if is_base64 else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise InvalidInput("A file part's url is no valid base64.") from None
    return read_attached(name, data)
