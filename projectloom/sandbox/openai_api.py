"""OpenAI's chat completions, embeddings and list of models, in their published formats.

https://platform.openai.com/docs/api-reference/chat. The official SDK cannot tell it from the real one.
"""

import hashlib
import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from projectloom.config import Settings
from projectloom.sandbox.answers import answer
from projectloom.sandbox.bodies import read_body, read_object
from projectloom.sandbox.broken_connections import Stream
from projectloom.sandbox.embeddings import embed
from projectloom.sandbox.keys import accepted, sent_key
from projectloom.sandbox.openai_content import OpenAIFault
from projectloom.sandbox.openai_events import Reply, dialect, error_of, events, whole
from projectloom.sandbox.openai_prompt import Prompt, cached_tokens, read_prompt
from projectloom.sandbox.pace import Pace
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.provider_faults import Taken, Trouble
from projectloom.sandbox.provider_trouble import answering_model, in_place_of_an_answer, take_fault, unstreamed
from projectloom.sandbox.server_events import written
from projectloom.sandbox.store import Store, stripe_id, timestamp

MAX_BODY_BYTES = 32_000_000
REASONING_MODELS = "gpt-6"
MIN_REASONING_TOKENS = 24
MAX_REASONING_TOKENS = 120
MODELS = ("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna", "gpt-5.4-mini")


def openai_router(settings: Settings, store: Store) -> APIRouter:
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
        fault = await take_fault(store, provider="openai", model=prompt.model, text=prompt.text)
        instead = await in_place_of_an_answer(
            fault, stream=prompt.stream, error=lambda status, code: answer_fault(request, error_of(status, code))
        )
        if instead is not None:
            return instead
        reply = _reply(prompt, cached_tokens(prompt, cache, key=key), fault)
        if prompt.stream:
            chunks = events(reply, pace, include_usage=prompt.include_usage)
            return Stream(written(chunks, fault, dialect(reply), request.scope), _headers(), "text/event-stream")
        return await unstreamed(whole(reply), reply.answer.tokens, pace, fault, _headers())

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


def _reply(prompt: Prompt, cached: int, fault: Taken) -> Reply:
    # Where there is no text at the limit, thinking has used it up.
    reasoning = prompt.max_tokens if fault.has(Trouble.LENGTH_EMPTY) else _reasoning_tokens(prompt)
    return Reply(
        completion_id=stripe_id("chatcmpl").replace("_", "-"),
        created=int(timestamp()),
        model=answering_model(prompt.model, fault, others=MODELS),
        answer=answer(
            prompt.turn,
            system=prompt.system,
            tools=prompt.tools,
            choice=prompt.choice,
            max_tokens=prompt.max_tokens - reasoning,
            fault=fault,
        ),
        prompt_tokens=prompt.tokens,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        max_tokens=prompt.max_tokens,
        fault=fault,
        copies=prompt.copies,
    )


def _reasoning_tokens(prompt: Prompt) -> int:
    """The newest models think before they speak: the same for the same prompt, at most a quarter of the limit."""
    if not prompt.model.startswith(REASONING_MODELS):
        return 0
    spread = MAX_REASONING_TOKENS - MIN_REASONING_TOKENS + 1
    thought = MIN_REASONING_TOKENS + int.from_bytes(hashlib.sha256(prompt.encoded).digest()[:4], "big") % spread
    return min(thought, prompt.max_tokens // 4)
