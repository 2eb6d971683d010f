"""Stripe Checkout: sessions, and what they and their payments say of our orders.

Source: https://docs.stripe.com/checkout/fulfillment. A session's metadata does not reach its PaymentIntent, so both are
given it.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from projectloom import limits
from projectloom.errors import InvalidEvent, PaymentUnavailable
from projectloom.payments.client import stripe_client
from projectloom.payments.fields import address, cents, expandable, optional, order_id, part, text

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams, SessionListParams

# What Stripe sends along when it is asked for a session: the receipt stands on the charge.
_LINKS = ("payment_intent.latest_charge", "invoice")


@dataclass(frozen=True, slots=True)
class CheckoutTerms:
    """What is offered for sale in one Checkout Session."""

    order_id: str
    user_id: str
    customer_id: str
    price_cents: int
    credit_text: str
    """What arrives, in dollars, as Stripe's pages show it."""
    product_name: str
    product_description: str
    success_url: str
    cancel_url: str
    discountable: bool = False
    """Whether a promotion code may be entered."""
    taxed: bool = False
    """Whether Stripe adds tax to the price."""
    invoiced: bool = False
    """Whether Stripe makes an invoice of it."""


@dataclass(frozen=True, slots=True)
class CheckoutFacts:
    """What Stripe says of one order's payment, whichever object said it."""

    order_id: str
    session_id: str | None
    payment_intent_id: str | None
    paid: bool
    """Money has arrived, or none was asked for because a promotion code took it all off."""
    waiting: bool
    """The person did their part and the bank has yet to confirm."""
    failed: bool
    """The payment was refused."""
    expired: bool
    """The session can no longer be paid."""
    subtotal_cents: int
    """Price before tax and discounts."""
    total_cents: int
    """What the person paid or is to pay."""
    currency: str
    livemode: bool
    url: str | None = None
    discount_cents: int = 0
    """What a promotion code took off the price."""
    tax_cents: int = 0
    """What of the total is tax."""
    customer_id: str | None = None
    receipt_url: str | None = None
    invoice_url: str | None = None
    refusal: str | None = None
    """Stripe's code for why the last attempt was refused, where one was."""


async def create_session(terms: CheckoutTerms) -> CheckoutFacts:
    """Open a Checkout Session for an order. The order's id is the idempotency key: repeating it opens no second one.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer within the named limits.
    """
    metadata = {"orderId": terms.order_id, "userId": terms.user_id, "creditsToAdd": terms.credit_text}
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": terms.order_id,
        "customer": terms.customer_id,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": terms.price_cents,
                    "tax_behavior": "exclusive",
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
    if terms.discountable:
        params["allow_promotion_codes"] = True
    if terms.taxed:
        params |= {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    if terms.invoiced:
        params["invoice_creation"] = {"enabled": True}
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
        found = await client.v1.checkout.sessions.retrieve_async(session_id, {"expand": list(_LINKS)})
    return session_facts(found.to_dict())


async def sessions_since(moment: datetime) -> AsyncGenerator[CheckoutFacts]:
    """What Stripe says of every session of ours that was opened since a moment. Others' sessions are left out.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    params: SessionListParams = {
        "created": {"gte": int(moment.timestamp())},
        "limit": limits.STRIPE_PAGE_SIZE,
        "expand": [f"data.{link}" for link in _LINKS],
    }
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
        sums, total, done = part(session, "total_details"), cents(session["amount_total"]), status == "complete"
        return CheckoutFacts(
            order_id=order_id(session.get("metadata")),
            session_id=text(session["id"]),
            payment_intent_id=expandable(session.get("payment_intent")),
            # Stripe also says that no payment is required where one is only put off.
            paid=payment_status == "paid" or (payment_status == "no_payment_required" and done and total == 0),
            waiting=payment_status == "unpaid" and done,
            failed=False,
            expired=status == "expired",
            subtotal_cents=cents(session["amount_subtotal"]),
            total_cents=total,
            currency=text(session["currency"]).lower(),
            livemode=session.get("livemode") is True,
            url=session.get("url"),
            discount_cents=cents(sums.get("amount_discount") or 0),
            tax_cents=cents(sums.get("amount_tax") or 0),
            customer_id=expandable(session.get("customer")),
            receipt_url=address(part(session, "payment_intent", "latest_charge").get("receipt_url")),
            invoice_url=address(part(session, "invoice").get("hosted_invoice_url")),
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None


def intent_facts(intent: Mapping[str, Any]) -> CheckoutFacts:
    """What a PaymentIntent says. Raises InvalidEvent as :func:`session_facts`."""
    try:
        status = text(intent["status"])
        paid = status == "succeeded"
        total = cents(intent["amount_received" if paid else "amount"])
        return CheckoutFacts(
            order_id=order_id(intent.get("metadata")),
            session_id=None,
            payment_intent_id=text(intent["id"]),
            paid=paid,
            waiting=status == "processing",
            failed=status in ("requires_payment_method", "canceled"),
            expired=False,
            subtotal_cents=total,
            total_cents=total,
            currency=text(intent["currency"]).lower(),
            livemode=intent.get("livemode") is True,
            customer_id=expandable(intent.get("customer")),
            receipt_url=address(part(intent, "latest_charge").get("receipt_url")),
            refusal=optional(part(intent, "last_payment_error").get("code")),
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None
