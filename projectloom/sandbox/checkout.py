"""What happens to a checkout session: it is confirmed, declined, answered by the bank, or expires.

Each step is one transaction that changes the session and its intent, and queues the events that Stripe would send. A
session is paid at most once, whatever arrives at the same moment.
"""

import sqlite3
from enum import StrEnum
from typing import Any

from projectloom.sandbox import store, stripe_cards, stripe_charges, stripe_invoices, stripe_setups
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import Kept
from projectloom.sandbox.stripe_cards import Behaviour
from projectloom.sandbox.stripe_customers import living_customer, new_customer
from projectloom.sandbox.stripe_lists import found
from projectloom.sandbox.stripe_objects import customer_details, payment_error, payment_intent

BANK_ANSWER_SECONDS = 4.0
_SESSION = "checkout.session"
_NAME = "Sandbox Buyer"
_ADDRESS = {
    "city": "San Francisco",
    "country": "US",
    "line1": "1 Sandbox Street",
    "line2": None,
    "postal_code": "94103",
    "state": "CA",
}
"""What the buyer fills in where the page asks for it, which this one does without showing it."""


class Outcome(StrEnum):
    """What a buyer can do on the page."""

    PAID = "paid"
    DECLINED = "declined"
    CANCEL = "cancel"
    LATER_PAID = "later_paid"
    """A delayed method: the session completes unpaid, and the bank confirms after a while."""
    LATER_FAILED = "later_failed"
    """The same, but the bank refuses."""
    SAVED = "saved"
    """A card is saved for later and nothing is paid."""


_BY_METHOD = {
    "card": frozenset({Outcome.PAID, Outcome.DECLINED}),
    "us_bank_account": frozenset({Outcome.LATER_PAID, Outcome.LATER_FAILED}),
}


def find_session(db: sqlite3.Connection, session_id: str) -> Kept | None:
    """The session, expired first if its time is over."""
    expire_due(db)
    return store.find(db, _SESSION, session_id)


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


def saves_card(kept: Kept) -> bool:
    """Whether the card that is used will be kept for later charges."""
    return kept.private["payment_intent_data"].get("setup_future_usage") == "off_session"


def possible(session: dict[str, Any]) -> frozenset[Outcome]:
    """What a buyer can do with an open session."""
    if session["mode"] == "setup":
        return frozenset({Outcome.SAVED, Outcome.CANCEL})
    if not session["amount_total"]:
        return frozenset({Outcome.PAID, Outcome.CANCEL})
    offered = [_BY_METHOD[kind] for kind in session["payment_method_types"]]
    return frozenset({Outcome.CANCEL}).union(*offered)


def act(db: sqlite3.Connection, kept: Kept, outcome: Outcome, card: Behaviour = Behaviour.OK) -> dict[str, Any]:
    """Do to an open session what the buyer chose, and return it as it is then; ``card`` is how a saved one behaves.

    The caller holds the transaction in which it saw the session open.
    """
    match outcome:
        case Outcome.CANCEL:
            return kept.body
        case Outcome.DECLINED:
            return _decline(db, kept)
        case Outcome.PAID:
            return _pay(db, kept, card)
        case Outcome.SAVED:
            return _save(db, kept, card)
        case Outcome.LATER_PAID | Outcome.LATER_FAILED:
            return _ask_the_bank(db, kept, confirmed=outcome is Outcome.LATER_PAID)


def settle_bank_answers(db: sqlite3.Connection) -> None:
    """Give every bank answer that is due."""
    moment = store.timestamp()
    due = db.execute("SELECT session_id, confirmed FROM bank_answers WHERE due_at <= ?", (moment,))
    for row in due.fetchall():
        db.execute("DELETE FROM bank_answers WHERE session_id = ?", (row["session_id"],))
        _hear_from_the_bank(db, found(db, _SESSION, row["session_id"]), confirmed=bool(row["confirmed"]))


def _pay(db: sqlite3.Connection, kept: Kept, card: Behaviour) -> dict[str, Any]:
    kept, customer = _with_customer(db, kept)
    if not kept.body["amount_total"]:
        session = _completed(kept.body, None) | {"payment_status": "no_payment_required"}
    else:
        intent = _intent_of(db, kept)
        saved = customer["id"] if customer and saves_card(kept) else None
        method = stripe_cards.new_card(db, email=_email(kept.body), customer=saved, behaviour=card)
        intent = stripe_charges.succeed(db, intent, method)
        session = _completed(kept.body, intent) | {"payment_status": "paid"}
    session = _invoiced(db, Kept(kept.seq, session, kept.private), customer)
    store.update(db, session)
    emit(db, "checkout.session.completed", session)
    return session


def _save(db: sqlite3.Connection, kept: Kept, card: Behaviour) -> dict[str, Any]:
    kept, customer = _with_customer(db, kept)
    intent = stripe_setups.succeed(
        db, kept, customer=customer["id"] if customer else None, email=_email(kept.body), behaviour=card
    )
    session = _completed(kept.body, None) | {"setup_intent": intent["id"]}
    store.update(db, session)
    emit(db, "checkout.session.completed", session)
    return session


