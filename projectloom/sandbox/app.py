"""The sandbox as one application, mounted by the composition root where nothing real is configured.

Its state is made here and handed to the routes; nothing is kept in a module. Webhooks are delivered only between
:func:`start_deliveries` and :func:`stop_deliveries`, which the lifespan of the outer application calls.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from projectloom.config import SANDBOX_PREFIX, Settings
from projectloom.sandbox import (
    anthropic_api,
    checkout_page,
    control_api,
    control_page,
    mailbox,
    openai_api,
    receipt_pages,
    stripe_api,
    stripe_door,
)
from projectloom.sandbox.anthropic_content import AnthropicFault
from projectloom.sandbox.control_actions import ControlFault
from projectloom.sandbox.deliveries import WEBHOOK_PATH, Deliveries, start_deliveries, stop_deliveries
from projectloom.sandbox.openai_content import OpenAIFault
from projectloom.sandbox.store import Store
from projectloom.sandbox.stripe_forms import StripeFault

__all__ = ["create_sandbox", "start_deliveries", "stop_deliveries"]


def create_sandbox(settings: Settings) -> FastAPI:
    """The stand-ins for Stripe, Anthropic and OpenAI as one app. Touches no disk until it is used."""
    app = FastAPI(title="ProjectLoom sandbox", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    store = Store(settings.data_dir / "sandbox.db", f"{settings.backend_url}{SANDBOX_PREFIX}")
    deliveries = Deliveries(store, f"{settings.loopback_url}{WEBHOOK_PATH}")
    app.state.store = store
    app.state.deliveries = deliveries
    app.include_router(stripe_api.stripe_router(settings, store, deliveries.wake), prefix="/stripe")
    app.include_router(checkout_page.checkout_router(store, deliveries.wake), prefix="/checkout")
    app.include_router(receipt_pages.receipt_router(store), prefix="/receipts")
    app.include_router(control_api.control_api_router(settings, store, deliveries.wake), prefix="/control/api")
    app.include_router(control_page.control_page_router(settings, store, deliveries.wake), prefix="/control")
    app.include_router(mailbox.mailbox_router(settings, store), prefix="/mailbox")
    app.include_router(anthropic_api.anthropic_router(settings, store), prefix="/anthropic")
    app.include_router(openai_api.openai_router(settings, store), prefix="/openai")
    app.add_exception_handler(StripeFault, stripe_door.answer_fault)
    app.add_exception_handler(ControlFault, control_api.answer_fault)
    app.add_exception_handler(checkout_page.PageFault, checkout_page.answer_fault)
    app.add_exception_handler(AnthropicFault, anthropic_api.answer_fault)
    app.add_exception_handler(OpenAIFault, openai_api.answer_fault)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """For a sandbox served by itself; a mounted one has no lifespan of its own."""
    await start_deliveries(app)
    try:
        yield
    finally:
        await stop_deliveries(app)
