"""What happens to a checkout session: it is confirmed, declined, answered by the bank, or expires.

Each step is one transaction that changes the session and its intent, and queues the events that Stripe would send. A
session is paid at most once, whatever arrives at the same moment.
"""

import sqlite3
from enum import StrEnum
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.stripe_objects import customer_details, event, payment_error, payment_intent

BANK_ANSWER_SECONDS = 4.0


class Outcome(StrEnum):
    """What a buyer can do on the page."""

    PAID = "paid"
    DECLINED = "declined"
    CANCEL = "cancel"
    LATER_PAID = "later_paid"
    """A delayed method: the session completes unpaid, and the bank confirms after a while."""
    LATER_FAILED = "later_failed"
    """The same, but the bank refuses."""


def emit(db: sqlite3.Connection, kind: str, subject: dict[str, Any]) -> None:
    """Queue an event that carries the subject as it is at this moment."""
    moment = store.timestamp()
    made = event(kind, subject, created=int(moment))
    store.insert(db, made)
    db.execute("INSERT INTO deliveries (event_id, next_attempt_at) VALUES (?, ?)", (made["id"], moment))


def find_session(db: sqlite3.Connection, session_id: str) -> store.Kept | None:
    """The session, expired first if its time is over."""
    expire_due(db)
    return store.find(db, "checkout.session", session_id)


def expire_due(db: sqlite3.Connection) -> None:
    """Expire every open session past its time."""
    for kept in store.expired_sessions(db, store.timestamp()):
        expire(db, kept.body)


def expire(db: sqlite3.Connection, session: dict[str, Any]) -> dict[str, Any]:
    """Close an open session that nobody paid."""
    session = session | {"status": "expired", "url": None}
    store.update(db, session)
    emit(db, "checkout.session.expired", session)
    return session


def act(db: sqlite3.Connection, kept: store.Kept, outcome: Outcome) -> dict[str, Any]:
    """Do to an open session what the buyer chose, and return it as it is then.

    The caller holds the transaction in which it saw the session open.
    """
    match outcome:
        case Outcome.CANCEL:
            return kept.body
        case Outcome.DECLINED:
            return _decline(db, kept)
        case Outcome.PAID:
            return _pay(db, kept)
        case Outcome.LATER_PAID | Outcome.LATER_FAILED:
            return _ask_the_bank(db, kept, confirmed=outcome is Outcome.LATER_PAID)


def settle_bank_answers(db: sqlite3.Connection) -> None:
    """Give every bank answer that is due."""
    moment = store.timestamp()
    due = db.execute("SELECT session_id, confirmed FROM bank_answers WHERE due_at <= ?", (moment,))
    for row in due.fetchall():
        db.execute("DELETE FROM bank_answers WHERE session_id = ?", (row["session_id"],))
        kept = store.find(db, "checkout.session", row["session_id"])
        if kept is None:
            raise RuntimeError(f"a bank answer for no session: {row['session_id']}")
        _hear_from_the_bank(db, kept, confirmed=bool(row["confirmed"]))


def _intent_of(db: sqlite3.Connection, kept: store.Kept) -> dict[str, Any]:
    if kept.body["payment_intent"]:
        found = store.find(db, "payment_intent", kept.body["payment_intent"])
        if found is None:
            raise RuntimeError(f"session {kept.body['id']} names an intent that is not there")
        return found.body
    made = payment_intent(kept.body, created=int(store.timestamp()), asked=kept.private.get("payment_intent_data", {}))
    store.insert(db, made)
    return made


def _pay(db: sqlite3.Connection, kept: store.Kept) -> dict[str, Any]:
    intent = _succeeded(_intent_of(db, kept), method="pm_card_visa")
    session = _completed(kept.body, intent) | {"payment_status": "paid"}
    store.update(db, intent)
    store.update(db, session)
    emit(db, "payment_intent.succeeded", intent)
    emit(db, "checkout.session.completed", session)
    return session


def _decline(db: sqlite3.Connection, kept: store.Kept) -> dict[str, Any]:
    error = payment_error("card_declined", "Your card was declined.", "generic_decline")
    intent = _intent_of(db, kept) | {"status": "requires_payment_method", "last_payment_error": error}
    session = kept.body | {"payment_intent": intent["id"]}
    store.update(db, intent)
    store.update(db, session)
    emit(db, "payment_intent.payment_failed", intent)
    return session


def _ask_the_bank(db: sqlite3.Connection, kept: store.Kept, *, confirmed: bool) -> dict[str, Any]:
    intent = _intent_of(db, kept) | {
        "status": "processing",
        "last_payment_error": None,
        "payment_method": "pm_us_bank_account",
    }
    session = _completed(kept.body, intent)
    store.update(db, intent)
    store.update(db, session)
    db.execute(
        "INSERT INTO bank_answers VALUES (?, ?, ?)",
        (session["id"], confirmed, store.timestamp() + BANK_ANSWER_SECONDS),
    )
    emit(db, "payment_intent.processing", intent)
    emit(db, "checkout.session.completed", session)
    return session


def _hear_from_the_bank(db: sqlite3.Connection, kept: store.Kept, *, confirmed: bool) -> None:
    intent = _intent_of(db, kept)
    if confirmed:
        intent = _succeeded(intent, method="pm_us_bank_account")
        session = kept.body | {"payment_status": "paid"}
        kinds = ("payment_intent.succeeded", "checkout.session.async_payment_succeeded")
    else:
        error = payment_error("payment_intent_payment_attempt_failed", "The bank refused the payment.")
        intent = intent | {"status": "requires_payment_method", "last_payment_error": error, "payment_method": None}
        session = kept.body
        kinds = ("payment_intent.payment_failed", "checkout.session.async_payment_failed")
    store.update(db, intent)
    store.update(db, session)
    emit(db, kinds[0], intent)
    emit(db, kinds[1], session)


def _succeeded(intent: dict[str, Any], *, method: str) -> dict[str, Any]:
    return intent | {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "payment_method": method,
    }


def _completed(session: dict[str, Any], intent: dict[str, Any]) -> dict[str, Any]:
    email = session["customer_email"] or "sandbox@example.com"
    return session | {
        "status": "complete",
        "payment_intent": intent["id"],
        "customer_details": customer_details(email) | {"name": "Sandbox Buyer"},
        "url": None,
    }
