"""Disputes: a buyer's bank takes a payment back, and may return it (https://docs.stripe.com/disputes/how-disputes-work).

Stripe opens a dispute and withdraws the money at nearly the same moment. Here these are two steps, so that their events
can come in any order; an inquiry (``warning_…``) withdraws nothing.
"""

import sqlite3
from enum import StrEnum
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import stripe_id
from projectloom.sandbox.stripe_charges import balance_transaction
from projectloom.sandbox.stripe_forms import StripeFault

FEE_CENTS = 1_500
EVIDENCE_SECONDS = 9 * 24 * 3_600
REASONS = (
    "bank_cannot_process",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)

_OPEN = {"needs_response", "under_review"}
_INQUIRY = {"warning_needs_response", "warning_under_review"}


class Step(StrEnum):
    """How a dispute moves on."""

    WITHDRAW = "withdraw"
    REINSTATE = "reinstate"
    REVIEW = "review"
    """Evidence was sent in."""
    ESCALATE = "escalate"
    """An inquiry becomes a dispute; its money is withdrawn by a step of its own."""
    WON = "won"
    """Closed; what was withdrawn and not yet reinstated comes back first."""
    LOST = "lost"
    WARNING_CLOSED = "warning_closed"


def is_refundable(db: sqlite3.Connection, charge: dict[str, Any]) -> bool:
    """Whether no dispute stands against the charge: inquiries and won disputes leave it refundable."""
    against = db.execute(
        "SELECT count(*) AS n FROM objects WHERE kind = 'dispute' AND json_extract(body, '$.payment_intent') = ?"
        " AND json_extract(body, '$.status') IN ('needs_response', 'under_review', 'lost')",
        (charge["payment_intent"],),
    ).fetchone()
    return not against["n"]


def make(
    db: sqlite3.Connection, charge: dict[str, Any], *, amount: int | None, reason: str, inquiry: bool
) -> dict[str, Any]:
    """Open a dispute about ``amount`` cents of a charge, or all of it."""
    disputed = charge["amount"] if amount is None else amount
    if disputed > charge["amount"]:
        raise StripeFault(f"The charge is of {charge['amount']} cents only.", param="amount")
    dispute = _dispute(charge, disputed, reason) | {
        "status": "warning_needs_response" if inquiry else "needs_response",
        "is_charge_refundable": inquiry,
    }
    store.insert(db, dispute)
    store.update(db, charge | {"disputed": True})
    emit(db, "charge.dispute.created", dispute)
    return dispute


def move(db: sqlite3.Connection, dispute: dict[str, Any], step: Step) -> dict[str, Any]:
    """Take one step, with the event that tells of it; the dispute as it is then.

    Raises:
        StripeFault: the dispute does not stand where this step begins.
    """
    match step:
        case Step.WITHDRAW:
            return _withdraw(db, dispute)
        case Step.REINSTATE:
            return _reinstate(db, dispute)
        case Step.REVIEW:
            inquiry = dispute["status"] in _INQUIRY
            details = dispute["evidence_details"] | {"has_evidence": True, "submission_count": 1}
            status = "warning_under_review" if inquiry else "under_review"
            return _update(db, _standing(dispute, _OPEN | _INQUIRY), {"status": status, "evidence_details": details})
        case Step.ESCALATE:
            return _update(
                db, _standing(dispute, _INQUIRY), {"status": "needs_response", "is_charge_refundable": False}
            )
        case Step.WON:
            standing = _standing(dispute, _OPEN)
            return _close(db, _reinstate(db, standing) if _balance(standing) < 0 else standing, "won")
        case Step.LOST:
            return _close(db, _standing(dispute, _OPEN), "lost")
        case Step.WARNING_CLOSED:
            return _close(db, _standing(dispute, _INQUIRY), "warning_closed")


def _withdraw(db: sqlite3.Connection, dispute: dict[str, Any]) -> dict[str, Any]:
    if _standing(dispute, _OPEN | {"lost"}) and _balance(dispute) < 0:
        raise StripeFault(f"The money of dispute {dispute['id']} is withdrawn already.")
    return _book(db, dispute, -dispute["amount"], FEE_CENTS, "charge.dispute.funds_withdrawn")


def _reinstate(db: sqlite3.Connection, dispute: dict[str, Any]) -> dict[str, Any]:
    if _balance(dispute) >= 0:
        raise StripeFault(f"The money of dispute {dispute['id']} is not withdrawn.")
    return _book(db, dispute, dispute["amount"], -FEE_CENTS, "charge.dispute.funds_reinstated")


def _book(db: sqlite3.Connection, dispute: dict[str, Any], amount: int, fee: int, kind: str) -> dict[str, Any]:
    category = "dispute" if amount < 0 else "dispute_reversal"
    moved = balance_transaction(db, kind="adjustment", amount=amount, fee=fee, source=dispute, category=category)
    changed = dispute | {"balance_transactions": [*dispute["balance_transactions"], moved]}
    store.update(db, changed)
    emit(db, kind, changed)
    return changed


def _update(db: sqlite3.Connection, dispute: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    changed = dispute | changes
    store.update(db, changed)
    emit(db, "charge.dispute.updated", changed, {name: dispute[name] for name in changes})
    return changed


def _close(db: sqlite3.Connection, dispute: dict[str, Any], status: str) -> dict[str, Any]:
    closed = dispute | {"status": status, "is_charge_refundable": status != "lost"}
    store.update(db, closed)
    emit(db, "charge.dispute.closed", closed)
    return closed


def _balance(dispute: dict[str, Any]) -> int:
    return sum(one["amount"] for one in dispute["balance_transactions"])


def _standing(dispute: dict[str, Any], among: set[str]) -> dict[str, Any]:
    if dispute["status"] not in among:
        raise StripeFault(f"Dispute {dispute['id']} is {dispute['status']}; this step begins at {sorted(among)}.")
    return dispute


def _dispute(charge: dict[str, Any], amount: int, reason: str) -> dict[str, Any]:
    moment = int(store.timestamp())
    kind = charge["payment_method_details"]["type"]
    card = {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"}
    return {
        "id": stripe_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": moment,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": moment + EVIDENCE_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"type": "card", "card": card} if kind == "card" else {"type": kind},
        "reason": reason,
        "status": "needs_response",
    }
