"""Payment intents over the API: a saved card charged while its owner is away, confirmed, listed and cancelled.

A card that declines or demands authentication is a 402 whose error carries the intent, as Stripe's does
(https://docs.stripe.com/payments/save-and-reuse#charge-saved-payment-method). The attempt stays on record.
"""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import store, stripe_cards, stripe_charges
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.events import emit
from projectloom.sandbox.stripe_cards import Behaviour
from projectloom.sandbox.stripe_customers import living_customer
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_lists import EXPAND, LISTING, expanded, found, listed
from projectloom.sandbox.stripe_objects import payment_error, payment_intent

_CREATE = (
    "amount",
    "automatic_payment_methods",
    "confirm",
    "currency",
    "customer",
    "description",
    "error_on_requires_action",
    "expand",
    "metadata",
    "off_session",
    "payment_method",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "statement_descriptor_suffix",
)
_CONFIRM = ("error_on_requires_action", "expand", "off_session", "payment_method", "receipt_email", "return_url")
_CANCELLABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


def intent_routes(router: APIRouter, door: Door) -> None:
    """The routes of payment intents."""

    @router.post("/v1/payment_intents")
    async def create(request: Request) -> Response:
        return await door.post(request, _create)

    @router.get("/v1/payment_intents")
    async def list_all(request: Request) -> Response:
        return await door.get(
            request,
            (*LISTING, "customer"),
            lambda db, query: listed(db, "payment_intent", query, url="/v1/payment_intents", by=("customer",)),
        )

    @router.get("/v1/payment_intents/{intent_id}")
    async def retrieve(request: Request, intent_id: str) -> Response:
        return await door.get(
            request, EXPAND, lambda db, query: expanded(db, found(db, "payment_intent", intent_id).body, query)
        )

    @router.post("/v1/payment_intents/{intent_id}/confirm")
    async def confirm(request: Request, intent_id: str) -> Response:
        return await door.post(request, lambda db, params: _confirm(db, intent_id, params))

    @router.post("/v1/payment_intents/{intent_id}/cancel")
    async def cancel(request: Request, intent_id: str) -> Response:
        return await door.post(request, lambda db, params: _cancel(db, intent_id, params))


def _create(db: sqlite3.Connection, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, _CREATE)
    if "amount" not in params:
        raise StripeFault("Missing required param: amount.", param="amount", code="parameter_missing")
    amount = forms.integer(params["amount"], "amount", at_least=1, at_most=forms.MAX_AMOUNT)
    if amount < forms.MIN_AMOUNT:
        words = f"Amount must be at least {forms.MIN_AMOUNT} cents."
        raise StripeFault(words, param="amount", code="amount_too_small")
    customer = forms.text(params, "customer")
    method_id = forms.text(params, "payment_method")
    confirmed, away = forms.flag(params, "confirm"), forms.flag(params, "off_session")
    if away and not confirmed:
        raise StripeFault("You cannot set off_session without confirm=true.", param="off_session")
    if confirmed and method_id is None:
        words = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise StripeFault(words, code="payment_intent_unexpected_state")
    if customer:
        living_customer(db, customer, status=400)
    method = _usable(db, method_id, customer) if method_id else None
    asked = {
        "metadata": forms.metadata(params),
        "description": forms.text(params, "description"),
        "receipt_email": forms.text(params, "receipt_email"),
        "setup_future_usage": forms.one_of(params, "setup_future_usage", ("off_session", "on_session")),
    }
    currency = forms.currency_of(params)
    intent = payment_intent(amount=amount, currency=currency, customer=customer, methods=["card"], asked=asked)
    if method is not None:
        intent |= {"payment_method": method.body["id"], "status": "requires_confirmation"}
    store.insert(db, intent)
    emit(db, "payment_intent.created", intent)
    if confirmed and method is not None:
        intent = _charge(db, intent, method, away=away)
    return expanded(db, intent, params)


