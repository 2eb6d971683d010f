"""OpenAI's chat answers as it writes them: a completion, its chunks, and its errors.

https://platform.openai.com/docs/api-reference/chat-streaming: the usage comes in a chunk of its own after the finish,
with no choices, before ``[DONE]``; https://platform.openai.com/docs/guides/error-codes.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from projectloom.sandbox.answers import Answer, Stop, bend
from projectloom.sandbox.openai_content import OpenAIFault
from projectloom.sandbox.pace import Pace
from projectloom.sandbox.provider_faults import Taken, Trouble
from projectloom.sandbox.server_events import Dialect, Event, Part, said
from projectloom.sandbox.store import stripe_id
from projectloom.sandbox.tool_calls import Call

_STOPS: dict[Stop, str] = {"end": "stop", "length": "length", "tools": "tool_calls", "refusal": "content_filter"}
_ERRORS = {
    400: ("invalid_request_error", None, "The request was refused."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests per min. Please try again later."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}
_QUOTA = "insufficient_quota"


@dataclass(frozen=True, slots=True)
class Reply:
    """What will be said, and what it was asked with."""

    completion_id: str
    created: int
    model: str
    answer: Answer
    prompt_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    max_tokens: int
    fault: Taken
    copies: int = 1
    """How often the same is answered."""

    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage``: cached tokens are part of the prompt's, reasoning is part of the completion's."""
        output_tokens = (self.reasoning_tokens + self.answer.tokens) * self.copies
        usage = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": self.prompt_tokens + output_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning_tokens * self.copies,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
        return bend(usage, self.fault, max_tokens=self.max_tokens)

    @property
    def finish_reason(self) -> str:
        """Why it stopped. A refusal in words stops as any text does."""
        return "stop" if self.refuses_in_words else _STOPS[self.answer.stop]

    @property
    def refuses_in_words(self) -> bool:
        """Whether the text is a refusal's, which has a field of its own."""
        return self.answer.stop == "refusal" and bool(self.answer.text)

    def envelope(self, kind: str, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        """A completion, or a chunk of one."""
        return {
            "id": self.completion_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
            "choices": choices,
            "usage": usage,
        }


def dialect(reply: Reply) -> Dialect:
    """How OpenAI words what goes wrong in a stream."""
    words = "The server had an error while processing your request. Sorry about that!"
    error = {"error": {"message": words, "type": "server_error", "param": None, "code": None}}
    return Dialect(
        error=Event(Part.OPENING, error),
        bad_json=Event(Part.OPENING, '{"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "unfin'),
        ping=None,
        unknown=(
            Event(Part.OPENING, {"object": "shuttle.moved", "thread": {"colour": "red"}}),
            _chunk(reply, {"hum": "la la"}),
        ),
        after_terminal=(_chunk(reply, {"content": " Said too late."}),),
    )


def error_of(status: int, code: str) -> OpenAIFault:
    """The error that OpenAI gives with a status; ``code`` in place of the usual one if it is not empty."""
    usual = ("server_error", None, "The server had an error while processing your request. Sorry about that!")
    kind, usual_code, message = _ERRORS.get(status, usual)
    if code == _QUOTA:
        kind, message = _QUOTA, "You exceeded your current quota, please check your plan and billing details."
    return OpenAIFault(message, status=status, code=code or usual_code, kind=kind)


def whole(reply: Reply) -> dict[str, Any]:
    """The completion of an answer that is not streamed."""
    text = reply.answer.text or (None if reply.answer.calls else "")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if reply.refuses_in_words else text,
        "refusal": reply.answer.text if reply.refuses_in_words else None,
        "annotations": [],
    }
    if reply.answer.calls:
        message["tool_calls"] = [_call(call, call.arguments) for call in reply.answer.calls]
    choice: dict[str, Any] = {"message": message, "logprobs": None, "finish_reason": reply.finish_reason}
    choices = [{"index": index} | choice for index in range(reply.copies)]
    body = reply.envelope("chat.completion", choices, reply.usage())
    if reply.fault.has(Trouble.USAGE_MISSING):
        del body["usage"]
    return body


async def events(reply: Reply, pace: Pace, *, include_usage: bool) -> AsyncGenerator[Event]:
    """The chunks of a streamed answer, those of all its copies by turns."""
    async with aclosing(_events(reply, pace, include_usage=include_usage)) as chunks:
        async for event in chunks:
            if isinstance(event.body, str) or not event.body["choices"]:
                yield event
                continue
            [choice] = event.body["choices"]
            for index in range(reply.copies):
                yield replace(event, body=event.body | {"choices": [choice | {"index": index}]})


async def _events(reply: Reply, pace: Pace, *, include_usage: bool) -> AsyncGenerator[Event]:
    fault, answer = reply.fault, reply.answer
    usage = reply.usage() if include_usage and not fault.has(Trouble.USAGE_MISSING) else None
    spoken = None if answer.calls and not answer.text else ""
    first = usage if fault.has(Trouble.USAGE_FIRST_ONLY) else None
    yield _chunk(reply, {"role": "assistant", "content": spoken, "refusal": None}, usage=first)
    field = "refusal" if reply.refuses_in_words else "content"
    begun = 0
    async with aclosing(said(answer.parts, pace, fault)) as pieces:
        async for part, piece, heard in pieces:
            if part == 0:
                yield _chunk(reply, {field: piece}, part=Part.SAID, heard=heard)
                continue
            if begun < part:
                begun = part
                opening = {"index": part - 1} | _call(answer.calls[part - 1], "")
                yield _chunk(reply, {"tool_calls": [opening]})
            more = {"index": part - 1, "function": {"arguments": piece}}
            yield _chunk(reply, {"tool_calls": [more]}, part=Part.SAID, heard=heard)
    last = usage if fault.has(Trouble.USAGE_LAST_ONLY) else None
    yield _chunk(reply, {}, finish_reason=reply.finish_reason, part=Part.FINISH, usage=last)
    if usage is not None and not fault.has(Trouble.USAGE_FIRST_ONLY, Trouble.USAGE_LAST_ONLY):
        yield Event(Part.FINISH, reply.envelope("chat.completion.chunk", [], usage))
    yield Event(Part.TERMINAL, "[DONE]")


def _chunk(
    reply: Reply,
    delta: dict[str, Any],
    *,
    finish_reason: str | None = None,
    part: Part = Part.OPENING,
    heard: int = 0,
    usage: dict[str, Any] | None = None,
) -> Event:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return Event(part, reply.envelope("chat.completion.chunk", [choice], usage), heard=heard)


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": stripe_id("call"), "type": "function", "function": {"name": call.name, "arguments": arguments}}
