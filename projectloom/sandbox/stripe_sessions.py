"""Checkout sessions over the API: opened, expired, retrieved, listed."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import checkout, promotions, session_params, store
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.store import Kept
from projectloom.sandbox.stripe_customers import living_customer
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_lists import EXPAND, LISTING, expanded, found, list_of, listed
from projectloom.sandbox.stripe_objects import checkout_session

_SESSION = "checkout.session"
_MODES = ("payment", "setup")


def session_routes(router: APIRouter, door: Door, url_base: str) -> None:
    """The routes of checkout sessions, whose pages lie below ``url_base``."""

    @router.post("/v1/checkout/sessions")
    async def create(request: Request) -> Response:
        return await door.post(request, lambda db, params: _create(db, params, url_base))

    @router.post("/v1/checkout/sessions/{session_id}/expire")
    async def expire(request: Request, session_id: str) -> Response:
        return await door.post(request, lambda db, params: _expire(db, session_id, params))

    @router.get("/v1/checkout/sessions/{session_id}")
    async def retrieve(request: Request, session_id: str) -> Response:
        return await door.get(request, EXPAND, lambda db, query: expanded(db, _session(db, session_id).body, query))

    @router.get("/v1/checkout/sessions/{session_id}/line_items")
    async def line_items(request: Request, session_id: str) -> Response:
        def read(db: sqlite3.Connection, _query: dict[str, Any]) -> dict[str, Any]:
            lines = _session(db, session_id).private["lines"]
            return list_of(lines, f"/v1/checkout/sessions/{session_id}/line_items")

        return await door.get(request, ("limit", "starting_after", "ending_before", "expand"), read)

    @router.get("/v1/checkout/sessions")
    async def list_all(request: Request) -> Response:
        return await door.get(request, (*LISTING, "payment_intent", "customer", "status"), _list)


def _create(db: sqlite3.Connection, params: dict[str, Any], url_base: str) -> dict[str, Any]:
    forms.refuse_unknown(params, session_params.SESSION_PARAMETERS)
    mode = forms.required_text(params, "mode")
    if mode not in _MODES:
        raise StripeFault(f"Invalid mode: must be payment or setup in the sandbox, not {mode[:40]}", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise StripeFault("The sandbox shows hosted pages only.", param="ui_mode")
    email, customer = _buyer(db, params)
    fields, private = (_payment if mode == "payment" else _setup)(params, customer)
    created = int(store.timestamp())
    session = checkout_session(
        url_base=url_base,
        created=created,
        expires_at=session_params.expiry(params, created),
        success_url=forms.web_address(params, "success_url"),
        cancel_url=forms.web_address(params, "cancel_url"),
        client_reference_id=forms.text(params, "client_reference_id", longest=session_params.MAX_REFERENCE_CHARS),
        customer=customer,
        customer_email=email,
        options=fields,
        metadata=forms.metadata(params),
    )
    if private["items"]:
        session = promotions.priced(session, private["items"], None)
    store.insert(db, session, private)
    return expanded(db, session, params)


def _payment(params: dict[str, Any], customer: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The session's fields, and what Stripe keeps of it to itself."""
    if "discounts" in params:
        raise StripeFault("The sandbox takes promotion codes on its page only.", param="discounts")
    items = session_params.line_items(params)
    fields = session_params.payment_fields(params, customer) | {"currency": items[0]["currency"]}
    taxed = fields["automatic_tax"]["enabled"]
    return fields, {
        "items": items,
        "lines": [promotions.line_item(item, code=None, taxed=taxed) for item in items],
        "payment_intent_data": session_params.intent_data(params),
        "customer_update": session_params.customer_update(params, customer, taxed=taxed),
    }


def _setup(params: dict[str, Any], customer: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same of a session that saves a card."""
    return session_params.setup_fields(params, customer), {
        "items": [],
        "lines": [],
        "payment_intent_data": {},
        "setup_intent_data": session_params.setup_data(params),
        "customer_update": session_params.customer_update(params, customer, taxed=False),
    }


def _buyer(db: sqlite3.Connection, params: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    email, customer_id = forms.text(params, "customer_email"), forms.text(params, "customer")
    if email and customer_id:
        raise StripeFault("You may only specify one of these parameters: customer, customer_email.", param="customer")
    return email, living_customer(db, customer_id, status=400) if customer_id else None


def _expire(db: sqlite3.Connection, session_id: str, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, EXPAND)
    kept = _session(db, session_id)
    if kept.body["status"] != "open":
        raise StripeFault('Only Checkout Sessions with a status in ["open"] can be expired.')
    return expanded(db, checkout.expire(db, kept.body), params)


def _session(db: sqlite3.Connection, session_id: str) -> Kept:
    return checkout.find_session(db, session_id) or found(db, _SESSION, session_id, "session")


def _list(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
    checkout.expire_due(db)
    by = ("payment_intent", "customer", "status")
    return listed(db, _SESSION, query, url="/v1/checkout/sessions", by=by)
