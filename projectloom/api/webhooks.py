"""The webhooks of Stripe and of Clerk: whatever is not durably recorded answers 5xx, so that it is sent again."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.bodies import read_bytes
from projectloom.belongings.clerk_inbox import receive_clerk_event
from projectloom.billing.inbox import receive_event
from projectloom.db import in_thread

router = APIRouter(prefix="/api")


@router.post("/stripe/webhook")
async def post_webhook(request: Request) -> JSONResponse:
    """The raw body with its ``Stripe-Signature`` → ``{"received": true}``."""
    body = await read_bytes(request, limit=limits.MAX_WEBHOOK_BODY_BYTES)
    await in_thread(receive_event, body, request.headers.get("stripe-signature"))
    return JSONResponse({"received": True})


@router.post("/clerk/webhook")
async def post_clerk_webhook(request: Request) -> JSONResponse:
    """The raw body with its ``svix-`` headers → ``{"received": true}``; 404 where no signing secret is set."""
    body = await read_bytes(request, limit=limits.MAX_WEBHOOK_BODY_BYTES)
    await receive_clerk_event(body, request.headers)
    return JSONResponse({"received": True})
