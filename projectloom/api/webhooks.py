"""``POST /api/stripe/webhook``: whatever is not durably recorded answers 5xx, so that Stripe sends it again."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.bodies import read_bytes
from projectloom.billing.inbox import receive_event
from projectloom.db import in_thread

router = APIRouter(prefix="/api/stripe")


@router.post("/webhook")
async def post_webhook(request: Request) -> JSONResponse:
    """The raw body with its ``Stripe-Signature`` → ``{"received": true}``."""
    body = await read_bytes(request, limit=limits.MAX_WEBHOOK_BODY_BYTES)
    await in_thread(receive_event, body, request.headers.get("stripe-signature"))
    return JSONResponse({"received": True})
