"""The inbox of Stripe's events: keep first, then act, in one transaction with the effect.

An event is stored once under Stripe's id, whatever becomes of it. One that could not be handled keeps its error and is
tried again, by ourselves with growing pauses and whenever Stripe sends it again. Kinds that we do not know are kept,
not failed.
"""

import logging
from datetime import timedelta

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.billing.cards import note_card_setup
from projectloom.billing.fulfillment import Fulfillment, fulfill_checkout
from projectloom.billing.models import StripeEvent
from projectloom.billing.reversals import note_reversal
from projectloom.clock import now
from projectloom.db import database_now, insert_once, reading, transaction
from projectloom.errors import DatabaseUnavailable, InvalidEvent, InvalidSignature, NotFound
from projectloom.instruments import WEBHOOK_EVENTS, WEBHOOK_LAG
from projectloom.mails.alerts import alert
from projectloom.payments import CardSetup, CheckoutFacts, SignedEvent, event_facts, read_event, verify_event

_log = logging.getLogger(__name__)

_BATCH = 100
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS = 20

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
    try:
        event = verify_event(body, signature)
    except InvalidSignature:
        WEBHOOK_EVENTS.labels("forged").inc()
        raise
    _keep(event)
    refusal = _try(event.id)
    if refusal is not None:
        raise refusal


def retry_events() -> int:
    """Handle again what could not be handled and is due; how many there were.

    Raises:
        DatabaseUnavailable: the database cannot be reached; nothing is lost, ask again.
    """
    with reading() as session:
        moment = database_now(session)
        query = (
            select(StripeEvent.id)
            .where(col(StripeEvent.handled_at).is_(None), col(StripeEvent.next_try_at) <= moment)
            .order_by(col(StripeEvent.next_try_at))
            .limit(_BATCH)
        )
        due = list(session.exec(query).all())
    for event_id in due:
        _try(event_id)
    return len(due)


def retry_event(event_id: str) -> None:
    """Handle one event again now, however often it failed. What came of it stands with the event.

    Raises:
        NotFound: there is no such event.
        DatabaseUnavailable: the database cannot be reached; nothing is lost, ask again.
    """
    with reading() as session:
        if session.get(StripeEvent, event_id) is None:
            raise NotFound("There is no such event.")
    _try(event_id)


def _keep(event: SignedEvent) -> None:
    moment = now()
    row = StripeEvent(
        id=event.id,
        type=event.type,
        livemode=event.livemode,
        payload=event.payload,
        received_at=moment,
        # Until it is handled it is due, so that a crash in between loses nothing.
        next_try_at=moment + _FIRST_PAUSE,
    )
    with transaction() as session:
        insert_once(session, StripeEvent, row.model_dump(), key=["id"])


def _try(event_id: str) -> InvalidEvent | None:
    try:
        with transaction() as session:
            return _handle(session, event_id)
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - kept with the event and logged; it is tried again
        WEBHOOK_EVENTS.labels("postponed").inc()
        _log.exception("event could not be handled", extra={"event_id": event_id})
        _postpone(event_id, type(error).__name__)
        return None


def _handle(session: Session, event_id: str) -> InvalidEvent | None:
    kept = session.get_one(StripeEvent, event_id, with_for_update=True)
    if kept.handled_at is not None:
        return None
    session.add(kept)
    try:
        event = read_event(kept.payload)
        facts = event_facts(event)
    except InvalidEvent as refusal:
        WEBHOOK_EVENTS.labels("refused").inc()
        _alert_refused(session, kept, refusal)
        kept.error, kept.next_try_at = refusal.message, None
        return refusal
    kept.error = None
    if isinstance(facts, CheckoutFacts):
        kept.error = _NOTES.get(fulfill_checkout(session, facts))
    elif isinstance(facts, CardSetup):
        note_card_setup(session, facts)
    elif facts is not None:
        note_reversal(session, facts)
    kept.handled_at, kept.next_try_at = now(), None
    WEBHOOK_EVENTS.labels("handled" if kept.error is None else "set_aside").inc()
    if event.created is not None:
        WEBHOOK_LAG.observe(max(kept.handled_at.timestamp() - event.created, 0))
    return None


def _alert_refused(session: Session, kept: StripeEvent, refusal: InvalidEvent) -> None:
    # Once a day for a kind of event: whoever sells other things through the same account gets one for each of those.
    alert(
        session,
        key=f"event_refused:{kept.type}:{now():%Y-%m-%d}",
        subject="An event of Stripe's could not be read",
        words=(
            f"The event {kept.id} ({kept.type}) lacks what we need: {refusal.message}. It is kept and was refused. "
            "Others of its kind may follow today; they are not told one by one."
        ),
    )


def _postpone(event_id: str, error: str) -> None:
    with transaction() as session:
        kept = session.get_one(StripeEvent, event_id, with_for_update=True)
        if kept.handled_at is None:
            kept.attempts += 1
            kept.error = error
            pause = min(_FIRST_PAUSE * 2 ** min(kept.attempts, _DOUBLINGS), _LONGEST_PAUSE)
            kept.next_try_at = now() + pause
            session.add(kept)
            if kept.attempts >= limits.EVENT_TRIES_TO_ALERT:
                alert(
                    session,
                    key=f"event_stuck:{kept.id}",
                    subject="An event of Stripe's cannot be handled",
                    words=f"The event {kept.id} ({kept.type}) failed {kept.attempts} times: {error}. We keep trying.",
                )
