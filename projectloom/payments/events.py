"""Stripe's events: verified first, then read.

Source: https://docs.stripe.com/webhooks/signatures.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from projectloom import limits
from projectloom.config import settings
from projectloom.errors import InvalidEvent, InvalidSignature
from projectloom.payments.cards import CardSetup, card_setup
from projectloom.payments.checkout import CheckoutFacts, intent_facts, session_facts
from projectloom.payments.fields import mapping, part, text
from projectloom.payments.reversals import ReversalFacts, dispute_facts, refund_facts

SESSION_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
)
INTENT_EVENTS = frozenset({"payment_intent.succeeded"})
# What was refused without our order's id on it is nobody's loss, and no reason to complain to Stripe.
REFUSED_INTENT_EVENTS = frozenset({"payment_intent.payment_failed", "payment_intent.canceled"})

REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
DISPUTE_EVENTS = frozenset(
    {
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    }
)

_TIMESTAMP = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A webhook event whose signature was verified."""

    id: str
    type: str
    livemode: bool
    payload: str
    """The raw body."""
    object: Mapping[str, Any]
    created: int | None = None
    """When Stripe made it, in seconds; None where it does not say."""


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
    return read_event(payload)


def read_event(payload: str) -> SignedEvent:
    """An event whose signature was verified when it came. Raises InvalidEvent when it is none."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        raise InvalidEvent("Not JSON") from None
    try:
        return SignedEvent(
            id=text(event["id"]),
            type=text(event["type"]),
            livemode=event.get("livemode") is True,
            payload=payload,
            object=mapping(event["data"]["object"]),
            created=event["created"] if type(event.get("created")) is int else None,
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InvalidEvent("Not an event") from None


def _check_signature(payload: str, signature: str | None) -> None:
    stamp = _TIMESTAMP.search(signature or "")
    if signature is None or not signature.isascii() or stamp is None:
        raise InvalidSignature
    # The SDK checks that a signature is not too old, but takes one from any future.
    if int(stamp.group(1)) > time.time() + limits.STRIPE_SIGNATURE_TOLERANCE_SECONDS:
        raise InvalidSignature
    from stripe import SignatureVerificationError, WebhookSignature  # noqa: PLC0415 - see sdk.py

    for secret in settings().stripe()[2]:
        try:
            WebhookSignature.verify_header(  # pyright: ignore[reportUnknownMemberType] - its tolerance is untyped
                payload, signature, secret, limits.STRIPE_SIGNATURE_TOLERANCE_SECONDS
            )
        except SignatureVerificationError:
            continue
        return
    raise InvalidSignature


def event_facts(event: SignedEvent) -> CheckoutFacts | ReversalFacts | CardSetup | None:
    """What an event says of a payment, its return or a saved card; None when it is of a kind that says nothing.

    Raises:
        InvalidEvent: of the right kind, but without our metadata or a part that we need.
    """
    if event.type in SESSION_EVENTS and event.object.get("mode") == "setup":
        return card_setup(event.object)
    if event.type in SESSION_EVENTS:
        facts = session_facts(event.object)
        # A session by itself does not tell a payment that is on its way from one that was refused.
        refused = event.type == "checkout.session.async_payment_failed"
        return replace(facts, failed=True, waiting=False) if refused else facts
    if event.type in INTENT_EVENTS or (event.type in REFUSED_INTENT_EVENTS and _names_an_order(event.object)):
        return intent_facts(event.object)
    if event.type in REFUND_EVENTS:
        return refund_facts(event.object)
    if event.type in DISPUTE_EVENTS:
        return dispute_facts(event.object, kind=event.type)
    return None


def _names_an_order(intent: Mapping[str, Any]) -> bool:
    return "orderId" in part(intent, "metadata")
