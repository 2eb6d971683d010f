"""The one language that every model provider is spoken to in.

A call goes in; text, usage and at last a completion come out. Text may stop at any point, usage is what the provider
reported so far, and only :class:`Completed` says that the provider ended the reply itself. A stream that just stops,
without an error and without ``Completed``, was cut: its reply is partial.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from projectloom.attached import Attached
from projectloom.tokens import Usage

ProviderName = Literal["anthropic", "openai"]
Role = Literal["system", "user", "assistant"]
Reason = Literal["stop", "length", "refusal", "tools", "other"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of ours that the model may ask for. Nothing happens at the provider: we are told of the call."""

    name: str
    """At most 64 letters, digits, underscores and hyphens."""
    description: str
    parameters: dict[str, Any]
    """The JSON schema of its arguments, an object's."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. It comes whole, when its last piece has come."""

    id: str
    name: str
    """As the model wrote it: there may be no such tool."""
    arguments_json: str = field(repr=False)
    """As the model wrote it: it may be no JSON."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered, told to the model."""

    call_id: str
    text: str = field(repr=False)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the conversation. Its text never shows in a repr, as reprs end up in logs."""

    role: Role
    text: str = field(repr=False)
    calls: tuple[ToolCall, ...] = ()
    """Of the assistant's: the tools that it asked for, after its text."""
    results: tuple[ToolResult, ...] = ()
    """Of the user's: the answers to all calls of the message before, ahead of its text."""
    attached: tuple[Attached, ...] = ()
    """Of the user's: the files that go with its text."""

    @property
    def told(self) -> str:
        """Its text as the model reads it, behind that of its text files."""
        files = [file.told for file in self.attached if not file.is_picture]
        return "\n\n".join([*files, self.text] if self.text else files)

    @property
    def beginning(self) -> str:
        """Its words, or the name of its first file where it has none."""
        return self.text if self.text.strip() or not self.attached else self.attached[0].name

    @property
    def pictures(self) -> tuple[Attached, ...]:
        """The pictures among its files."""
        return tuple(file for file in self.attached if file.is_picture)


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One generation, with all that it needs. Neither the prompt nor the key shows in its repr."""

    model: str
    messages: tuple[ChatMessage, ...] = field(repr=False)
    max_tokens: int
    """The provider stops here: the output bound that was quoted."""
    api_key: str = field(repr=False)
    base_url: str | None = None
    """As the provider's SDK takes it; None is the provider's own."""
    tools: tuple[Tool, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """One call for vectors, with all that it needs. Neither the texts nor the key show in its repr."""

    model: str
    texts: tuple[str, ...] = field(repr=False)
    api_key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector for each text, in their order."""

    values: tuple[tuple[float, ...], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply: not empty, and fit to be stored (no NUL, no lone surrogate)."""

    text: str


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """The provider's count so far. Each replaces the one before; a count that cannot be true is never passed on."""

    usage: Usage
    final: bool
    """Whether it counts the whole reply."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The provider's own end of the reply. Nothing follows it."""

    reason: Reason
    model: str | None
    """The model that answered, as the provider names it; None if it did not say."""


ChatEvent = TextDelta | ToolCall | Vectors | UsageSeen | Completed


class ChatProvider(Protocol):
    """A provider of chat models."""

    def stream(self, call: ChatCall) -> AsyncGenerator[ChatEvent, None]:
        """Make the call once, without retries, and yield what comes.

        Raises :class:`projectloom.errors.ProviderError`. Closing or cancelling the iterator closes the connection.
        """
        ...


def storable_text(text: str) -> str:
    """The text without what a database or an encoder refuses: NULs dropped, lone surrogates made U+FFFD."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
