"""Charges: each attempt to take an intent's money, and what it moves on Stripe's balance.

An intent succeeds, fails or waits through one of the functions here, so that its charge always tells the same.
"""

import sqlite3
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import stripe_id
from projectloom.sandbox.stripe_cards import details

_FEE_FIXED = 30
_FEE_PER_TEN_THOUSAND = 290
_HOLD_SECONDS = 2 * 24 * 3_600
_OUTCOMES = {
    "succeeded": ("approved_by_network", "authorized", "Payment complete."),
    "pending": ("approved_by_network", "authorized", "Payment pending."),
    "failed": ("declined_by_network", "issuer_declined", "The bank did not return any further details."),
}


def balance_transaction(
    db: sqlite3.Connection, *, kind: str, amount: int, fee: int, source: dict[str, Any], category: str | None = None
) -> dict[str, Any]:
    """A movement on Stripe's balance: ``amount`` and ``fee`` in cents, ``amount`` negative when money leaves."""
    moment = int(store.timestamp())
    detail = {"amount": fee, "application": None, "currency": source["currency"], "description": "Stripe fees"}
    made = {
        "id": stripe_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": moment + _HOLD_SECONDS,
        "balance_type": "payments",
        "created": moment,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail | {"type": "stripe_fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category or kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }
    store.insert(db, made)
    return made


def succeed(db: sqlite3.Connection, intent: dict[str, Any], method: dict[str, Any]) -> dict[str, Any]:
    """Take the intent's money; the intent as it is then."""
    charge = _charge_for(db, intent, method, "succeeded")
    fee = _FEE_FIXED + (charge["amount"] * _FEE_PER_TEN_THOUSAND + 5_000) // 10_000
    moved = balance_transaction(db, kind="charge", amount=charge["amount"], fee=fee, source=charge)
    charge |= {"balance_transaction": moved["id"], "receipt_url": f"{store.site(db)}/receipts/{charge['id']}"}
    store.update(db, charge)
    intent = intent | {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": method["id"],
    }
    store.update(db, intent)
    emit(db, "charge.succeeded", charge)
    emit(db, "payment_intent.succeeded", intent)
    return intent


def fail(
    db: sqlite3.Connection, intent: dict[str, Any], method: dict[str, Any], error: dict[str, Any]
) -> dict[str, Any]:
    """Let the intent's attempt fail with this error; the intent as it is then, open for another method."""
    charge = _charge_for(db, intent, method, "failed")
    charge |= {"failure_code": error["code"], "failure_message": error["message"]}
    store.update(db, charge)
    intent = intent | {
        "status": "requires_payment_method",
        "last_payment_error": error | {"charge": charge["id"], "payment_method": method},
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": None,
    }
    store.update(db, intent)
    emit(db, "charge.failed", charge)
    emit(db, "payment_intent.payment_failed", intent)
    return intent


def wait(db: sqlite3.Connection, intent: dict[str, Any], method: dict[str, Any]) -> dict[str, Any]:
    """Ask the bank; the intent as it is until the bank answers."""
    charge = _charge_for(db, intent, method, "pending")
    intent = intent | {
        "status": "processing",
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "payment_method": method["id"],
    }
    store.update(db, intent)
    emit(db, "charge.pending", charge)
    emit(db, "payment_intent.processing", intent)
    return intent


def _charge_for(db: sqlite3.Connection, intent: dict[str, Any], method: dict[str, Any], status: str) -> dict[str, Any]:
    """The intent's pending charge with its new status, or a new charge."""
    network, reason, words = _OUTCOMES[status]
    outcome = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": None if status != "failed" else reason,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": words,
        "type": "issuer_declined" if status == "failed" else "authorized",
    }
    changes = {"status": status, "paid": status != "failed", "captured": status != "failed", "outcome": outcome}
    if status == "succeeded":
        changes["amount_captured"] = intent["amount"]
    known = store.find(db, "charge", intent["latest_charge"]) if intent["latest_charge"] else None
    if known is not None and known.body["status"] == "pending":
        charge = known.body | changes
        store.update(db, charge)
        return charge
    charge = _new_charge(intent, method) | changes
    store.insert(db, charge)
    return charge


def _new_charge(intent: dict[str, Any], method: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": stripe_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "PROJECTLOOM SANDBOX",
        "captured": False,
        "created": int(store.timestamp()),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": details(method),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }
