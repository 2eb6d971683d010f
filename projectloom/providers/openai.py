"""OpenAI's Chat Completions API, and every server that speaks it, through the official SDK.

Text comes in choice deltas, then a chunk with the finish reason, then (asked for by ``include_usage``) one with the
usage and no choices, then ``[DONE]`` (https://platform.openai.com/docs/api-reference/chat-streaming).
``prompt_tokens`` includes cached tokens and ``completion_tokens`` the reasoning, so the exclusive pools are made here.
"""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, cast

import httpx2
import openai
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionMessageParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionUserMessageParam,
)

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

BASE_URL = "https://api.openai.com/v1"

_REASONS: dict[str, Reason] = {"stop": "stop", "length": "length", "content_filter": "refusal"}


class OpenAIChat:
    """OpenAI as a :class:`projectloom.providers.base.ChatProvider`."""

    def stream(self, call: ChatCall) -> AsyncGenerator[ChatEvent, None]:
        """See :meth:`projectloom.providers.base.ChatProvider.stream`."""
        return relay("openai", partial(_open, call), _Reader())


async def _open(call: ChatCall) -> httpx2.Response:
    require_sendable_key("openai", call.api_key)
    base_url = call.base_url or BASE_URL
    client = openai.AsyncOpenAI(
        api_key=call.api_key,
        base_url=base_url,
        timeout=timeouts(),
        # A second attempt would be a second charge: without an idempotency key nobody can tell them apart.
        max_retries=0,
        http_client=http_client("openai", base_url),
    )
    stream = await client.chat.completions.create(
        model=call.model,
        messages=[_message(message) for message in call.messages],
        max_completion_tokens=call.max_tokens,
        stream=True,
        stream_options={"include_usage": True},
        # The SDK would add the operator's organization from the environment, also to other people's keys.
        extra_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},
    )
    return stream.response


def _message(message: ChatMessage) -> ChatCompletionMessageParam:
    text = storable_text(message.text)
    match message.role:
        case "system":
            return ChatCompletionSystemMessageParam(role="system", content=text)
        case "user":
            return ChatCompletionUserMessageParam(role="user", content=text)
        case "assistant":
            return ChatCompletionAssistantMessageParam(role="assistant", content=text)


class _Reader:
    def __init__(self) -> None:
        self.done = False
        self._reason: Reason | None = None
        self._model: str | None = None
        self._spoke = False
        self._refused = False

    def read(self, event: ServerEvent) -> list[ChatEvent]:
        if event.data.startswith("[DONE]"):
            self.done = True
            # Without a finish reason the server closed a reply that the model had not ended.
            return [Completed(self._reason, self._model)] if self._reason else []
        body = event.json()
        if body.get("error"):
            raise from_error_event("openai", body)
        model = body.get("model")
        if isinstance(model, str) and model:
            self._model = model
        return [*self._choices(body.get("choices")), *self._usage(body.get("usage"))]

    def _choices(self, raw: object) -> list[ChatEvent]:
        if raw is None:
            return []
        if not isinstance(raw, list):
            raise ValueError("choices are not a list")
        found: list[ChatEvent] = []
        for choice in cast("list[Any]", raw):
            if not isinstance(choice, dict):
                raise ValueError("a choice is not an object")
            found += self._choice(cast("dict[str, Any]", choice))
        return found

    def _choice(self, choice: dict[str, Any]) -> list[ChatEvent]:
        raw = choice.get("delta")
        delta = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        found: list[ChatEvent] = []
        for name in ("content", "refusal"):
            text = delta.get(name)
            if isinstance(text, str) and (clean := storable_text(text)):
                self._spoke = True
                self._refused = self._refused or name == "refusal"
                found.append(TextDelta(clean))
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            # A refusal in words comes under an ordinary finish reason.
            self._reason = "refusal" if self._refused else _REASONS.get(reason, "other")
        return found

    def _usage(self, raw: object) -> list[ChatEvent]:
        usage = _usage(raw)
        # A reply with text in it has output: a count of none is no count.
        if usage is None or (self._spoke and usage.output_tokens == 0):
            return []
        return [UsageSeen(usage, final=self._reason is not None)]


def _usage(raw: object) -> Usage | None:
    """The exclusive pools of a usage report, summing to its totals; None when it cannot be true."""
    if not isinstance(raw, dict):
        return None
    report = cast("dict[str, Any]", raw)
    prompt = credible_count(report.get("prompt_tokens"))
    output = credible_count(report.get("completion_tokens"))
    cached = _detail(report, "prompt_tokens_details", "cached_tokens")
    written = _detail(report, "prompt_tokens_details", "cache_write_tokens")
    if not prompt or output is None or cached is None or written is None or cached > prompt:
        return None
    # Writes are reported "unadjusted": where they overlap with the cached tokens, the prompt's total decides.
    written = min(written, prompt - cached)
    reasoning = _detail(report, "completion_tokens_details", "reasoning_tokens") or 0
    return Usage(
        input_tokens=prompt - cached - written,
        cache_read_tokens=cached,
        cache_write_5m_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
    )


def _detail(report: dict[str, Any], group: str, name: str) -> int | None:
    """A count out of a group of details: 0 if it is left out, None if it is there and cannot be true."""
    details = report.get(group)
    value = cast("dict[str, Any]", details).get(name) if isinstance(details, dict) else None
    return 0 if value is None else credible_count(value)
