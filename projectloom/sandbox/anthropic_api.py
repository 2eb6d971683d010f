"""Anthropic's ``POST /v1/messages``, streamed and not, in its published format.

https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/build-with-claude/streaming; errors
come in its envelope. The official SDK cannot tell it from the real one.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from projectloom.config import Settings
from projectloom.sandbox.anthropic_prompt import AnthropicFault, InputTokens, Prompt, count_input, read_prompt
from projectloom.sandbox.bodies import read_body, read_object
from projectloom.sandbox.keys import accepted, sent_key
from projectloom.sandbox.pace import Pace, speak, think_through
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.replies import compose_reply
from projectloom.sandbox.store import stripe_id
from projectloom.sandbox.tokenizer import count_tokens, first_tokens

MAX_BODY_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What will be said, and what it was asked with."""

    message_id: str
    model: str
    text: str
    stop_reason: str
    input_tokens: InputTokens

    def usage(self, output_tokens: int) -> dict[str, Any]:
        """Anthropic's ``usage`` with the output counted so far."""
        return self.input_tokens.as_usage() | {"output_tokens": output_tokens, "service_tier": "standard"}

    def message(self, content: list[dict[str, Any]], *, stop_reason: str | None, output_tokens: int) -> dict[str, Any]:
        """Anthropic's ``Message``, finished or just begun."""
        return {
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": self.usage(output_tokens),
        }


def anthropic_router(settings: Settings) -> APIRouter:
    """The routes below ``/anthropic``."""
    router = APIRouter()
    cache = PromptCache()
    pace = Pace.at_speed(settings.sandbox_speed)
    operator_key = settings.operator_key("anthropic")

    @router.post("/v1/messages")
    async def create_message(request: Request) -> Response:
        key = sent_key(request)
        if not accepted(key, operator_key=operator_key):
            message = "invalid x-api-key" if key else "x-api-key header is required"
            raise AnthropicFault(401, "authentication_error", message)
        if not request.headers.get("anthropic-version"):
            raise AnthropicFault(400, "invalid_request_error", "anthropic-version: header is required")
        too_large = AnthropicFault(413, "request_too_large", "Request exceeds the maximum size")
        raw = await read_body(request, limit=MAX_BODY_BYTES, too_large=too_large)
        unreadable = AnthropicFault(400, "invalid_request_error", "The request body is not valid JSON")
        prompt = read_prompt(read_object(raw, unreadable=unreadable))
        reply = _reply(prompt, count_input(prompt, cache, key=key))
        headers = {"request-id": _request_id(), "cache-control": "no-cache"}
        if prompt.stream:
            return StreamingResponse(_events(reply, pace), headers=headers, media_type="text/event-stream")
        await think_through(reply.text, pace)
        content = [{"type": "text", "text": reply.text}]
        message = reply.message(content, stop_reason=reply.stop_reason, output_tokens=count_tokens(reply.text))
        return Response(json.dumps(message), 200, headers, "application/json")

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def unknown(path: str) -> Response:
        raise AnthropicFault(404, "not_found_error", f"Not Found: /{path[:200]}")

    return router


def answer_fault(_request: Request, fault: Exception) -> Response:
    """Anthropic's error envelope as a response."""
    if not isinstance(fault, AnthropicFault):
        raise fault
    identity = _request_id()
    body = {"type": "error", "error": {"type": fault.kind, "message": fault.message}, "request_id": identity}
    return Response(json.dumps(body), fault.status, {"request-id": identity}, "application/json")


def _request_id() -> str:
    return stripe_id("req")


def _reply(prompt: Prompt, input_tokens: InputTokens) -> Reply:
    whole = compose_reply(prompt.question, system=prompt.system)
    text = first_tokens(whole, prompt.max_tokens)
    stop_reason = "end_turn" if text == whole else "max_tokens"
    return Reply(stripe_id("msg"), prompt.model, text, stop_reason, input_tokens)


async def _events(reply: Reply, pace: Pace) -> AsyncIterator[bytes]:
    yield _event("message_start", message=reply.message([], stop_reason=None, output_tokens=1))
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("ping")
    async for piece in speak(reply.text, pace):
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    usage = reply.usage(count_tokens(reply.text))
    del usage["cache_creation"], usage["service_tier"]
    yield _event("message_delta", delta={"stop_reason": reply.stop_reason, "stop_sequence": None}, usage=usage)
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode("ascii")
