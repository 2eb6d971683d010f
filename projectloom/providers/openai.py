"""OpenAI's Chat Completions API, and every server that speaks it, through the official SDK.

Text comes in choice deltas, then a chunk with the finish reason, then (asked for by ``include_usage``) one with the
usage and no choices, then ``[DONE]`` (https://platform.openai.com/docs/api-reference/chat-streaming).
"""

import base64
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, cast

import httpx2
import openai
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartImageParam,
    ChatCompletionContentPartParam,
    ChatCompletionContentPartTextParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)

from projectloom.attached import Attached
from projectloom.providers.base import (
    ChatCall,
    ChatEvent,
    ChatMessage,
    Completed,
    Reason,
    TextDelta,
    Tool,
    ToolCall,
    storable_text,
)
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import from_error_event, require_sendable_key
from projectloom.providers.relay import relay
from projectloom.providers.reports import RunningUsage, openai_usage
from projectloom.providers.sse import ServerEvent
from projectloom.providers.tools import CallsInPieces

BASE_URL = "https://api.openai.com/v1"

_REASONS: dict[str, Reason] = {"stop": "stop", "length": "length", "content_filter": "refusal", "tool_calls": "tools"}


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
        messages=[sent for message in call.messages for sent in _messages(message)],
        tools=[_tool(tool) for tool in call.tools] or openai.omit,
        max_completion_tokens=call.max_tokens,
        stream=True,
        stream_options={"include_usage": True},
        # A project may default to a dearer tier than the card's. Other servers may not know the word.
        service_tier=openai.omit if call.base_url else "default",
        # The SDK would add the operator's organization from the environment, also to other people's keys.
        extra_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit},
    )
    return stream.response


def _messages(message: ChatMessage) -> list[ChatCompletionMessageParam]:
    text = storable_text(message.told)
    match message.role:
        case "system":
            return [ChatCompletionSystemMessageParam(role="system", content=text)]
        case "assistant" if message.calls:
            calls = [_call(call) for call in message.calls]
            return [ChatCompletionAssistantMessageParam(role="assistant", content=text or None, tool_calls=calls)]
        case "assistant":
            return [ChatCompletionAssistantMessageParam(role="assistant", content=text)]
        case "user":
            # Each answer is a message of its own, and they come before anything else is said.
            sent: list[ChatCompletionMessageParam] = [
                ChatCompletionToolMessageParam(
                    role="tool", tool_call_id=result.call_id, content=storable_text(result.text)
                )
                for result in message.results
            ]
            if text or message.pictures or not sent:
                sent.append(ChatCompletionUserMessageParam(role="user", content=_content(message, text)))
            return sent


def _content(message: ChatMessage, text: str) -> str | list[ChatCompletionContentPartParam]:
    if not message.pictures:
        return text
    parts: list[ChatCompletionContentPartParam] = [*map(_picture, message.pictures)]
    if text:
        parts.append(ChatCompletionContentPartTextParam(type="text", text=text))
    return parts


def _picture(file: Attached) -> ChatCompletionContentPartImageParam:
    data = base64.b64encode(file.data).decode()
    return ChatCompletionContentPartImageParam(
        type="image_url", image_url={"url": f"data:{file.media_type};base64,{data}"}
    )


def _call(call: ToolCall) -> ChatCompletionMessageFunctionToolCallParam:
    function = {"name": call.name, "arguments": storable_text(call.arguments_json)}
    return cast("ChatCompletionMessageFunctionToolCallParam", {"id": call.id, "type": "function", "function": function})


def _tool(tool: Tool) -> ChatCompletionFunctionToolParam:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return cast("ChatCompletionFunctionToolParam", {"type": "function", "function": function})


class _Reader:
    def __init__(self) -> None:
        self.done = False
        self._usage = RunningUsage()
        self._reason: Reason | None = None
        self._model: str | None = None
        self._spoke = False
        self._refused = False
        self._calls = CallsInPieces()

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
        self._pieces(delta.get("tool_calls"))
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            # A refusal in words comes under an ordinary finish reason.
            self._reason = "refusal" if self._refused else _REASONS.get(reason, "other")
            found += self._calls.end_all()
        return found

    def _pieces(self, raw: object) -> None:
        """Pieces of calls: the first of each has its id and name, all of them its index and more of its arguments."""
        pieces = cast("list[Any]", raw) if isinstance(raw, list) else []
        for place, piece in enumerate(pieces):
            if not isinstance(piece, dict):
                raise ValueError("a call is not an object")
            call = cast("dict[str, Any]", piece)
            told, index = call.get("function"), call.get("index")
            function = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
            # Servers that send calls whole may leave the index out.
            index = index if isinstance(index, int) else place
            if not self._calls.is_open(index):
                self._calls.begin(index, call.get("id"), function.get("name"))
                self._spoke = True
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                self._calls.add(index, arguments)
