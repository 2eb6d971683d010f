"""The inbox of Stripe's events: keep first, then act, in one transaction with the effect.

An event is stored once under Stripe's id. Handled events are answered at once; an event that could not be handled keeps
its error and is tried again when Stripe sends it again. Kinds that we do not know are kept, not failed.
"""

import logging

from sqlmodel import Session

from projectloom.billing.fulfillment import Fulfillment, fulfill_checkout
from projectloom.billing.models import StripeEvent
from projectloom.clock import now
from projectloom.db import insert_once, transaction
from projectloom.errors import InvalidEvent
from projectloom.payments import SignedEvent, event_facts, verify_event

_log = logging.getLogger(__name__)

_NOTES = {
    Fulfillment.SET_ASIDE: "set aside: differs from the order",
    Fulfillment.UNKNOWN: "not one of our orders",
}


def receive_event(body: bytes, signature: str | None) -> None:
    """Verify, keep and handle one delivery. Returning means that it is durably recorded.

    Raises:
        InvalidSignature: not from Stripe; nothing was written.
        InvalidEvent: from Stripe, but without what we need. It is kept, with this as its error, if it has an id.
        DatabaseUnavailable: not recorded; Stripe must send it again.
    """
    event = verify_event(body, signature)
    with transaction() as session:
        refusal = _keep_and_handle(session, event)
    if refusal is not None:
        raise refusal


def _keep_and_handle(session: Session, event: SignedEvent) -> InvalidEvent | None:
    row = StripeEvent(
        id=event.id,
        type=event.type,
        livemode=event.livemode,
        payload=event.payload,
        received_at=now(),
    )
    insert_once(session, StripeEvent, row.model_dump(), key=["id"])
    kept = session.get_one(StripeEvent, event.id, with_for_update=True)
    if kept.handled_at is not None:
        return None
    try:
        facts = event_facts(event)
    except InvalidEvent as refusal:
        _log.error("event without our metadata", extra={"event_id": event.id, "event_type": event.type})
        kept.error = refusal.message
        session.add(kept)
        return refusal
    kept.error = _NOTES.get(fulfill_checkout(session, facts)) if facts else None
    kept.handled_at = now()
    session.add(kept)
    return None
