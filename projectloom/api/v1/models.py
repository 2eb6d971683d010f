"""The models that a program may ask for, as each provider lists its own."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from projectloom.api.identity import caller_of
from projectloom.api.v1.envelopes import refused
from projectloom.db import in_thread
from projectloom.errors import LoomError, UnknownModel
from projectloom.metering.cards import VersionedCard, card_in_force
from projectloom.pricing import PricedModel
from projectloom.providers import ProviderName


async def list_models(request: Request) -> Response:
    """``GET /v1/models``: Anthropic's, in its format, for whoever names a version of its API; OpenAI's for others."""
    provider = _provider_of(request)
    try:
        await caller_of(request, scope=None)
        versioned = await in_thread(card_in_force)
    except LoomError as error:
        return refused(error, provider)
    listed = [_view(model, versioned) for model in versioned.card.models if model.provider == provider]
    if provider == "openai":
        return JSONResponse({"object": "list", "data": listed})
    first, last = (listed[0]["id"], listed[-1]["id"]) if listed else (None, None)
    return JSONResponse({"data": listed, "has_more": False, "first_id": first, "last_id": last})


async def get_model(request: Request) -> Response:
    """``GET /v1/models/{id}``."""
    provider = _provider_of(request)
    try:
        await caller_of(request, scope=None)
        versioned = await in_thread(card_in_force)
        model = versioned.card.model(request.path_params["model"])
        if model.provider != provider:
            raise UnknownModel(model=model.id)
    except LoomError as error:
        return refused(error, provider)
    return JSONResponse(_view(model, versioned))


def _provider_of(request: Request) -> ProviderName:
    return "anthropic" if "anthropic-version" in request.headers else "openai"


def _view(model: PricedModel, versioned: VersionedCard) -> dict[str, Any]:
    limits = {"context_tokens": model.context_tokens, "max_output_tokens": model.max_output_tokens}
    if model.provider == "anthropic":
        since = versioned.effective_at.isoformat().replace("+00:00", "Z")
        return {"type": "model", "id": model.id, "display_name": model.label, "created_at": since, **limits}
    since = int(versioned.effective_at.timestamp())
    return {
        "id": model.id,
        "object": "model",
        "created": since,
        "owned_by": model.provider,
        "name": model.label,
        **limits,
    }
