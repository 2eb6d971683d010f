"""Anthropic's answers as it writes them: a message, the events of one, and its errors.

https://platform.claude.com/docs/en/build-with-claude/streaming and https://docs.anthropic.com/en/api/errors.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from projectloom.sandbox.answers import Answer, Stop, bend
from projectloom.sandbox.anthropic_content import AnthropicFault
from projectloom.sandbox.anthropic_prompt import InputTokens
from projectloom.sandbox.bodies import as_object
from projectloom.sandbox.pace import Pace
from projectloom.sandbox.provider_faults import Taken, Trouble
from projectloom.sandbox.server_events import Dialect, Event, Part, said
from projectloom.sandbox.store import stripe_id

_STOPS: dict[Stop, str] = {"end": "end_turn", "length": "max_tokens", "tools": "tool_use", "refusal": "refusal"}
_ERRORS = {
    400: ("invalid_request_error", "The request was refused."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What will be said, and what it was asked with."""

    message_id: str
    model: str
    answer: Answer
    input_tokens: InputTokens
    max_tokens: int
    fault: Taken

    def usage(self, output_tokens: int) -> dict[str, Any]:
        """Anthropic's ``usage`` with the output counted so far."""
        usage = self.input_tokens.as_usage() | {"output_tokens": output_tokens, "service_tier": "standard"}
        return bend(usage, self.fault, max_tokens=self.max_tokens)

    def message(
        self, content: list[dict[str, Any]], *, stop_reason: str | None, output_tokens: int, usage: bool = True
    ) -> dict[str, Any]:
        """Anthropic's ``Message``, finished or just begun."""
        message = {
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
        }
        return message | ({"usage": self.usage(output_tokens)} if usage else {})

    @property
    def output_tokens(self) -> int:
        """What the reply costs. Not even an empty one is free, says Anthropic."""
        return max(1, self.answer.tokens)


def dialect() -> Dialect:
    """How Anthropic words what goes wrong in a stream."""
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    unfinished = '{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "unfin'
    odd = {"type": "content_block_delta", "index": 0, "delta": {"type": "hum_delta", "hum": "la la"}}
    late = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " Said too late."}}
    return Dialect(
        error=Event(Part.OPENING, overloaded, "error"),
        bad_json=Event(Part.OPENING, unfinished, "content_block_delta"),
        ping=_event("ping"),
        unknown=(_event("shuttle_moved", thread={"colour": "red"}), Event(Part.OPENING, odd, "content_block_delta")),
        after_terminal=(Event(Part.OPENING, late, "content_block_delta"), _event("ping")),
    )


def error_of(status: int, kind: str) -> AnthropicFault:
    """The error that Anthropic gives with a status; ``kind`` in place of the usual type if it is not empty."""
    usual, message = _ERRORS.get(status, ("api_error", "Internal server error"))
    return AnthropicFault(status, kind or usual, message)


def whole(reply: Reply) -> dict[str, Any]:
    """The message of an answer that is not streamed."""
    answer = reply.answer
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}] if answer.text else []
    content += [_use(call.name) | {"input": _object(call.arguments)} for call in answer.calls]
    return reply.message(
        content,
        stop_reason=_STOPS[answer.stop],
        output_tokens=reply.output_tokens,
        usage=not reply.fault.has(Trouble.USAGE_MISSING),
    )


async def events(reply: Reply, pace: Pace) -> AsyncGenerator[Event]:
    """The events of a streamed answer."""
    fault, answer = reply.fault, reply.answer
    first = not fault.has(Trouble.USAGE_MISSING, Trouble.USAGE_LAST_ONLY)
    begun = reply.output_tokens if fault.has(Trouble.USAGE_FIRST_ONLY) else 1
    yield _event("message_start", message=reply.message([], stop_reason=None, output_tokens=begun, usage=first))
    block = -1
    open_part: int | None = None
    kinds = ["text_delta", *["input_json_delta"] * len(answer.calls)]
    async with aclosing(said(answer.parts, pace, fault)) as pieces:
        async for part, piece, heard in pieces:
            if part != open_part:
                if open_part is not None:
                    yield _event("content_block_stop", index=block)
                block, open_part = block + 1, part
                shown: dict[str, Any] = {"type": "text", "text": ""}
                if part > 0:
                    shown = _use(answer.calls[part - 1].name) | {"input": {}}
                yield _event("content_block_start", index=block, content_block=shown)
                if block == 0:
                    yield _event("ping")
            field = "text" if part == 0 else "partial_json"
            delta = {"type": kinds[part], field: piece}
            body = {"type": "content_block_delta", "index": block, "delta": delta}
            yield Event(Part.SAID, body, "content_block_delta", heard)
    if open_part is not None:
        yield _event("content_block_stop", index=block)
    ended: dict[str, Any] = {"delta": {"stop_reason": _STOPS[answer.stop], "stop_sequence": None}}
    if not fault.has(Trouble.USAGE_MISSING, Trouble.USAGE_FIRST_ONLY):
        hidden = () if fault.has(Trouble.USAGE_LAST_ONLY) else ("cache_creation", "service_tier")
        usage = reply.usage(reply.output_tokens)
        ended["usage"] = {name: count for name, count in usage.items() if name not in hidden}
    yield Event(Part.FINISH, {"type": "message_delta"} | ended, "message_delta")
    yield Event(Part.TERMINAL, {"type": "message_stop"}, "message_stop")


def _event(kind: str, **fields: Any) -> Event:
    return Event(Part.OPENING, {"type": kind} | fields, kind)


def _use(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": stripe_id("toolu"), "name": name}


def _object(arguments: str) -> dict[str, Any]:
    """The arguments as an object. Ones that were cut are none."""
    try:
        return as_object(json.loads(arguments)) or {}
    except ValueError:
        return {}
