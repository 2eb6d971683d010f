"""Stripe Checkout: sessions, and what they and their payments say of our orders.

Source: https://docs.stripe.com/checkout/fulfillment. A session's metadata does not reach its PaymentIntent, so both are
given it.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from stripe.params.checkout import SessionCreateParams, SessionListParams

from projectloom import limits
from projectloom.errors import InvalidEvent, PaymentUnavailable
from projectloom.payments.client import stripe_client
from projectloom.payments.fields import cents, expandable, order_id, text


@dataclass(frozen=True, slots=True)
class CheckoutTerms:
    """What is offered for sale in one Checkout Session."""

    order_id: str
    user_id: str
    email: str
    price_cents: int
    credit_usd: int
    product_name: str
    product_description: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class CheckoutFacts:
    """What Stripe says of one order's payment, whichever object said it."""

    order_id: str
    session_id: str | None
    payment_intent_id: str | None
    paid: bool
    """Money has arrived."""
    waiting: bool
    """The person did their part and the bank has yet to confirm."""
    failed: bool
    """A delayed payment was refused."""
    expired: bool
    """The session can no longer be paid."""
    subtotal_cents: int
    """Price before tax and discounts."""
    total_cents: int
    """What the person paid or is to pay."""
    currency: str
    livemode: bool
    url: str | None = None


async def create_session(terms: CheckoutTerms) -> CheckoutFacts:
    """Open a Checkout Session for an order. The order's id is the idempotency key: repeating it opens no second one.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer within the named limits.
    """
    metadata = {"orderId": terms.order_id, "userId": terms.user_id, "creditsToAdd": str(terms.credit_usd)}
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": terms.order_id,
        "customer_email": terms.email,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": terms.price_cents,
                    "product_data": {"name": terms.product_name, "description": terms.product_description},
                },
            }
        ],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata, "description": terms.product_name},
        "success_url": terms.success_url,
        "cancel_url": terms.cancel_url,
        "adaptive_pricing": {"enabled": False},
        "expires_at": int(time.time()) + limits.CHECKOUT_LIFETIME_SECONDS,
    }
    async with stripe_client() as client:
        created = await client.v1.checkout.sessions.create_async(
            cast("SessionCreateParams", params), {"idempotency_key": f"checkout:{terms.order_id}"}
        )
    facts = session_facts(created.to_dict())
    if not facts.url:
        raise PaymentUnavailable(kind="no_url")
    return facts


async def retrieve_session(session_id: str) -> CheckoutFacts:
    """What Stripe says of a session now.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
        NotFound: Stripe knows no such session.
        InvalidEvent: the session is not one of our orders.
    """
    async with stripe_client() as client:
        found = await client.v1.checkout.sessions.retrieve_async(session_id)
    return session_facts(found.to_dict())


async def sessions_since(moment: datetime) -> AsyncGenerator[CheckoutFacts]:
    """What Stripe says of every session of ours that was opened since a moment. Others' sessions are left out.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    params: SessionListParams = {"created": {"gte": int(moment.timestamp())}, "limit": limits.STRIPE_PAGE_SIZE}
    async with stripe_client() as client:
        found = await client.v1.checkout.sessions.list_async(params)
        async for session in found.auto_paging_iter():
            try:
                yield session_facts(session.to_dict())
            except InvalidEvent:
                continue


def session_facts(session: Mapping[str, Any]) -> CheckoutFacts:
    """What a Checkout Session says. Raises InvalidEvent when it is not one of our orders, or lacks a part."""
    try:
        payment_status, status = text(session["payment_status"]), text(session["status"])
        return CheckoutFacts(
            order_id=order_id(session.get("metadata")),
            session_id=text(session["id"]),
            payment_intent_id=expandable(session.get("payment_intent")),
            paid=payment_status == "paid",
            waiting=payment_status == "unpaid" and status == "complete",
            failed=False,
            expired=status == "expired",
            subtotal_cents=cents(session["amount_subtotal"]),
            total_cents=cents(session["amount_total"]),
            currency=text(session["currency"]).lower(),
            livemode=session.get("livemode") is True,
            url=session.get("url"),
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None


def intent_facts(intent: Mapping[str, Any]) -> CheckoutFacts:
    """What a PaymentIntent says. Raises InvalidEvent as :func:`session_facts`."""
    try:
        received = cents(intent["amount_received"])
        return CheckoutFacts(
            order_id=order_id(intent.get("metadata")),
            session_id=None,
            payment_intent_id=text(intent["id"]),
            paid=intent["status"] == "succeeded",
            waiting=False,
            failed=False,
            expired=False,
            subtotal_cents=received,
            total_cents=received,
            currency=text(intent["currency"]).lower(),
            livemode=intent.get("livemode") is True,
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None
