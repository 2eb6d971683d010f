"""Invoices that Checkout makes after a payment, where ``invoice_creation`` was switched on."""

import sqlite3
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import Kept, stripe_id
from projectloom.sandbox.stripe_lists import list_of


def make_paid(db: sqlite3.Connection, kept: Kept, customer: dict[str, Any]) -> dict[str, Any]:
    """The invoice of a session that was just paid."""
    session, moment = kept.body, int(store.timestamp())
    invoice_id = stripe_id("in")
    address = f"{store.site(db)}/receipts/invoices/{invoice_id}"
    number = customer["next_invoice_sequence"]
    details = session["total_details"]
    total = session["amount_total"]
    lines = [_line(line, invoice_id) for line in kept.private["lines"]]
    payment = {"type": "payment_intent", "payment_intent": session["payment_intent"]}
    paid = {
        "id": stripe_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": total,
        "amount_requested": total,
        "created": moment,
        "currency": session["currency"],
        "invoice": invoice_id,
        "is_default": True,
        "livemode": False,
        "payment": payment,
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": moment},
    }
    invoice: dict[str, Any] = {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "ProjectLoom sandbox",
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": total,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": True,
        "auto_advance": False,
        "automatic_tax": session["automatic_tax"] | {"disabled_reason": None},
        "billing_reason": "manual",
        "collection_method": "send_invoice",
        "created": moment,
        "currency": session["currency"],
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": moment,
        "effective_at": moment,
        "hosted_invoice_url": address,
        "invoice_pdf": f"{address}/pdf",
        "issuer": {"type": "self"},
        "lines": list_of(lines, f"/v1/invoices/{invoice_id}/lines"),
        "livemode": False,
        "metadata": {},
        "number": f"{customer['invoice_prefix']}-{number:04d}",
        "parent": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "payments": list_of([paid] if session["payment_intent"] else [], "/v1/invoice_payments"),
        "period_end": moment,
        "period_start": moment,
        "receipt_number": None,
        "status": "paid",
        "status_transitions": {
            "finalized_at": moment,
            "marked_uncollectible_at": None,
            "paid_at": moment,
            "voided_at": None,
        },
        "subtotal": session["amount_subtotal"],
        "total": total,
        "total_discount_amounts": [{"amount": details["amount_discount"], "discount": None}],
        "total_excluding_tax": total - details["amount_tax"],
        "total_taxes": [{"amount": details["amount_tax"], "tax_behavior": "exclusive", "type": "tax_rate_details"}],
    }
    store.insert(db, invoice)
    store.update(db, customer | {"next_invoice_sequence": number + 1})
    emit(db, "invoice.paid", invoice)
    return invoice


def _line(line: dict[str, Any], invoice_id: str) -> dict[str, Any]:
    return {
        "id": stripe_id("il"),
        "object": "line_item",
        "amount": line["amount_subtotal"],
        "currency": line["currency"],
        "description": line["description"],
        "discount_amounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": {},
        "quantity": line["quantity"],
        "subtotal": line["amount_subtotal"],
    }
