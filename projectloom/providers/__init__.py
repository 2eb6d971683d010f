"""The AI doors: one call in, one stream of events out, whichever provider answers.

Everything that a provider's SDK or network may raise comes out as :class:`projectloom.errors.ProviderError`, and no key
or prompt leaves through an error, a repr or a log line.
"""

import logging
from collections.abc import AsyncGenerator

from projectloom.providers.anthropic import AnthropicChat, count_input
from projectloom.providers.base import (
    ChatCall,
    ChatEvent,
    ChatMessage,
    ChatProvider,
    Completed,
    EmbeddingCall,
    ProviderName,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    UsageSeen,
    Vectors,
)
from projectloom.providers.connections import close_providers
from projectloom.providers.embeddings import embed
from projectloom.providers.key_checks import check_key
from projectloom.providers.openai import OpenAIChat
from projectloom.providers.reports import usage_of_response
from projectloom.providers.tools import arguments_of
from projectloom.providers.wire import (
    Answered,
    Frames,
    ReadyCall,
    RefusedByProvider,
    WireCall,
    close_wires,
    open_wire,
)
from projectloom.providers.wire_readers import Extras, WireReader, wire_reader
from projectloom.providers.wire_requests import (
    ANTHROPIC_VERSION,
    Path,
    WireRequest,
    plain_headers,
    read_wire_request,
    sent_body,
)
from projectloom.providers.wire_sizes import WireSize

__all__ = [
    "ANTHROPIC_VERSION",
    "Answered",
    "ChatCall",
    "ChatEvent",
    "ChatMessage",
    "ChatProvider",
    "Completed",
    "EmbeddingCall",
    "Extras",
    "Frames",
    "Path",
    "ProviderName",
    "ReadyCall",
    "RefusedByProvider",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolResult",
    "UsageSeen",
    "Vectors",
    "WireCall",
    "WireReader",
    "WireRequest",
    "WireSize",
    "arguments_of",
    "check_key",
    "close_providers",
    "close_wires",
    "count_input",
    "embed",
    "open_wire",
    "plain_headers",
    "read_wire_request",
    "sent_body",
    "stream_chat",
    "usage_of_response",
    "wire_reader",
]

_PROVIDERS: dict[ProviderName, ChatProvider] = {"anthropic": AnthropicChat(), "openai": OpenAIChat()}

# At DEBUG both SDKs log whole requests, prompts included, whatever asked for that level.
for _sdk in _PROVIDERS:
    logging.getLogger(_sdk).setLevel(logging.INFO)


def stream_chat(provider: ProviderName, call: ChatCall) -> AsyncGenerator[ChatEvent, None]:
    """Make the call once and yield its events as they come; raise ``ProviderError`` when it fails at any point.

    A stream that ends without ``Completed`` was cut, and its reply is partial. Wrap it in ``contextlib.aclosing`` when
    it may be left early: closing it, or cancelling the task that reads it, closes the connection.
    """
    return _PROVIDERS[provider].stream(call)