def _confirm(db: sqlite3.Connection, intent_id: str, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, _CONFIRM)
    intent = found(db, "payment_intent", intent_id).body
    _refuse_checkouts_own(db, intent)
    if intent["status"] not in _CONFIRMABLE:
        raise _unexpected(intent, "confirm", _CONFIRMABLE)
    method_id = forms.text(params, "payment_method") or intent["payment_method"]
    if method_id is None:
        words = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise StripeFault(words, code="payment_intent_unexpected_state", more={"payment_intent": intent})
    method = _usable(db, method_id, intent["customer"])
    return expanded(db, _charge(db, intent, method, away=forms.flag(params, "off_session")), params)


def _cancel(db: sqlite3.Connection, intent_id: str, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, ("cancellation_reason", "expand"))
    reason = forms.one_of(params, "cancellation_reason", _REASONS)
    intent = found(db, "payment_intent", intent_id).body
    if intent["status"] not in _CANCELLABLE:
        raise _unexpected(intent, "cancel", _CANCELLABLE)
    _refuse_checkouts_own(db, intent)
    cancelled = intent | {
        "status": "canceled",
        "canceled_at": int(store.timestamp()),
        "cancellation_reason": reason,
        "next_action": None,
    }
    store.update(db, cancelled)
    emit(db, "payment_intent.canceled", cancelled)
    return expanded(db, cancelled, params)


def _usable(db: sqlite3.Connection, method_id: str, customer: str | None) -> store.Kept:
    kept = found(db, "payment_method", method_id, "payment_method", status=400)
    if kept.private.get("detached") or (kept.body["customer"] is None and customer is not None):
        raise StripeFault(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must "
            "attach it to a Customer first.",
            code="payment_method_unexpected_state",
        )
    if kept.body["customer"] != customer:
        raise StripeFault(
            f"The PaymentMethod {method_id} does not belong to the Customer that this PaymentIntent is for. Supply "
            "the customer that it is attached to.",
            param="payment_method",
        )
    return kept


def _charge(db: sqlite3.Connection, intent: dict[str, Any], method: store.Kept, *, away: bool) -> dict[str, Any]:
    match stripe_cards.behaviour_of(method):
        case Behaviour.OK:
            return stripe_charges.succeed(db, intent, method.body)
        case Behaviour.DECLINES:
            error = payment_error("card_declined", "Your card was declined.", "generic_decline")
        case Behaviour.AUTHENTICATION if away:
            words = "Your card was declined. This transaction requires authentication."
            error = payment_error("authentication_required", words, "authentication_required")
        case Behaviour.AUTHENTICATION:
            waiting = intent | {
                "status": "requires_action",
                "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
                "payment_method": method.body["id"],
            }
            store.update(db, waiting)
            emit(db, "payment_intent.requires_action", waiting)
            return waiting
    failed = stripe_charges.fail(db, intent, method.body, error)
    raise StripeFault(
        error["message"],
        status=402,
        code=error["code"],
        kind="card_error",
        begun=True,
        more={
            "charge": failed["latest_charge"],
            "decline_code": error["decline_code"],
            "payment_intent": failed,
            "payment_method": method.body,
        },
    )


def _refuse_checkouts_own(db: sqlite3.Connection, intent: dict[str, Any]) -> None:
    row = db.execute(
        "SELECT id FROM objects WHERE kind = 'checkout.session' AND json_extract(body, '$.payment_intent') = ?",
        (intent["id"],),
    ).fetchone()
    if row is not None:
        words = "This PaymentIntent was created by a Checkout Session. Expire the Checkout Session instead."
        raise StripeFault(words, code="payment_intent_unexpected_state", more={"payment_intent": intent})


def _unexpected(intent: dict[str, Any], verb: str, statuses: tuple[str, ...]) -> StripeFault:
    return StripeFault(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be {verb}ed: {', '.join(statuses)}.",
        code="payment_intent_unexpected_state",
        more={"payment_intent": intent},
    )