def _decline(db: sqlite3.Connection, kept: Kept) -> dict[str, Any]:
    error = payment_error("card_declined", "Your card was declined.", "generic_decline")
    intent = _intent_of(db, kept)
    stripe_charges.fail(db, intent, stripe_cards.new_card(db, email=_email(kept.body)), error)
    session = kept.body | {"payment_intent": intent["id"]}
    store.update(db, session)
    return session


def _ask_the_bank(db: sqlite3.Connection, kept: Kept, *, confirmed: bool) -> dict[str, Any]:
    kept, _ = _with_customer(db, kept)
    method = stripe_cards.new_bank_account(db, email=_email(kept.body))
    session = _completed(kept.body, stripe_charges.wait(db, _intent_of(db, kept), method))
    store.update(db, session)
    due = store.timestamp() + BANK_ANSWER_SECONDS
    db.execute("INSERT INTO bank_answers VALUES (?, ?, ?)", (session["id"], confirmed, due))
    emit(db, "checkout.session.completed", session)
    return session


def _hear_from_the_bank(db: sqlite3.Connection, kept: Kept, *, confirmed: bool) -> None:
    intent = _intent_of(db, kept)
    known = store.find(db, "payment_method", intent["payment_method"])
    method = known.body if known else stripe_cards.new_bank_account(db, email=_email(kept.body))
    if not confirmed:
        words = "The bank refused the payment."
        stripe_charges.fail(db, intent, method, payment_error("payment_intent_payment_attempt_failed", words))
        emit(db, "checkout.session.async_payment_failed", kept.body)
        return
    stripe_charges.succeed(db, intent, method)
    session = kept.body | {"payment_status": "paid"}
    customer = living_customer(db, session["customer"]) if session["customer"] else None
    session = _invoiced(db, Kept(kept.seq, session, kept.private), customer)
    store.update(db, session)
    emit(db, "checkout.session.async_payment_succeeded", session)


def _intent_of(db: sqlite3.Connection, kept: Kept) -> dict[str, Any]:
    session = kept.body
    if session["payment_intent"]:
        intent = found(db, "payment_intent", session["payment_intent"]).body
        if intent["amount"] == session["amount_total"] and intent["customer"] == session["customer"]:
            return intent
        # A code was entered after a card had been declined.
        return intent | {"amount": session["amount_total"], "customer": session["customer"]}
    made = payment_intent(
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        methods=session["payment_method_types"],
        asked=kept.private["payment_intent_data"],
    )
    store.insert(db, made)
    emit(db, "payment_intent.created", made)
    return made


def _with_customer(db: sqlite3.Connection, kept: Kept) -> tuple[Kept, dict[str, Any] | None]:
    """The session with its customer, who is made where the session needs one that it was not given."""
    session = kept.body
    if session["customer"]:
        return kept, _updated(db, kept, living_customer(db, session["customer"]))
    invoiced = session["invoice_creation"] is not None and session["invoice_creation"]["enabled"]
    if not (session["customer_creation"] == "always" or invoiced or saves_card(kept)):
        return kept, None
    customer = new_customer(db, metadata={}, email=_email(session), name=_NAME, address=_address(session))
    return Kept(kept.seq, session | {"customer": customer["id"]}, kept.private), customer


def _updated(db: sqlite3.Connection, kept: Kept, customer: dict[str, Any]) -> dict[str, Any]:
    """The customer with what ``customer_update`` lets the page save: what was filled in on it."""
    filled = {"address": _address(kept.body), "name": _NAME}
    asked = kept.private.get("customer_update", {})
    changes = {name: value for name, value in filled.items() if value and asked.get(name) == "auto"}
    if not changes:
        return customer
    changed = customer | changes
    store.update(db, changed)
    emit(db, "customer.updated", changed, {name: customer[name] for name in changes})
    return changed


def _address(session: dict[str, Any]) -> dict[str, Any] | None:
    """The buyer's address, which Stripe's page asks for where tax is computed."""
    return _ADDRESS if session["automatic_tax"]["enabled"] else None


def _invoiced(db: sqlite3.Connection, kept: Kept, customer: dict[str, Any] | None) -> dict[str, Any]:
    if customer is None or not kept.body["invoice_creation"]["enabled"]:
        return kept.body
    return kept.body | {"invoice": stripe_invoices.make_paid(db, kept, customer)["id"]}


def _email(session: dict[str, Any]) -> str:
    details: dict[str, Any] | None = session["customer_details"]
    return (details["email"] if details else None) or "sandbox@example.com"


def _completed(session: dict[str, Any], intent: dict[str, Any] | None) -> dict[str, Any]:
    return session | {
        "status": "complete",
        "payment_intent": intent["id"] if intent else session["payment_intent"],
        "customer_details": customer_details(_email(session)) | {"name": _NAME, "address": _address(session)},
        "url": None,
    }
