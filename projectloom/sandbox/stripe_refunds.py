"""Refunds: asked for over the API or on Stripe's dashboard, and what becomes of them at the bank.

A refund takes its amount from the charge when it is made, pending or not, and gives it back if it fails
(https://docs.stripe.com/refunds). A refund that had succeeded may still fail, as real ones do.
"""

import sqlite3
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.events import emit
from projectloom.sandbox.rules import RefundCourse
from projectloom.sandbox.store import stripe_id
from projectloom.sandbox.stripe_charges import balance_transaction
from projectloom.sandbox.stripe_disputes import is_refundable
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_lists import found

REFUND_ANSWER_SECONDS = 4.0
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
FAILURE_REASONS = (
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
)


def charge_of(db: sqlite3.Connection, *, intent_id: str | None, charge_id: str | None) -> dict[str, Any]:
    """The charge that is to be refunded, by its own id or its intent's."""
    if charge_id is not None:
        charge = found(db, "charge", charge_id, "charge").body
        if intent_id is not None and charge["payment_intent"] != intent_id:
            raise StripeFault("The charge does not belong to the payment intent.", param="charge")
        if charge["status"] != "succeeded":
            raise StripeFault(f"Charge {charge_id} was not successful and cannot be refunded.", param="charge")
        return charge
    if intent_id is None:
        raise StripeFault("One of the following params should be provided for this request: payment_intent or charge.")
    intent = found(db, "payment_intent", intent_id, "payment_intent").body
    if intent["status"] != "succeeded":
        raise StripeFault(
            f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.", param="payment_intent"
        )
    return found(db, "charge", intent["latest_charge"] or "").body


def make(
    db: sqlite3.Connection,
    charge: dict[str, Any],
    *,
    amount: int | None,
    reason: str | None,
    metadata: dict[str, str],
    course: RefundCourse,
) -> dict[str, Any]:
    """Give back ``amount`` cents of a charge, or all that is left.

    Raises:
        StripeFault: nothing, or less than that, is left, or a dispute stands against the charge.
    """
    left = charge["amount"] - charge["amount_refunded"]
    if not left:
        words = f"Charge {charge['id']} has already been refunded."
        raise StripeFault(words, code="charge_already_refunded", begun=True)
    if not is_refundable(db, charge):
        words = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeFault(words, code="charge_disputed", begun=True)
    if amount is not None and amount > left:
        whole = "charge amount" if left == charge["amount"] else "unrefunded amount on charge"
        words = f"Refund amount ({_dollars(amount)}) is greater than {whole} ({_dollars(left)})"
        raise StripeFault(words, param="amount", begun=True)
    given = left if amount is None else amount
    settled = course is RefundCourse.SUCCEEDED
    refund = _refund(charge, given, reason, metadata) | {
        "status": "succeeded" if settled else "pending",
        "pending_reason": None if settled else "processing",
    }
    moved = balance_transaction(db, kind="refund", amount=-given, fee=0, source=refund)
    refund["balance_transaction"] = moved["id"]
    store.insert(db, refund)
    emit(db, "refund.created", refund)
    _count_on_charge(db, charge, given)
    if course in {RefundCourse.SUCCEEDS_LATER, RefundCourse.FAILS_LATER}:
        confirmed = course is RefundCourse.SUCCEEDS_LATER
        due = store.timestamp() + REFUND_ANSWER_SECONDS
        db.execute("INSERT INTO refund_answers VALUES (?, ?, ?)", (refund["id"], confirmed, due))
    return refund


def settle(db: sqlite3.Connection, refund: dict[str, Any]) -> dict[str, Any]:
    """Let a pending refund succeed."""
    if refund["status"] != "pending":
        raise StripeFault(f"Refund {refund['id']} is {refund['status']}, not pending.")
    return _change(db, refund, {"status": "succeeded", "pending_reason": None})


def fail(db: sqlite3.Connection, refund: dict[str, Any], reason: str = "unknown") -> dict[str, Any]:
    """Let a refund fail, pending or succeeded; the charge has its amount again."""
    if refund["status"] not in {"pending", "succeeded"}:
        raise StripeFault(f"Refund {refund['id']} is {refund['status']} and cannot fail.")
    charge = found(db, "charge", refund["charge"]).body
    moved = balance_transaction(db, kind="refund_failure", amount=refund["amount"], fee=0, source=refund)
    failed = {"status": "failed", "pending_reason": None, "failure_reason": reason}
    refund = _change(db, refund, failed | {"failure_balance_transaction": moved["id"]})
    emit(db, "refund.failed", refund)
    taken = charge["amount_refunded"] - refund["amount"]
    store.update(db, charge | {"amount_refunded": taken, "refunded": False})
    return refund


def settle_due(db: sqlite3.Connection) -> None:
    """Give every bank answer about refunds that is due."""
    due = db.execute("SELECT refund_id, confirmed FROM refund_answers WHERE due_at <= ?", (store.timestamp(),))
    for row in due.fetchall():
        db.execute("DELETE FROM refund_answers WHERE refund_id = ?", (row["refund_id"],))
        refund = found(db, "refund", row["refund_id"]).body
        if refund["status"] == "pending":
            settle(db, refund) if row["confirmed"] else fail(db, refund)


def _change(db: sqlite3.Connection, refund: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    changed = refund | changes
    store.update(db, changed)
    previous = {name: refund[name] for name in changes if refund[name] != changes[name]}
    emit(db, "refund.updated", changed, previous)
    emit(db, "charge.refund.updated", changed, previous)
    return changed


def _count_on_charge(db: sqlite3.Connection, charge: dict[str, Any], given: int) -> None:
    refunded = charge["amount_refunded"] + given
    changed = charge | {"amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    store.update(db, changed)
    previous = {"amount_refunded": charge["amount_refunded"]}
    if changed["refunded"]:
        previous["refunded"] = False
    emit(db, "charge.refunded", changed, previous)


def _dollars(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02d}"


def _refund(charge: dict[str, Any], amount: int, reason: str | None, metadata: dict[str, str]) -> dict[str, Any]:
    kind = charge["payment_method_details"]["type"]
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": stripe_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": int(store.timestamp()),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {"type": kind, kind: card if kind == "card" else {}},
        "failure_balance_transaction": None,
        "failure_reason": None,
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": None,
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }
