"""OpenAI's Chat Completions API, and every server that speaks it, through the official SDK.

Text comes in choice deltas, then a chunk with the finish reason, then (asked for by ``include_usage``) one with the
usage and no choices, then ``[DONE]`` (https://platform.openai.com/docs/api-reference/chat-streaming).
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
    storable_text,
)
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import from_error_event, require_sendable_key
from projectloom.providers.relay import relay
from projectloom.providers.reports import RunningUsage, openai_usage
from projectloom.providers.sse import ServerEvent

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
        # A project may default to a dearer tier than the card's. Other servers may not know the word.
        service_tier=openai.omit if call.base_url else "default",
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
        self._usage = RunningUsage()
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
        found = self._choices(body.get("choices"))
        usage = openai_usage(body.get("usage"))
        return [*found, *self._usage.take(usage, spoke=self._spoke, final=self._reason is not None)]

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
