"""Customers and their saved cards: entered on Stripe's own page, charged later while their owner is away.

Sources: https://docs.stripe.com/payments/save-and-reuse and https://docs.stripe.com/payments/checkout/save-and-reuse. A
card's number never comes near us: we keep Stripe's id of it and enough to tell it by.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from projectloom import limits
from projectloom.errors import CardRefused, InvalidEvent, PaymentUnavailable
from projectloom.payments.checkout import CheckoutFacts, intent_facts
from projectloom.payments.client import stripe_client
from projectloom.payments.fields import expandable, mapping, part, text

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, PaymentIntentListParams
    from stripe.params.checkout import SessionCreateParams

_PURPOSE = "saved_card"


@dataclass(frozen=True, slots=True)
class CardSetup:
    """What Stripe says of a page on which a card was to be entered."""

    session_id: str
    user_id: str
    customer_id: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card, as a person tells it by."""

    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class ChargeTerms:
    """One charge of a saved card."""

    order_id: str
    user_id: str
    customer_id: str
    payment_method_id: str
    price_cents: int
    credit_text: str
    description: str


async def create_customer(user_id: str, email: str) -> str:
    """Stripe's id of a new customer.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    async with stripe_client() as client:
        made = await client.v1.customers.create_async({"email": email, "metadata": {"userId": user_id}})
    return made.id


async def open_card_page(*, user_id: str, customer_id: str, success_url: str, cancel_url: str) -> tuple[str, str]:
    """Open Stripe's page for entering a card; the session's id and the page's address.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    metadata = {"userId": user_id, "purpose": _PURPOSE}
    params: dict[str, Any] = {
        "mode": "setup",
        "currency": "usd",
        "customer": customer_id,
        # Nothing but a card can be charged at once while its owner is away.
        "allowed_payment_method_types": ["card"],
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int(time.time()) + limits.CHECKOUT_LIFETIME_SECONDS,
    }
    async with stripe_client() as client:
        opened = await client.v1.checkout.sessions.create_async(cast("SessionCreateParams", params))
    if not opened.url:
        raise PaymentUnavailable(kind="no_url")
    return opened.id, opened.url


async def read_card(session_id: str) -> Card | None:
    """The card that was entered on a page; None when none was yet.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
        NotFound: Stripe knows no such session.
        InvalidEvent: what it sent is no card.
    """
    async with stripe_client() as client:
        found = await client.v1.checkout.sessions.retrieve_async(
            session_id, {"expand": ["setup_intent.payment_method"]}
        )
    session = found.to_dict()
    method = part(session, "setup_intent", "payment_method")
    if session.get("status") != "complete" or not method:
        return None
    try:
        card = mapping(method["card"])
        return Card(
            payment_method_id=text(method["id"]),
            brand=text(card["brand"]),
            last4=text(card["last4"]),
            exp_month=int(card["exp_month"]),
            exp_year=int(card["exp_year"]),
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent("Not a card") from None


async def forget_card(payment_method_id: str) -> None:
    """Have Stripe forget a card: it can never be charged again.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer. NotFound: it was forgotten before.
    """
    async with stripe_client() as client:
        await client.v1.payment_methods.detach_async(payment_method_id)


async def charge_card(terms: ChargeTerms) -> CheckoutFacts:
    """Charge a saved card for an order. The order's id is the idempotency key: repeating it charges nothing more.

    Raises:
        CardRefused: the card was declined, or its bank wants to see its owner. Nothing was charged.
        PaymentUnavailable: Stripe refused, failed or did not answer; the last two leave open what happened.
    """
    metadata = {"orderId": terms.order_id, "userId": terms.user_id, "creditsToAdd": terms.credit_text}
    params: dict[str, Any] = {
        "amount": terms.price_cents,
        "currency": "usd",
        "customer": terms.customer_id,
        "payment_method": terms.payment_method_id,
        "off_session": True,
        "confirm": True,
        "description": terms.description,
        "metadata": metadata,
        "expand": ["latest_charge"],
    }
    async with stripe_client() as client:
        from stripe import CardError  # noqa: PLC0415 - see sdk.py

        try:
            made = await client.v1.payment_intents.create_async(
                cast("PaymentIntentCreateParams", params), {"idempotency_key": f"auto:{terms.order_id}"}
            )
        except CardError as error:
            raise CardRefused(reason=error.code or "card_declined") from error
    return intent_facts(made.to_dict())


async def charges_since(moment: datetime, *, customer_id: str | None = None) -> AsyncGenerator[CheckoutFacts]:
    """What Stripe says of every payment that names an order of ours, made since a moment, of one customer or of all.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    params: PaymentIntentListParams = {
        "created": {"gte": int(moment.timestamp())},
        "limit": limits.STRIPE_PAGE_SIZE,
        "expand": ["data.latest_charge"],
    }
    if customer_id is not None:
        params["customer"] = customer_id
    async with stripe_client() as client:
        found = await client.v1.payment_intents.list_async(params)
        async for intent in found.auto_paging_iter():
            try:
                yield intent_facts(intent.to_dict())
            except InvalidEvent:
                continue


def card_setup(session: Mapping[str, Any]) -> CardSetup:
    """What a setup session says. Raises InvalidEvent when it is not one of ours, or lacks a part."""
    try:
        metadata = mapping(session["metadata"])
        customer_id = expandable(session["customer"])
        if metadata.get("purpose") != _PURPOSE or customer_id is None:
            raise InvalidEvent
        return CardSetup(
            session_id=text(session["id"]),
            user_id=text(metadata["userId"]),
            customer_id=customer_id,
            complete=session["status"] == "complete",
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None
