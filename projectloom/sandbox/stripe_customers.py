"""Customers and their saved payment methods, over the API."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import store, stripe_cards
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import stripe_id
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_lists import EXPAND, LISTING, expanded, found, listed

_PAGING = ("limit", "starting_after", "ending_before", "expand", "type", "allow_redisplay")
_WRITABLE = ("description", "email", "name", "phone")
_PARAMETERS = (*_WRITABLE, "metadata", "invoice_settings", "expand")


def new_customer(db: sqlite3.Connection, *, metadata: dict[str, str], **said: object) -> dict[str, Any]:
    """A customer of whom this was said: address, description, email, name, phone."""
    customer: dict[str, Any] = {
        "id": stripe_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": int(store.timestamp()),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": stripe_id("i", 8)[2:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": metadata,
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer |= said
    store.insert(db, customer)
    emit(db, "customer.created", customer)
    return customer


def living_customer(db: sqlite3.Connection, customer_id: str, *, status: int = 404) -> dict[str, Any]:
    """A customer who was not deleted."""
    customer = found(db, "customer", customer_id, "customer", status=status).body
    if customer.get("deleted"):
        words = f"No such customer: '{customer_id}'"
        raise StripeFault(words, param="customer", code="resource_missing", status=status)
    return customer


def customer_routes(router: APIRouter, door: Door) -> None:
    """The routes of customers and of their payment methods."""

    @router.post("/v1/customers")
    async def create(request: Request) -> Response:
        return await door.post(request, _create)

    @router.get("/v1/customers")
    async def list_all(request: Request) -> Response:
        return await door.get(request, (*LISTING, "email"), _list_customers)

    @router.get("/v1/customers/{customer_id}")
    async def retrieve(request: Request, customer_id: str) -> Response:
        return await door.get(
            request, EXPAND, lambda db, query: expanded(db, found(db, "customer", customer_id).body, query)
        )

    @router.post("/v1/customers/{customer_id}")
    async def update(request: Request, customer_id: str) -> Response:
        return await door.post(request, lambda db, params: _update(db, customer_id, params))

    @router.delete("/v1/customers/{customer_id}")
    async def delete(request: Request, customer_id: str) -> Response:
        return await door.post(request, lambda db, _params: _delete(db, customer_id))

    @router.get("/v1/customers/{customer_id}/payment_methods")
    async def list_of_customer(request: Request, customer_id: str) -> Response:
        url = f"/v1/customers/{customer_id}/payment_methods"
        return await door.get(request, _PAGING, lambda db, query: _list_methods(db, customer_id, query, url))

    @router.get("/v1/customers/{customer_id}/payment_methods/{method_id}")
    async def retrieve_of_customer(request: Request, customer_id: str, method_id: str) -> Response:
        def read(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
            method = found(db, "payment_method", method_id).body
            if method["customer"] != customer_id:
                words = f"No such payment_method: '{method_id[:100]}'"
                raise StripeFault(words, param="id", code="resource_missing", status=404)
            return expanded(db, method, query)

        return await door.get(request, EXPAND, read)

    _method_routes(router, door)


def _method_routes(router: APIRouter, door: Door) -> None:
    @router.get("/v1/payment_methods")
    async def list_methods(request: Request) -> Response:
        def read(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
            customer = forms.required_text(query, "customer")
            return _list_methods(db, customer, query, "/v1/payment_methods")

        return await door.get(request, (*_PAGING, "customer"), read)

    @router.get("/v1/payment_methods/{method_id}")
    async def retrieve_method(request: Request, method_id: str) -> Response:
        return await door.get(
            request, EXPAND, lambda db, query: expanded(db, found(db, "payment_method", method_id).body, query)
        )

    @router.post("/v1/payment_methods/{method_id}/detach")
    async def detach(request: Request, method_id: str) -> Response:
        def work(db: sqlite3.Connection, params: dict[str, Any]) -> dict[str, Any]:
            forms.refuse_unknown(params, EXPAND)
            kept = found(db, "payment_method", method_id)
            if kept.body["customer"] is None:
                words = "The payment method you provided is not attached to a customer so detachment is impossible."
                raise StripeFault(words)
            return expanded(db, stripe_cards.detach(db, kept), params)

        return await door.post(request, work)


def _create(db: sqlite3.Connection, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, _PARAMETERS)
    said = {name: forms.text(params, name) for name in _WRITABLE}
    customer = new_customer(db, metadata=forms.metadata(params), **said)
    return expanded(db, customer, params)


def _update(db: sqlite3.Connection, customer_id: str, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, _PARAMETERS)
    customer = living_customer(db, customer_id)
    changes: dict[str, Any] = {name: forms.text(params, name) for name in _WRITABLE if name in params}
    if "metadata" in params:
        changes["metadata"] = customer["metadata"] | forms.metadata(params)
    if method_id := forms.text(forms.hash_of(params, "invoice_settings"), "default_payment_method"):
        method = found(db, "payment_method", method_id, "invoice_settings[default_payment_method]", status=400).body
        if method["customer"] != customer_id:
            raise StripeFault(
                f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
                "attached to the customer.",
                param="invoice_settings[default_payment_method]",
                code="resource_missing",
            )
        changes["invoice_settings"] = customer["invoice_settings"] | {"default_payment_method": method_id}
    changed = customer | changes
    store.update(db, changed)
    emit(db, "customer.updated", changed, {name: customer[name] for name in changes})
    return expanded(db, changed, params)


def _delete(db: sqlite3.Connection, customer_id: str) -> dict[str, Any]:
    customer = living_customer(db, customer_id)
    saved = db.execute(
        "SELECT id FROM objects WHERE kind = 'payment_method' AND json_extract(body, '$.customer') = ?", (customer_id,)
    )
    for row in saved.fetchall():
        stripe_cards.detach(db, found(db, "payment_method", row["id"]))
    emit(db, "customer.deleted", customer)
    gone = {"id": customer_id, "object": "customer", "deleted": True}
    store.update(db, gone)
    return gone


def _list_customers(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
    where = ["json_extract(body, '$.deleted') IS NULL"]
    return listed(db, "customer", query, url="/v1/customers", by=("email",), where=where)


def _list_methods(db: sqlite3.Connection, customer_id: str, query: dict[str, Any], url: str) -> dict[str, Any]:
    living_customer(db, customer_id)
    where = ["json_extract(body, '$.customer') = ?"]
    by = ("type", "allow_redisplay")
    return listed(db, "payment_method", query, url=url, by=by, where=where, values=[customer_id])
