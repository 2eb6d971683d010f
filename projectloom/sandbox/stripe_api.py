"""Stripe's HTTP API as this product uses it (https://docs.stripe.com/api, version 2026-10-28).

Forms in, JSON out, errors in Stripe's shape, answers to idempotency keys kept for 24 hours. The official SDK cannot
tell it from the real one.
"""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from projectloom.config import SANDBOX_PREFIX, Settings
from projectloom.sandbox.deliveries import WEBHOOK_PATH
from projectloom.sandbox.store import Store
from projectloom.sandbox.stripe_customers import customer_routes
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_events import event_routes
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_intents import intent_routes
from projectloom.sandbox.stripe_money import money_routes
from projectloom.sandbox.stripe_sessions import session_routes
from projectloom.sandbox.stripe_setups import setup_routes


def stripe_router(settings: Settings, kept: Store, wake: Callable[[], None]) -> APIRouter:
    """The routes below ``/stripe``. ``wake`` tells the deliveries that there may be new events."""
    router = APIRouter()
    door = Door(kept, wake)
    session_routes(router, door, f"{settings.backend_url}{SANDBOX_PREFIX}/checkout")
    intent_routes(router, door)
    setup_routes(router, door)
    money_routes(router, door)
    customer_routes(router, door)
    event_routes(router, door, f"{settings.backend_url}{WEBHOOK_PATH}")

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def unknown(request: Request, path: str) -> Response:
        raise StripeFault(f"Unrecognized request URL ({request.method}: /{path[:200]}).", status=404)

    return router
