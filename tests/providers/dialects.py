"""Streams in the published formats of both providers, and a reader of ours that collects what is made of them."""

import json
import traceback
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from projectloom.errors import ProviderError
from projectloom.providers import (
    ChatCall,
    ChatEvent,
    ChatMessage,
    Completed,
    ProviderName,
    TextDelta,
    UsageSeen,
    stream_chat,
)

PROMPT = "the-secret-prompt"
KEY = "sk-secret-key-0123456789"
ECHO = f"provider words: {PROMPT} {KEY}"


def call_to(url: str, **changes: Any) -> ChatCall:
    """A call with a system text and one question."""
    values: dict[str, Any] = {
        "model": "a-model",
        "messages": (ChatMessage("system", "Be brief."), ChatMessage("user", PROMPT)),
        "max_tokens": 100,
        "api_key": KEY,
        "base_url": url,
    }
    return ChatCall(**(values | changes))


async def collect(provider: ProviderName, call: ChatCall) -> tuple[list[ChatEvent], ProviderError | None]:
    """All events, and the error that ended them if one did."""
    events: list[ChatEvent] = []
    async with aclosing(stream_chat(provider, call)) as stream:
        try:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - what came before an error is kept
        except ProviderError as error:
            return events, error
    return events, None


def text_of(events: Sequence[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def usages_of(events: Sequence[ChatEvent]) -> list[UsageSeen]:
    return [event for event in events if isinstance(event, UsageSeen)]


def is_complete(events: Sequence[ChatEvent]) -> bool:
    return any(isinstance(event, Completed) for event in events)


def named(name: str, body: object) -> bytes:
    """An event as Anthropic writes it."""
    return f"event: {name}\ndata: {json.dumps(body)}\n\n".encode()


def a_start(usage: object = None, model: str = "a-model-2026") -> bytes:
    usage = {"input_tokens": 25, "output_tokens": 1} if usage is None else usage
    message: dict[str, object] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": model,
        "usage": usage,
    }
    return named("message_start", {"type": "message_start", "message": message})


def a_text(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    return named("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})


def a_delta(reason: str | None = "end_turn", usage: object = None) -> bytes:
    usage = {"output_tokens": 15} if usage is None else usage
    body = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    return named("message_delta", body)


A_BLOCK = named(
    "content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
)
A_BLOCK_END = named("content_block_stop", {"type": "content_block_stop", "index": 0})
A_PING = named("ping", {"type": "ping"})
A_STOP = named("message_stop", {"type": "message_stop"})
A_WHOLE = (a_start(), A_BLOCK, A_PING, a_text("Hello"), a_text("!"), A_BLOCK_END, a_delta(), A_STOP)


def o_chunk(delta: object = None, finish: str | None = None, **more: object) -> bytes:
    """A chunk as OpenAI writes it."""
    body: dict[str, object] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_795_000_000,
        "model": "a-model-2026",
        "choices": [{"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}],
        "usage": None,
    }
    return f"data: {json.dumps(body | more)}\n\n".encode()


def o_text(text: str) -> bytes:
    return o_chunk({"content": text})


def o_usage(usage: object) -> bytes:
    return o_chunk(choices=[], usage=usage)


O_COUNTS = {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40}
O_DONE = b"data: [DONE]\n\n"
O_START = o_chunk({"role": "assistant", "content": ""})
O_WHOLE = (O_START, o_text("Hello"), o_text("!"), o_chunk({}, "stop"), o_usage(O_COUNTS), O_DONE)

O_TITLE = (O_START, o_text('"Rivers and '), o_text('their names."'), o_chunk({}, "stop"), o_usage(O_COUNTS), O_DONE)

PROVIDERS: tuple[ProviderName, ...] = ("anthropic", "openai")
both = pytest.mark.parametrize("provider", PROVIDERS)

BEGUN = {"anthropic": (a_start(), a_text("Hel")), "openai": (O_START, o_text("Hel"))}
WHOLE = {"anthropic": A_WHOLE, "openai": O_WHOLE}


def kind(error: ProviderError | None) -> object:
    assert error is not None
    return error.data["kind"]


def assert_discreet(error: ProviderError | None) -> None:
    """Nothing of the provider's words, the prompt or the key is on the error or on anything chained to it."""
    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.data)
    assert not any(secret in shown for secret in (PROMPT, KEY, "provider words"))


def a_calls(*calls: tuple[str, str], text: str = "", usage: object = None) -> tuple[bytes, ...]:
    """A whole Anthropic reply that asks for tools, ``(name, arguments)`` each, their arguments in two pieces."""
    events = [a_start(), *([A_BLOCK, a_text(text), A_BLOCK_END] if text else [])]
    for index, (name, arguments) in enumerate(calls, 1):
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
        events.append(
            named("content_block_start", {"type": "content_block_start", "index": index, "content_block": block})
        )
        events += [a_piece(index, part) for part in _halves(arguments)]
        events.append(named("content_block_stop", {"type": "content_block_stop", "index": index}))
    return (*events, a_delta("tool_use", usage), A_STOP)


def a_piece(index: int, arguments: str) -> bytes:
    delta = {"type": "input_json_delta", "partial_json": arguments}
    return named("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def o_calls(*calls: tuple[str, str], text: str = "", usage: object = None) -> tuple[bytes, ...]:
    """A whole OpenAI reply that asks for tools."""
    events = [O_START, *([o_text(text)] if text else [])]
    for index, (name, arguments) in enumerate(calls):
        begun = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        events.append(o_chunk({"tool_calls": [begun]}))
        events += [o_piece(index, part) for part in _halves(arguments)]
    return (*events, o_chunk({}, "tool_calls"), o_usage(O_COUNTS if usage is None else usage), O_DONE)


def o_piece(index: int, arguments: str) -> bytes:
    return o_chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


CALLS = {"anthropic": a_calls, "openai": o_calls}
