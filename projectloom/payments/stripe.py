"""Stripe Checkout through the official SDK (API 2026-10-28): sessions, and signed events.

Sources: https://docs.stripe.com/checkout/fulfillment and https://docs.stripe.com/webhooks/signatures. Cents exist only
here; a session's metadata does not reach its PaymentIntent, so both are given it.
"""

import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import stripe
from stripe import HTTPXClient, SignatureVerificationError, StripeClient, StripeError, WebhookSignature
from stripe.params.checkout import SessionCreateParams

from projectloom import config
from projectloom.config import settings
from projectloom.errors import InvalidEvent, InvalidSignature, NotFound, PaymentUnavailable

STRIPE_API_VERSION = "2026-10-28.endive"

SESSION_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
)
INTENT_EVENTS = frozenset({"payment_intent.succeeded"})

# Stripe's ids and kinds of event are shorter (https://docs.stripe.com/upgrades).
_MAX_TEXT_CHARS = 255
_TIMESTAMP = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")

stripe.enable_telemetry = False


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


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A webhook event whose signature was verified."""

    id: str
    type: str
    livemode: bool
    payload: str
    """The raw body."""
    object: Mapping[str, Any]


@asynccontextmanager
async def _client() -> AsyncGenerator[StripeClient]:
    key, base, _ = settings().stripe()
    if not key:
        raise PaymentUnavailable("This server does not sell credits.")
    http = HTTPXClient(timeout=config.STRIPE_TIMEOUT_SECONDS)
    try:
        yield StripeClient(
            key,
            stripe_version=STRIPE_API_VERSION,
            base_addresses={"api": base} if base else None,
            max_network_retries=config.STRIPE_MAX_RETRIES,
            http_client=http,
        )
    finally:
        await http.close_async()


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
        "expires_at": int(time.time()) + config.CHECKOUT_LIFETIME_SECONDS,
    }
    try:
        async with _client() as client:
            created = await client.v1.checkout.sessions.create_async(
                cast("SessionCreateParams", params), {"idempotency_key": f"checkout:{terms.order_id}"}
            )
    except StripeError as error:
        raise PaymentUnavailable(kind=type(error).__name__, status=error.http_status) from error
    facts = _session_facts(created.to_dict())
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
    try:
        async with _client() as client:
            found = await client.v1.checkout.sessions.retrieve_async(session_id)
    except StripeError as error:
        if error.http_status == 404:
            raise NotFound from error
        raise PaymentUnavailable(kind=type(error).__name__, status=error.http_status) from error
    return _session_facts(found.to_dict())


def verify_event(body: bytes, signature: str | None) -> SignedEvent:
    """A webhook's event, once its signature is verified against any of the configured secrets.

    Raises:
        InvalidSignature: no signature, a wrong one, too old or too far ahead, or a body that is not text.
        InvalidEvent: signed, but not an event.
    """
    try:
        payload = body.decode()
    except UnicodeDecodeError:
        raise InvalidSignature from None
    _check_signature(payload, signature)
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        raise InvalidEvent("Not JSON") from None
    try:
        return SignedEvent(
            id=_text(event["id"]),
            type=_text(event["type"]),
            livemode=event.get("livemode") is True,
            payload=payload,
            object=_mapping(event["data"]["object"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InvalidEvent("Not an event") from None


def _check_signature(payload: str, signature: str | None) -> None:
    stamp = _TIMESTAMP.search(signature or "")
    if signature is None or not signature.isascii() or stamp is None:
        raise InvalidSignature
    # The SDK checks that a signature is not too old, but takes one from any future.
    if int(stamp.group(1)) > time.time() + config.STRIPE_SIGNATURE_TOLERANCE_SECONDS:
        raise InvalidSignature
    for secret in settings().stripe()[2]:
        try:
            WebhookSignature.verify_header(  # pyright: ignore[reportUnknownMemberType] - its tolerance is untyped
                payload, signature, secret, config.STRIPE_SIGNATURE_TOLERANCE_SECONDS
            )
        except SignatureVerificationError:
            continue
        return
    raise InvalidSignature


def event_facts(event: SignedEvent) -> CheckoutFacts | None:
    """What an event says of an order's payment; None when it is of a kind that says nothing.

    Raises:
        InvalidEvent: of the right kind, but without our metadata or a part that we need.
    """
    if event.type in SESSION_EVENTS:
        facts = _session_facts(event.object)
        # A session by itself does not tell a payment that is on its way from one that was refused.
        refused = event.type == "checkout.session.async_payment_failed"
        return replace(facts, failed=True, waiting=False) if refused else facts
    if event.type in INTENT_EVENTS:
        return _intent_facts(event.object)
    return None


def _session_facts(session: Mapping[str, Any]) -> CheckoutFacts:
    try:
        payment_status, status = _text(session["payment_status"]), _text(session["status"])
        return CheckoutFacts(
            order_id=_order_id(session.get("metadata")),
            session_id=_text(session["id"]),
            payment_intent_id=_expandable(session.get("payment_intent")),
            paid=payment_status == "paid",
            waiting=payment_status == "unpaid" and status == "complete",
            failed=False,
            expired=status == "expired",
            subtotal_cents=_cents(session["amount_subtotal"]),
            total_cents=_cents(session["amount_total"]),
            currency=_text(session["currency"]).lower(),
            livemode=session.get("livemode") is True,
            url=session.get("url"),
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None


def _intent_facts(intent: Mapping[str, Any]) -> CheckoutFacts:
    try:
        received = _cents(intent["amount_received"])
        return CheckoutFacts(
            order_id=_order_id(intent.get("metadata")),
            session_id=None,
            payment_intent_id=_text(intent["id"]),
            paid=intent["status"] == "succeeded",
            waiting=False,
            failed=False,
            expired=False,
            subtotal_cents=received,
            total_cents=received,
            currency=_text(intent["currency"]).lower(),
            livemode=intent.get("livemode") is True,
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent from None


def _order_id(metadata: object) -> str:
    return _text(_mapping(metadata)["orderId"])


def _expandable(value: object) -> str | None:
    if isinstance(value, Mapping):
        return _text(cast("Mapping[str, Any]", value)["id"])
    return None if value is None else _text(value)


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return cast("Mapping[str, Any]", value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARS or "\x00" in value:
        raise TypeError("not a text")
    # JSON can spell halves of surrogate pairs, which no database takes; this raises a ValueError.
    value.encode()
    return value


def _cents(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not an amount")
    return value
