"""Anthropic's Messages API, through the official SDK.

The stream is ``message_start`` (input and cache usage), content blocks, ``message_delta`` (cumulative output, the
reason) and ``message_stop``: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpx2

from projectloom import limits
from projectloom.attached import Attached
from projectloom.errors import ProviderError
from projectloom.providers.base import (
    ChatCall,
    ChatEvent,
    ChatMessage,
    Completed,
    Reason,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    storable_text,
)
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import from_error_event, outside_errors, require_sendable_key
from projectloom.providers.relay import relay
from projectloom.providers.reports import RunningUsage, anthropic_usage, credible_count
from projectloom.providers.sdks import load_anthropic
from projectloom.providers.sse import ServerEvent
from projectloom.providers.tools import CallsInPieces, arguments_of

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import (
        Base64ImageSourceParam,
        ImageBlockParam,
        MessageParam,
        TextBlockParam,
        ToolParam,
        ToolResultBlockParam,
        ToolUseBlockParam,
    )

BASE_URL = "https://api.anthropic.com"

_REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "tool_use": "tools",
}

_EVENTS = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    }
)


class AnthropicChat:
    """Anthropic as a :class:`projectloom.providers.base.ChatProvider`."""

    def stream(self, call: ChatCall) -> AsyncGenerator[ChatEvent, None]:
        """See :meth:`projectloom.providers.base.ChatProvider.stream`."""
        return relay("anthropic", partial(_open, call), _Reader())


async def count_input(call: ChatCall) -> int | None:
    """Anthropic's own count of a prompt's tokens, which is free; None when it did not tell within the named time.

    Source: https://platform.claude.com/docs/en/build-with-claude/token-counting, which calls it an estimate.
    """
    await load_anthropic()
    import anthropic  # noqa: PLC0415 - loaded before

    try:
        async with asyncio.timeout(limits.COUNT_SECONDS):
            counted = await _client(call).messages.count_tokens(
                model=call.model,
                messages=_messages(call),
                system=_system(call) or anthropic.omit,
                tools=[_tool(tool) for tool in call.tools] or anthropic.omit,
            )
    except (*outside_errors(), ProviderError):
        return None
    return credible_count(counted.input_tokens)


async def _open(call: ChatCall) -> httpx2.Response:
    await load_anthropic()
    import anthropic  # noqa: PLC0415 - loaded before

    stream = await _client(call).messages.create(
        model=call.model,
        max_tokens=call.max_tokens,
        messages=_messages(call),
        system=_system(call) or anthropic.omit,
        tools=[_tool(tool) for tool in call.tools] or anthropic.omit,
        stream=True,
    )
    return stream.response


def _client(call: ChatCall) -> "anthropic.AsyncAnthropic":
    import anthropic  # noqa: PLC0415 - loaded before

    require_sendable_key("anthropic", call.api_key)
    base_url = call.base_url or BASE_URL
    return anthropic.AsyncAnthropic(
        api_key=call.api_key,
        base_url=base_url,
        timeout=timeouts(),
        # A second attempt would be a second charge: without an idempotency key nobody can tell them apart.
        max_retries=0,
        open_telemetry=False,
        http_client=http_client("anthropic", base_url),
    )


def _system(call: ChatCall) -> str:
    return "\n\n".join(storable_text(message.text) for message in call.messages if message.role == "system")


def _messages(call: ChatCall) -> "list[MessageParam]":
    return [_message(message) for message in call.messages if message.role != "system"]


def _message(message: ChatMessage) -> "MessageParam":
    text = storable_text(message.told)
    spoken: list[TextBlockParam] = [{"type": "text", "text": text}] if text else []
    if message.calls:
        return {"role": "assistant", "content": [*spoken, *map(_use, message.calls)]}
    if message.results:
        return {"role": "user", "content": [*map(_result, message.results), *spoken]}
    if message.role == "assistant":
        return {"role": "assistant", "content": text}
    if message.pictures:
        # The order that Anthropic advises: pictures ahead of what is said of them.
        return {"role": "user", "content": [*map(_picture, message.pictures), *spoken]}
    return {"role": "user", "content": text}


def _picture(file: Attached) -> "ImageBlockParam":
    data = base64.b64encode(file.data).decode()
    source = {"type": "base64", "media_type": file.media_type, "data": data}
    return {"type": "image", "source": cast("Base64ImageSourceParam", source)}


def _use(call: ToolCall) -> "ToolUseBlockParam":
    # Arguments that are no object cannot be said again; the answer to the call says what was wrong.
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call) or {}}


def _result(result: ToolResult) -> "ToolResultBlockParam":
    return {
        "type": "tool_result",
        "tool_use_id": result.call_id,
        "content": storable_text(result.text),
        "is_error": result.failed,
    }


def _tool(tool: Tool) -> "ToolParam":
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


class _Reader:
    def __init__(self) -> None:
        self.done = False
        self._usage = RunningUsage()
        # The last report that can be true. A later one leaves out what has not changed.
        self._report: dict[str, Any] = {"output_tokens": 0}
        self._reason: Reason | None = None
        self._model: str | None = None
        self._spoke = False
        self._calls = CallsInPieces()

    def read(self, event: ServerEvent) -> list[ChatEvent]:
        # The name is repeated in the data, and a server may leave either out.
        if event.name and event.name not in _EVENTS:
            return []
        body = event.json()
        found: list[ChatEvent] = []
        match body.get("type", event.name):
            case "message_start":
                found = self._start(_object(body, "message"))
            case "content_block_start":
                found = self._block(_object(body, "content_block"), _index(body))
            case "content_block_delta":
                found = self._piece(_object(body, "delta"), _index(body))
            case "content_block_stop":
                found = [*self._calls.end(_index(body))]
            case "message_delta":
                found = self._delta(body)
            case "message_stop":
                found = self._stop()
            case "error":
                raise from_error_event("anthropic", body)
            case _:
                # New kinds of events are to be passed over, says the protocol.
                pass
        return found

    def _start(self, message: dict[str, Any]) -> list[ChatEvent]:
        model = message.get("model")
        self._model = model if isinstance(model, str) else None
        return self._count(_report(message))

    def _block(self, block: dict[str, Any], index: int) -> list[ChatEvent]:
        if block.get("type") != "tool_use":
            return self._text(block, "text")
        self._calls.begin(index, block.get("id"), block.get("name"))
        self._spoke = True
        if block.get("input"):
            # Streamed input begins empty; a server that does not stream it sends it here.
            self._calls.add(index, json.dumps(block["input"]))
        return []

    def _piece(self, delta: dict[str, Any], index: int) -> list[ChatEvent]:
        if delta.get("type") == "input_json_delta":
            piece = delta.get("partial_json")
            self._calls.add(index, piece if isinstance(piece, str) else "")
            return []
        return self._text(delta, "text_delta")

    def _text(self, part: dict[str, Any], kind: str) -> list[ChatEvent]:
        text = part.get("text")
        if part.get("type") != kind or not isinstance(text, str) or not (clean := storable_text(text)):
            return []
        self._spoke = True
        return [TextDelta(clean)]

    def _delta(self, body: dict[str, Any]) -> list[ChatEvent]:
        reason = _object(body, "delta").get("stop_reason")
        if isinstance(reason, str):
            self._reason = _REASONS.get(reason, "other")
        told = _report(body)
        # Without a count of its own it says nothing of what came since the start.
        return self._count(told) if "output_tokens" in told else []

    def _count(self, told: dict[str, Any]) -> list[ChatEvent]:
        report = self._report | told
        seen = self._usage.take(anthropic_usage(report), spoke=self._spoke, final=self._reason is not None)
        if seen:
            self._report = report
        return [*seen]

    def _stop(self) -> list[ChatEvent]:
        self.done = True
        return [Completed(self._reason or "other", self._model)]


def _report(message: dict[str, Any]) -> dict[str, Any]:
    """What the usage of a message says; what is null is left out."""
    raw = message.get("usage")
    report = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    return {name: value for name, value in report.items() if value is not None}


def _index(body: dict[str, Any]) -> int:
    index = body.get("index")
    return index if isinstance(index, int) else 0


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"no {name}")
    return cast("dict[str, Any]", value)
