"""OpenAI's chat completions, embeddings and list of models, in their published formats.

https://platform.openai.com/docs/api-reference/chat; with ``stream_options.include_usage`` the usage comes in a chunk of
its own after the finish, with no choices, before ``[DONE]``. The official SDK cannot tell it from the real one.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from projectloom.config import Settings
from projectloom.sandbox.bodies import read_body, read_object
from projectloom.sandbox.embeddings import embed
from projectloom.sandbox.keys import accepted, sent_key
from projectloom.sandbox.openai_prompt import OpenAIFault, Prompt, cached_tokens, read_prompt
from projectloom.sandbox.pace import Pace, speak, think_through
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.replies import compose_reply
from projectloom.sandbox.store import stripe_id, timestamp
from projectloom.sandbox.tokenizer import count_tokens, first_tokens

MAX_BODY_BYTES = 32_000_000
REASONING_MODELS = "gpt-6"
MIN_REASONING_TOKENS = 24
MAX_REASONING_TOKENS = 120
MODELS = ("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna", "gpt-5.4-mini")


@dataclass(frozen=True, slots=True)
class Reply:
    """What will be said, and what it was asked with."""

    completion_id: str
    created: int
    model: str
    text: str
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int
    reasoning_tokens: int

    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage``: cached tokens are part of the prompt's, reasoning is part of the completion's."""
        output_tokens = self.reasoning_tokens + count_tokens(self.text)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": self.prompt_tokens + output_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

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


def openai_router(settings: Settings) -> APIRouter:
    """The routes below ``/openai``."""
    router = APIRouter()
    cache = PromptCache()
    pace = Pace.at_speed(settings.sandbox_speed)
    operator_key = settings.operator_key("openai")

    def key_of(request: Request) -> str:
        key = sent_key(request)
        if not accepted(key, operator_key=operator_key):
            message = "Incorrect API key provided." if key else "You didn't provide an API key."
            raise OpenAIFault(message, status=401, code="invalid_api_key")
        return key

    async def body_of(request: Request) -> dict[str, Any]:
        too_large = OpenAIFault("The request body is too large.", status=413)
        raw = await read_body(request, limit=MAX_BODY_BYTES, too_large=too_large)
        return read_object(raw, unreadable=OpenAIFault("We could not parse the JSON body of your request."))

    @router.post("/v1/chat/completions")
    async def complete_chat(request: Request) -> Response:
        key = key_of(request)
        prompt = read_prompt(await body_of(request))
        reply = _reply(prompt, cached_tokens(prompt, cache, key=key))
        if prompt.stream:
            events = _chunks(reply, pace, include_usage=prompt.include_usage)
            return StreamingResponse(events, headers=_headers(), media_type="text/event-stream")
        await think_through(reply.text, pace)
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
        choice: dict[str, Any] = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": reply.finish_reason,
        }
        return _json(reply.envelope("chat.completion", [choice], reply.usage()))

    @router.post("/v1/embeddings")
    async def create_embeddings(request: Request) -> Response:
        key_of(request)
        body = await body_of(request)
        return _json(await run_in_threadpool(embed, body))

    @router.get("/v1/models")
    async def list_models(request: Request) -> Response:
        key_of(request)
        data = [{"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "sandbox"} for name in MODELS]
        return _json({"object": "list", "data": data})

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def unknown(request: Request, path: str) -> Response:
        raise OpenAIFault(f"Invalid URL ({request.method} /{path[:200]})", status=404)

    return router


def answer_fault(_request: Request, fault: Exception) -> Response:
    """OpenAI's error object as a response."""
    if not isinstance(fault, OpenAIFault):
        raise fault
    return _json(fault.body, status=fault.status)


def _headers() -> dict[str, str]:
    return {"x-request-id": stripe_id("req"), "cache-control": "no-cache"}


def _json(body: dict[str, Any], *, status: int = 200) -> Response:
    return Response(json.dumps(body), status, _headers(), "application/json")


def _reply(prompt: Prompt, cached: int) -> Reply:
    reasoning = _reasoning_tokens(prompt)
    whole = compose_reply(prompt.question, system=prompt.system)
    text = first_tokens(whole, prompt.max_tokens - reasoning)
    return Reply(
        completion_id=stripe_id("chatcmpl").replace("_", "-"),
        created=int(timestamp()),
        model=prompt.model,
        text=text,
        finish_reason="stop" if text == whole else "length",
        prompt_tokens=prompt.tokens,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
    )


def _reasoning_tokens(prompt: Prompt) -> int:
    """The newest models think before they speak: the same for the same prompt, at most a quarter of the limit."""
    if not prompt.model.startswith(REASONING_MODELS):
        return 0
    spread = MAX_REASONING_TOKENS - MIN_REASONING_TOKENS + 1
    thought = MIN_REASONING_TOKENS + int.from_bytes(hashlib.sha256(prompt.encoded).digest()[:4], "big") % spread
    return min(thought, prompt.max_tokens // 4)


async def _chunks(reply: Reply, pace: Pace, *, include_usage: bool) -> AsyncIterator[bytes]:
    yield _chunk(reply, {"role": "assistant", "content": "", "refusal": None})
    async for piece in speak(reply.text, pace):
        yield _chunk(reply, {"content": piece})
    yield _chunk(reply, {}, finish_reason=reply.finish_reason)
    if include_usage:
        yield _data(reply.envelope("chat.completion.chunk", [], reply.usage()))
    yield b"data: [DONE]\n\n"


def _chunk(reply: Reply, delta: dict[str, Any], *, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _data(reply.envelope("chat.completion.chunk", [choice], None))


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode("ascii")
