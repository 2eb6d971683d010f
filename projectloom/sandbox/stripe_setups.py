"""Setup intents: how Checkout saves a card that nothing is paid with, and how they are read over the API."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import store, stripe_cards
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import Kept
from projectloom.sandbox.stripe_cards import Behaviour
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_lists import EXPAND, LISTING, expanded, found, listed
from projectloom.sandbox.stripe_objects import setup_intent

_KIND = "setup_intent"


def succeed(
    db: sqlite3.Connection, session: Kept, *, customer: str | None, email: str, behaviour: Behaviour
) -> dict[str, Any]:
    """Save a card for what the session asked; the intent as it is then. Without a customer the card is not attached."""
    methods = session.body["payment_method_types"]
    intent = setup_intent(customer=customer, asked=session.private["setup_intent_data"], methods=methods)
    store.insert(db, intent)
    emit(db, "setup_intent.created", intent)
    card = stripe_cards.new_card(db, email=email, customer=customer, behaviour=behaviour)
    intent |= {"status": "succeeded", "payment_method": card["id"]}
    store.update(db, intent)
    emit(db, "setup_intent.succeeded", intent)
    return intent


def setup_routes(router: APIRouter, door: Door) -> None:
    """The routes of setup intents."""

    @router.get("/v1/setup_intents")
    async def list_all(request: Request) -> Response:
        by = ("customer", "payment_method")
        return await door.get(
            request, (*LISTING, *by), lambda db, query: listed(db, _KIND, query, url="/v1/setup_intents", by=by)
        )

    @router.get("/v1/setup_intents/{intent_id}")
    async def retrieve(request: Request, intent_id: str) -> Response:
        return await door.get(request, EXPAND, lambda db, query: expanded(db, found(db, _KIND, intent_id).body, query))
