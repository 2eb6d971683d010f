"""Anthropic's Messages API, through the official SDK.

The stream is ``message_start`` (input and cache usage), content blocks, ``message_delta`` (cumulative output, the
reason) and ``message_stop``: https://platform.claude.com/docs/en/build-with-claude/streaming. ``input_tokens`` excludes
the cache pools, so they are exclusive as they come.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial
from typing import Any, cast

import anthropic
import httpx2
from anthropic.types import AssistantMessageParam, MessageParam, UserMessageParam

from projectloom.providers.base import (
    ChatCall,
    ChatEvent,
    ChatMessage,
    Completed,
    Reason,
    TextDelta,
    UsageSeen,
    credible_count,
    storable_text,
)
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import from_error_event, require_sendable_key
from projectloom.providers.relay import relay
from projectloom.providers.sse import ServerEvent
from projectloom.tokens import Usage

BASE_URL = "https://api.anthropic.com"

_REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}

_EVENTS = frozenset(
    {"message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop", "error"}
)


class AnthropicChat:
    """Anthropic as a :class:`projectloom.providers.base.ChatProvider`."""

    def stream(self, call: ChatCall) -> AsyncGenerator[ChatEvent, None]:
        """See :meth:`projectloom.providers.base.ChatProvider.stream`."""
        return relay("anthropic", partial(_open, call), _Reader())


async def _open(call: ChatCall) -> httpx2.Response:
    require_sendable_key("anthropic", call.api_key)
    base_url = call.base_url or BASE_URL
    client = anthropic.AsyncAnthropic(
        api_key=call.api_key,
        base_url=base_url,
        timeout=timeouts(),
        # A second attempt would be a second charge: without an idempotency key nobody can tell them apart.
        max_retries=0,
        open_telemetry=False,
        http_client=http_client("anthropic", base_url),
    )
    system = "\n\n".join(storable_text(message.text) for message in call.messages if message.role == "system")
    messages = [_message(message) for message in call.messages if message.role != "system"]
    stream = await client.messages.create(
        model=call.model,
        max_tokens=call.max_tokens,
        messages=messages,
        system=system or anthropic.omit,
        stream=True,
    )
    return stream.response


def _message(message: ChatMessage) -> MessageParam:
    text = storable_text(message.text)
    if message.role == "assistant":
        return AssistantMessageParam(role="assistant", content=text)
    return UserMessageParam(role="user", content=text)


class _Reader:
    def __init__(self) -> None:
        self.done = False
        self._usage: Usage | None = None
        self._reason: Reason | None = None
        self._model: str | None = None
        self._spoke = False

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
                found = self._text(_object(body, "content_block"), "text")
            case "content_block_delta":
                found = self._text(_object(body, "delta"), "text_delta")
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
        self._usage = _first_usage(message.get("usage"))
        return [UsageSeen(self._usage, final=False)] if self._usage else []

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
        usage = _later_usage(self._usage, body.get("usage"))
        # A reply with text in it has output: a count of none is no count.
        if usage is None or (self._spoke and usage.output_tokens == 0):
            return []
        self._usage = usage
        return [UsageSeen(usage, final=self._reason is not None)]

    def _stop(self) -> list[ChatEvent]:
        self.done = True
        return [Completed(self._reason or "other", self._model)]


def _first_usage(raw: object) -> Usage | None:
    """The usage of ``message_start``, or None when it cannot be true: no call has an empty prompt."""
    if not isinstance(raw, dict):
        return None
    report = cast("dict[str, Any]", raw)
    plain = credible_count(report.get("input_tokens"))
    read = _optional_count(report, "cache_read_input_tokens")
    written = _optional_count(report, "cache_creation_input_tokens")
    raw_split = report.get("cache_creation")
    split = cast("dict[str, Any]", raw_split) if isinstance(raw_split, dict) else {}
    if plain is None or read is None or written is None:
        return None
    for_5m = _optional_count(split, "ephemeral_5m_input_tokens")
    for_1h = _optional_count(split, "ephemeral_1h_input_tokens")
    output = _optional_count(report, "output_tokens")
    if for_5m is None or for_1h is None or output is None:
        return None
    # What the total has beyond the split, all of it where there is no split, was written for five minutes.
    usage = Usage(plain, read, max(for_5m, written - for_1h), for_1h, output, 0)
    return usage if usage.total_input_tokens else None


def _later_usage(before: Usage | None, raw: object) -> Usage | None:
    """The usage of ``message_delta``: cumulative, with the input repeated or left out; None when it cannot be true."""
    if not isinstance(raw, dict):
        return None
    report = cast("dict[str, Any]", raw)
    output = credible_count(report.get("output_tokens"))
    if output is None:
        return None
    if before is None:
        return _first_usage(report)
    pools = {
        "input_tokens": report.get("input_tokens"),
        "cache_read_tokens": report.get("cache_read_input_tokens"),
        "cache_write_5m_tokens": report.get("cache_creation_input_tokens"),
    }
    counts = {pool: credible_count(value) for pool, value in pools.items() if value is not None}
    known = {pool: count for pool, count in counts.items() if count is not None}
    if len(known) < len(counts):
        return None
    if "cache_write_5m_tokens" in known:
        # Only the total is repeated here; how much of it was for an hour was said at the start.
        known["cache_write_5m_tokens"] = max(0, known["cache_write_5m_tokens"] - before.cache_write_1h_tokens)
    details = report.get("output_tokens_details")
    thinking = cast("dict[str, Any]", details).get("thinking_tokens") if isinstance(details, dict) else None
    reasoning = min(credible_count(thinking) or 0, output)
    usage = replace(before, **known, output_tokens=output, reasoning_tokens=reasoning)
    return usage if usage.total_input_tokens else None


def _optional_count(report: dict[str, Any], name: str) -> int | None:
    """The count of this name: 0 if it is left out, None if it is there and cannot be true."""
    value = report.get(name)
    return 0 if value is None else credible_count(value)


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"no {name}")
    return cast("dict[str, Any]", value)
