"""Errors as each provider writes them, so that a client built for it raises what its author expects.

OpenAI's: https://platform.openai.com/docs/guides/error-codes. Anthropic's:
https://platform.claude.com/docs/en/api/errors. A provider's own refusal of the person's request passes through; what it
says about the operator's account does not.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from projectloom.api.errors import DEFAULT_RETRY_SECONDS, STATUS
from projectloom.errors import CreditsUnavailable, LoomError, ProviderError, Unauthorized
from projectloom.metering.models import Funding
from projectloom.providers import ProviderName, RefusedByProvider

# What the person's request itself is refused for; everything else may be about the account behind the key.
_ABOUT_THE_REQUEST = frozenset({400, 404, 405, 413, 415, 422})
# Words of refusals with such a status that are about the account all the same, as "Your credit balance is too low" is.
_ABOUT_THE_ACCOUNT = re.compile(
    rb"credit balance|billing|quota|organi[sz]ation|workspace|api[ _-]?key|your (?:account|project)"
    rb"|\b(?:org-|proj_|sk-)",
    re.IGNORECASE,
)
_CANNOT_PAY = "This server cannot pay for that provider's models right now. Choose one of another provider."
_TOO_MANY = "The model's provider is getting too many requests from this server. Please wait a moment and try again."
_NO_KEY = "No API key that is valid here was sent. You make one in the settings."

_PROVIDER_STATUS = {
    "unauthorized": 401,
    "rate_limited": 429,
    "overloaded": 503,
    "timeout": 504,
    "bad_request": 400,
    "blocked": 400,
}
_STATUS = {"unknown_model": 404, "prompt_too_long": 400}

_OPENAI_CODES = {
    "unauthorized": "invalid_api_key",
    "unknown_model": "model_not_found",
    "prompt_too_long": "context_length_exceeded",
    "insufficient_credits": "insufficient_quota",
    "cap_reached": "insufficient_quota",
    "budget_reached": "insufficient_quota",
    "too_many_requests": "rate_limit_exceeded",
}
_OPENAI_TYPES = {402: "insufficient_quota", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error ready to be sent."""

    status: int
    body: bytes
    headers: dict[str, str]


def refusal(error: LoomError, provider: ProviderName, *, funding: str | None = None) -> Refusal:
    """The error in the provider's envelope. ``funding`` says whose account the provider spoke about, once known."""
    error = _tellable(error, funding)
    if isinstance(error, RefusedByProvider):
        status = error.data.get("status")
        return Refusal(status if isinstance(status, int) else 502, error.body, _headers(error))
    status = _status_of(error)
    return Refusal(status, json.dumps(envelope(error, provider, status=status)).encode(), _headers(error))


def refused(error: LoomError, provider: ProviderName, *, funding: str | None = None) -> Response:
    """As :func:`refusal`, as an answer."""
    made = refusal(error, provider, funding=funding)
    return Response(made.body, made.status, made.headers, "application/json")


def broken(provider: ProviderName) -> Response:
    """The answer where a promise of ours broke."""
    body = envelope(LoomError("Something went wrong on our side."), provider, status=500)
    return Response(json.dumps(body).encode(), 500, {"x-should-retry": "false"}, "application/json")


def envelope(error: LoomError, provider: ProviderName, *, status: int) -> dict[str, Any]:
    """The error's body as the provider writes one."""
    message = _NO_KEY if error.message == Unauthorized.default_message else error.message
    if provider == "anthropic":
        kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}
    kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = _OPENAI_CODES.get(error.code, error.code)
    return {"error": {"message": message, "type": kind, "param": error.data.get("param"), "code": code}}


def error_event(error: LoomError, provider: ProviderName, *, funding: str) -> bytes:
    """An error inside of a stream that had begun well."""
    error = _tellable(error, funding)
    body = json.dumps(envelope(error, provider, status=_status_of(error)))
    return (f"event: error\ndata: {body}\n\n" if provider == "anthropic" else f"data: {body}\n\n").encode()


def _tellable(error: LoomError, funding: str | None) -> LoomError:
    """What the client may know of it: of the operator's account nothing, and no word that its own key is wrong."""
    if funding == Funding.OWN_KEY or not isinstance(error, ProviderError):
        return error
    kind, status = error.data.get("kind"), error.data.get("status")
    if kind == "rate_limited" or (status == 429 and kind != "unauthorized"):
        return ProviderError(_TOO_MANY, **{**error.data, "kind": "rate_limited", "retryable": True})
    said_so = isinstance(error, RefusedByProvider) and _ABOUT_THE_ACCOUNT.search(error.body)
    if kind == "unauthorized" or status in (401, 402, 403) or said_so:
        return CreditsUnavailable(_CANNOT_PAY)
    if isinstance(error, RefusedByProvider) and status not in _ABOUT_THE_REQUEST:
        return ProviderError(error.message, **error.data)
    return error


def _status_of(error: LoomError) -> int:
    if not isinstance(error, ProviderError):
        return _STATUS.get(error.code, STATUS[error.code])
    kind = error.data.get("kind")
    return _PROVIDER_STATUS.get(kind, 502) if isinstance(kind, str) else 502


def _headers(error: LoomError) -> dict[str, str]:
    retry = error.data.get("retryable", error.retryable)
    # The clients' own word for whether to try again by themselves.
    headers = {"x-should-retry": "true" if retry else "false"}
    if retry:
        headers["retry-after"] = str(error.data.get("retry_after") or DEFAULT_RETRY_SECONDS)
    return headers
