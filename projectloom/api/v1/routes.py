"""The routes below ``/v1``. Plain ones: what a framework checks of a body is the provider's to check here."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from projectloom.api.v1.count import count_tokens
from projectloom.api.v1.envelopes import refused
from projectloom.api.v1.models import get_model, list_models
from projectloom.api.v1.relay import answer
from projectloom.errors import NotFound


def wire_routes() -> BaseRoute:
    """Everything below ``/v1``."""
    return Mount(
        "/v1",
        routes=[
            Route("/chat/completions", _chat_completions, methods=["POST"]),
            Route("/messages", _messages, methods=["POST"]),
            Route("/embeddings", _embeddings, methods=["POST"]),
            Route("/messages/count_tokens", count_tokens, methods=["POST"]),
            Route("/models", list_models, methods=["GET"]),
            Route("/models/{model:path}", get_model, methods=["GET"]),
            Route("/{path:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
    )


_chat_completions = partial(answer, path="/chat/completions", provider="openai")
_messages = partial(answer, path="/messages", provider="anthropic")
_embeddings = partial(answer, path="/embeddings", provider="openai")


async def _unknown(request: Request) -> Response:
    provider = "anthropic" if "anthropic-version" in request.headers else "openai"
    return refused(NotFound(f"There is no {request.method} {request.url.path[:200]} here."), provider)
