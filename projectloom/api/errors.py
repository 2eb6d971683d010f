"""The error table: each code of :class:`projectloom.errors.LoomError` and its HTTP status, once."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from projectloom.errors import LoomError

_log = logging.getLogger(__name__)

STATUS = {
    "invalid_input": 400,
    "invalid_amount": 400,
    "unknown_model": 400,
    "missing_api_key": 400,
    "prompt_too_long": 400,
    "no_pictures": 400,
    "invalid_signature": 400,
    "invalid_event": 400,
    "unauthorized": 401,
    "invalid_credentials": 401,
    "insufficient_credits": 402,
    "cap_reached": 402,
    "budget_reached": 402,
    "forbidden": 403,
    "not_found": 404,
    "unknown_code": 404,
    "code_expired": 410,
    "link_over": 410,
    "email_unconfirmed": 403,
    "account_unproven": 403,
    "code_used_up": 410,
    "email_taken": 409,
    "idempotency_conflict": 409,
    "hold_resolved": 409,
    "not_refundable": 409,
    "not_revocable": 409,
    "proposal_stale": 409,
    "proposal_decided": 409,
    "no_saved_card": 409,
    "credit_left": 409,
    "replies_running": 409,
    "card_refused": 402,
    "purchases_paused": 403,
    "too_slow": 408,
    "too_large": 413,
    "too_many_requests": 429,
    "provider_error": 502,
    "key_refused": 502,
    "payment_unavailable": 502,
    "credits_unavailable": 503,
    "day_ceiling_reached": 503,
    "database_unavailable": 503,
    "sign_in_unavailable": 503,
    "server_stopping": 503,
}

DEFAULT_RETRY_SECONDS = 2


def error_response(error: LoomError, *, status: int | None = None, message: str | None = None) -> JSONResponse:
    """The JSON answer to an error; ``Retry-After`` where trying again can help."""
    headers: dict[str, str] = {}
    if error.retryable:
        headers["Retry-After"] = str(error.data.get("retry_after") or DEFAULT_RETRY_SECONDS)
    body = {"error": message or error.message, "code": error.code}
    return JSONResponse(body, status_code=status or STATUS[error.code], headers=headers)


def install(app: FastAPI) -> None:
    """Answer every error of this app in JSON."""
    app.add_exception_handler(LoomError, _on_loom_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(Exception, _on_broken_promise)


async def _on_loom_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, LoomError):
        raise error
    return error_response(error)


async def _on_http_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail, "code": "http_error"}, error.status_code, dict(error.headers or {}))


async def _on_validation_error(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"error": "That request is not valid.", "code": "invalid_input"}, 400)


async def _on_broken_promise(request: Request, _error: Exception) -> JSONResponse:
    # The server logs the traceback; the client learns nothing of our insides.
    _log.error("unexpected error", extra={"path": request.url.path})
    return JSONResponse({"error": "Something went wrong on our side.", "code": "internal"}, 500)
