"""What a model is told: refused where no provider could be sent it, and measured."""

import json
from collections.abc import Iterator

from projectloom import limits
from projectloom.attached import Attached, in_words
from projectloom.conversations.models import Role
from projectloom.errors import InvalidInput, TooLarge
from projectloom.pricing import input_bound, likely_picture_tokens, likely_tokens
from projectloom.providers import ChatMessage, ProviderName, Tool, ToolCall, arguments_of
from projectloom.texts import is_storable

ROLES = frozenset(Role)


def check_messages(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse prompts that no provider could be sent: empty, huge, not text, or not ending with the person's words."""
    if not messages or messages[-1].role != Role.USER:
        raise InvalidInput("The last message must be from the user.")
    if len(messages) > limits.MAX_MESSAGES:
        raise TooLarge("That conversation has too many messages.")
    last = messages[-1]
    if not last.text.strip() and not last.results and not last.attached:
        raise InvalidInput("The message is empty.")
    if any(message.role not in ROLES for message in messages):
        raise InvalidInput("A message's role must be system, user or assistant.")
    _check_text(messages)
    _check_pictures(messages)


def check_texts(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse texts that no vectors could be made of: none, too many, empty, huge, or not text."""
    if not messages or len(messages) > limits.MAX_EMBEDDED_TEXTS:
        raise InvalidInput(f"Send between 1 and {limits.MAX_EMBEDDED_TEXTS} texts.")
    if not all(message.text.strip() for message in messages):
        raise InvalidInput("One of the texts is empty.")
    _check_text(messages)


def _check_text(messages: tuple[ChatMessage, ...]) -> None:
    texts = [text for message in messages for text in _texts(message)]
    if not all(map(is_storable, texts)):
        raise InvalidInput("The message has characters that are not valid text.")
    if sum(len(text.encode()) for text in texts) > limits.MAX_BODY_BYTES:
        raise TooLarge("That message is too large.")


def _check_pictures(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse more pictures than a provider takes at once, earlier ones of the conversation counted."""
    if any(len(message.attached) > limits.MAX_ATTACHED for message in messages):
        raise TooLarge(f"A message can have at most {limits.MAX_ATTACHED} files.")
    pictures = [file for message in messages for file in message.pictures]
    if len(pictures) > limits.MAX_TOLD_PICTURES:
        raise TooLarge(
            f"This conversation has more than {limits.MAX_TOLD_PICTURES} pictures, the most that a model is sent at "
            "once. Start a new chat, or branch from an earlier message."
        )
    if sum(file.size for file in pictures) > limits.MAX_TOLD_PICTURE_BYTES:
        raise TooLarge(
            f"The pictures of this conversation are more than {in_words(limits.MAX_TOLD_PICTURE_BYTES)} in all, the "
            "most that a model is sent at once. Start a new chat, or branch from an earlier message."
        )


def bound_of(provider: ProviderName, messages: tuple[ChatMessage, ...], tools: tuple[Tool, ...]) -> int:
    """An upper bound on the input tokens of a prompt."""
    return input_bound(
        provider,
        [(message.role, message.told) for message in messages],
        tools=tool_texts(messages, tools),
        pictures=[_most_pixels(file) for message in messages for file in message.pictures],
    )


def _most_pixels(picture: Attached) -> tuple[int, int]:
    """The size that a picture counts with in a bound."""
    if picture.media_type in ("image/gif", "image/webp"):
        # Their headers give a screen or a canvas, which says nothing of the pictures within.
        return limits.MAX_PICTURE_SIDE, limits.MAX_PICTURE_SIDE
    return picture.width, picture.height


def likely_of(provider: ProviderName, messages: tuple[ChatMessage, ...], tools: tuple[Tool, ...] = ()) -> int:
    """An estimate of the input tokens of a prompt."""
    texts = [*(message.told for message in messages), *tool_texts(messages, tools)]
    pictures = [file for message in messages for file in message.pictures]
    seen = sum(likely_picture_tokens(provider, file.width, file.height) for file in pictures)
    return sum(map(likely_tokens, texts)) + seen


def _texts(message: ChatMessage) -> Iterator[str]:
    yield message.told
    for call in message.calls:
        yield call.arguments_json
    for result in message.results:
        yield result.text


def tool_texts(messages: tuple[ChatMessage, ...], tools: tuple[Tool, ...]) -> list[str]:
    """Tools, calls of them and results, each in one text of JSON as long as any provider's own spelling of it."""
    texts = [json.dumps({"name": one.name, "about": one.description, "parameters": one.parameters}) for one in tools]
    for message in messages:
        texts += [json.dumps({"id": call.id, "name": call.name, "arguments": _spelt(call)}) for call in message.calls]
        texts += [json.dumps({"id": one.call_id, "text": one.text, "failed": one.failed}) for one in message.results]
    return texts


def _spelt(call: ToolCall) -> str:
    """A call's arguments in the longer of two spellings: as the model wrote them, and as they are sent again."""
    return max(call.arguments_json, json.dumps(arguments_of(call)), key=lambda text: len(text.encode()))
