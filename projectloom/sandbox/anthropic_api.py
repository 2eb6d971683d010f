"""Anthropic's ``POST /v1/messages``, streamed and not, and its count of tokens, in their published formats.

https://docs.anthropic.com/en/api/messages; errors come in its envelope. The official SDK cannot tell it from the real
one.
"""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from projectloom.config import Settings
from projectloom.sandbox.answers import answer
from projectloom.sandbox.anthropic_content import AnthropicFault
from projectloom.sandbox.anthropic_events import Reply, dialect, error_of, events, whole
from projectloom.sandbox.anthropic_prompt import InputTokens, Prompt, count_input, read_prompt
from projectloom.sandbox.bodies import read_body, read_object
from projectloom.sandbox.broken_connections import Stream
from projectloom.sandbox.keys import accepted, sent_key
from projectloom.sandbox.pace import Pace
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.provider_faults import Taken
from projectloom.sandbox.provider_trouble import answering_model, in_place_of_an_answer, take_fault, unstreamed
from projectloom.sandbox.server_events import written
from projectloom.sandbox.store import Store, stripe_id

MAX_BODY_BYTES = 32_000_000

_MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-haiku-4-5")
_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking")


def anthropic_router(settings: Settings, store: Store) -> APIRouter:
    """The routes below ``/anthropic``."""
    router = APIRouter()
    cache = PromptCache()
    pace = Pace.at_speed(settings.sandbox_speed)
    operator_key = settings.operator_key("anthropic")

    @router.post("/v1/messages/count_tokens")
    async def count_message(request: Request) -> Response:
        key = _key_of(request, operator_key)
        body = await _body_of(request)
        # A count is asked for without the parts that only a reply needs.
        prompt = read_prompt({name: body[name] for name in _COUNTED if name in body} | {"max_tokens": 1})
        counted = count_input(prompt, PromptCache(), key=key)
        total = counted.fresh + counted.cache_read + counted.written_5m + counted.written_1h
        return JSONResponse({"input_tokens": total}, headers={"request-id": _request_id()})

    @router.post("/v1/messages")
    async def create_message(request: Request) -> Response:
        key = _key_of(request, operator_key)
        prompt = read_prompt(await _body_of(request))
        fault = await take_fault(store, provider="anthropic", model=prompt.model, text=prompt.text)
        instead = await in_place_of_an_answer(
            fault, stream=prompt.stream, error=lambda status, kind: answer_fault(request, error_of(status, kind))
        )
        if instead is not None:
            return instead
        reply = _reply(prompt, count_input(prompt, cache, key=key), fault)
        headers = {"request-id": _request_id(), "cache-control": "no-cache"}
        if prompt.stream:
            stream = written(events(reply, pace), fault, dialect(), request.scope)
            return Stream(stream, headers, "text/event-stream")
        return await unstreamed(whole(reply), reply.answer.tokens, pace, fault, headers)

    @router.get("/v1/models")
    async def list_models(request: Request) -> Response:
        _key_of(request, operator_key)
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
            for name in _MODELS
        ]
        page = {"data": data, "has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]}
        return JSONResponse(page, headers={"request-id": _request_id()})

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def unknown(path: str) -> Response:
        raise AnthropicFault(404, "not_found_error", f"Not Found: /{path[:200]}")

    return router


def _key_of(request: Request, operator_key: str | None) -> str:
    key = sent_key(request)
    if not accepted(key, operator_key=operator_key):
        message = "invalid x-api-key" if key else "x-api-key header is required"
        raise AnthropicFault(401, "authentication_error", message)
    if not request.headers.get("anthropic-version"):
        raise AnthropicFault(400, "invalid_request_error", "anthropic-version: header is required")
    return key


async def _body_of(request: Request) -> dict[str, Any]:
    too_large = AnthropicFault(413, "request_too_large", "Request exceeds the maximum size")
    raw = await read_body(request, limit=MAX_BODY_BYTES, too_large=too_large)
    unreadable = AnthropicFault(400, "invalid_request_error", "The request body is not valid JSON")
    return read_object(raw, unreadable=unreadable)


def answer_fault(_request: Request, fault: Exception) -> Response:
    """Anthropic's error envelope as a response."""
    if not isinstance(fault, AnthropicFault):
        raise fault
    identity = _request_id()
    body = {"type": "error", "error": {"type": fault.kind, "message": fault.message}, "request_id": identity}
    return Response(json.dumps(body), fault.status, {"request-id": identity}, "application/json")


def _request_id() -> str:
    return stripe_id("req")


def _reply(prompt: Prompt, input_tokens: InputTokens, fault: Taken) -> Reply:
    answered = answer(
        prompt.turn,
        system=prompt.system,
        tools=prompt.tools,
        choice=prompt.choice,
        max_tokens=prompt.max_tokens,
        fault=fault,
    )
    model = answering_model(prompt.model, fault, others=("claude-haiku-4-5", "claude-haiku-5-5"))
    return Reply(stripe_id("msg"), model, answered, input_tokens, prompt.max_tokens, fault)
