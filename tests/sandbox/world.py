"""A small world around the sandbox: an outer app that mounts it and receives webhooks, and the real SDKs as clients."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import stripe
from fastapi import FastAPI, Request, Response
from granian.constants import Interfaces
from granian.server.embed import Server

from projectloom.config import SANDBOX_WEBHOOK_SECRET, Settings
from projectloom.sandbox.app import create_sandbox, start_deliveries, stop_deliveries

SPEED = 50

# The Stripe SDK gives httpx its body by a name that httpx no longer likes.
STRIPES_OWN_WARNING = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@dataclass
class Received:
    """One webhook as it came."""

    event: dict[str, Any]
    payload: bytes
    signature: str
    at: float


@dataclass
class World:
    settings: Settings
    outer: FastAPI
    sandbox: FastAPI
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status codes to answer the next webhooks with; 200 when there are none left."""
    clients: list[Any] = field(default_factory=list)

    @classmethod
    def at(cls, directory: Path, **settings: Any) -> "World":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        made = Settings(_env_file=None, port=port, LOOM_DATA_DIR=directory, LOOM_SANDBOX_SPEED=SPEED, **settings)
        world = cls(made, FastAPI(), create_sandbox(made))
        world.outer.mount("/sandbox", world.sandbox)

        @world.outer.post("/api/stripe/webhook")
        async def receive(request: Request) -> Response:
            body = await request.body()
            signature = request.headers["stripe-signature"]
            stripe.WebhookSignature.verify_header(body, signature, SANDBOX_WEBHOOK_SECRET, tolerance=60)
            world.received.append(Received(json.loads(body), body, signature, asyncio.get_running_loop().time()))
            return Response(status_code=world.answers.pop(0) if world.answers else 200)

        return world

    @property
    def url(self) -> str:
        return self.settings.loopback_url

    def stripe(self, key: str | None = None) -> stripe.StripeClient:
        own_key, base, _ = self.settings.stripe()
        assert base is not None
        http_client = stripe.HTTPXClient(allow_sync_methods=False)
        self.clients.append(http_client)
        return stripe.StripeClient(
            key or own_key, base_addresses={"api": base}, max_network_retries=0, http_client=http_client
        )

    def browser(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(trust_env=False, timeout=30)
        self.clients.append(client)
        return client

    def anthropic(self, key: str | None = None) -> anthropic.AsyncAnthropic:
        client = anthropic.AsyncAnthropic(
            api_key=key or self.settings.operator_key("anthropic"),
            base_url=self.settings.provider_base("anthropic"),
            max_retries=0,
        )
        self.clients.append(client)
        return client

    def openai(self, key: str | None = None) -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(
            api_key=key or self.settings.operator_key("openai"),
            base_url=self.settings.provider_base("openai"),
            max_retries=0,
        )
        self.clients.append(client)
        return client

    async def buy(self, **changes: Any) -> Any:
        """A checkout session as the product asks for one."""
        return await self.stripe().v1.checkout.sessions.create_async(session_params(**changes))

    async def choose(self, session: Any, outcome: str, **fields: str) -> httpx.Response:
        return await self.browser().post(self.local(session.url), data={"outcome": outcome} | fields)

    async def paid(self, **changes: Any) -> Any:
        """A succeeded intent with its charge, of a session that was just paid."""
        session = await self.buy(**changes)
        assert (await self.choose(session, "paid")).status_code == 303
        client = self.stripe().v1
        intent = (await client.checkout.sessions.retrieve_async(session.id)).payment_intent
        return await client.payment_intents.retrieve_async(intent, {"expand": ["latest_charge"]})

    async def saved_card(self, card: str) -> tuple[str, str]:
        """A customer and the card that Checkout saved for them, which behaves like this later."""
        client = self.stripe().v1
        customer = await client.customers.create_async({"email": "ada@example.com"})
        data = {"setup_future_usage": "off_session", "metadata": {"order_id": "ord_1"}}
        session = await self.buy(customer=customer.id, customer_email=None, payment_intent_data=data)
        assert (await self.choose(session, "paid", card=card)).status_code == 303
        (method,) = (await client.customers.payment_methods.list_async(customer.id)).data
        return customer.id, method.id

    async def control(self, to: str, /, **asked: Any) -> Any:
        """Ask the control API for something; what it answered."""
        answer = await self.browser().post(f"{self.url}/sandbox/control/api/{to}", json=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kinds(self) -> list[str]:
        """The kinds of the webhooks that came, in their order."""
        return [one.event["type"] for one in self.received]

    def local(self, url: str) -> str:
        """The address with the host that the test server listens on."""
        return url.replace("http://localhost:", "http://127.0.0.1:")

    async def webhooks(self, *kinds: str, within: float = 3.0) -> list[dict[str, Any]]:
        """Wait until events of all these kinds have come, and return the first of each."""
        await until(lambda: set(kinds) <= {one.event["type"] for one in self.received}, within=within)
        return [next(one.event for one in self.received if one.event["type"] == kind) for kind in kinds]

    async def close(self) -> None:
        for client in self.clients:
            match client:
                case stripe.HTTPXClient():
                    await client.close_async()
                case httpx.AsyncClient():
                    await client.aclose()
                case _:
                    await client.close()


async def until(condition: Callable[[], bool], *, within: float = 3.0) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


def session_params(**changes: Any) -> dict[str, Any]:
    params = {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "product_data": {"name": "ProjectLoom Credits ($27)", "description": "$25 + $2 bonus"},
                    "unit_amount": 2_500,
                },
                "quantity": 1,
            }
        ],
        "success_url": "http://localhost:3000/?purchase=success&session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:3000/?purchase=cancelled",
        "client_reference_id": "ord_1",
        "customer_email": "ada@example.com",
        "metadata": {"order_id": "ord_1"},
        "payment_intent_data": {"metadata": {"order_id": "ord_1"}},
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


@contextlib.asynccontextmanager
async def serve(world: World):
    """Serve the outer app, with deliveries started before the port is open, as the product's lifespan does."""
    await start_deliveries(world.sandbox)
    server = Server(
        world.outer, port=world.settings.port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False
    )
    serving = asyncio.create_task(server.serve())
    await _until_open(world.settings.port)
    try:
        yield
    finally:
        await world.close()
        await stop_deliveries(world.sandbox)
        server.stop()
        await serving


async def _until_open(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
