"""Charges, refunds, disputes, invoices and balance transactions over the API."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import rules, store, stripe_disputes, stripe_refunds
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.events import emit
from projectloom.sandbox.stripe_disputes import Step
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_lists import EXPAND, LISTING, expanded, found, listed

_REFUND = ("amount", "charge", "currency", "expand", "metadata", "payment_intent", "reason")
_READ_ONLY = {
    "charges": ("charge", ("payment_intent", "customer")),
    "refunds": ("refund", ("payment_intent", "charge")),
    "disputes": ("dispute", ("payment_intent", "charge")),
    "invoices": ("invoice", ("customer", "status")),
    "balance_transactions": ("balance_transaction", ("source", "type")),
}
"""What can be retrieved and listed below each path: its kind, and the fields it is filtered by."""


def money_routes(router: APIRouter, door: Door) -> None:
    """The routes of everything that moved money, and of giving it back."""
    for path, (kind, by) in _READ_ONLY.items():
        _add_reading(router, door, path, kind, by)

    @router.post("/v1/refunds")
    async def create_refund(request: Request) -> Response:
        return await door.post(request, _create_refund)

    @router.post("/v1/refunds/{refund_id}")
    async def update_refund(request: Request, refund_id: str) -> Response:
        return await door.post(request, lambda db, params: _update_refund(db, refund_id, params))

    @router.post("/v1/disputes/{dispute_id}/close")
    async def close_dispute(request: Request, dispute_id: str) -> Response:
        def work(db: sqlite3.Connection, params: dict[str, Any]) -> dict[str, Any]:
            forms.refuse_unknown(params, EXPAND)
            closed = stripe_disputes.move(db, found(db, "dispute", dispute_id).body, Step.LOST)
            return expanded(db, closed, params)

        return await door.post(request, work)


def _add_reading(router: APIRouter, door: Door, path: str, kind: str, by: tuple[str, ...]) -> None:
    @router.get(f"/v1/{path}")
    async def list_all(request: Request) -> Response:
        return await door.get(
            request, (*LISTING, *by), lambda db, query: listed(db, kind, query, url=f"/v1/{path}", by=by)
        )

    @router.get(f"/v1/{path}/{{object_id}}")
    async def retrieve(request: Request, object_id: str) -> Response:
        return await door.get(request, EXPAND, lambda db, query: expanded(db, found(db, kind, object_id).body, query))


def _create_refund(db: sqlite3.Connection, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, _REFUND)
    amount = None
    if "amount" in params:
        amount = forms.integer(params["amount"], "amount", at_least=1, at_most=forms.MAX_AMOUNT)
    reason = forms.one_of(params, "reason", stripe_refunds.REASONS)
    metadata = forms.metadata(params)
    charge = stripe_refunds.charge_of(
        db, intent_id=forms.text(params, "payment_intent"), charge_id=forms.text(params, "charge")
    )
    refund = stripe_refunds.make(
        db, charge, amount=amount, reason=reason, metadata=metadata, course=rules.current(db).refunds
    )
    return expanded(db, refund, params)


def _update_refund(db: sqlite3.Connection, refund_id: str, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, ("metadata", "expand"))
    refund = found(db, "refund", refund_id).body
    changed = refund | {"metadata": refund["metadata"] | forms.metadata(params)}
    store.update(db, changed)
    emit(db, "refund.updated", changed, {"metadata": refund["metadata"]})
    return expanded(db, changed, params)
