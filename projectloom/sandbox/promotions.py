"""What a session costs: promotion codes and tax, spread over its lines as Stripe spreads them.

Two codes exist, one for a fifth and one for everything; tax is a flat rate on what is left, where it is switched on.
"""

import sqlite3
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.store import Kept, stripe_id

CODES = {"LOOM20": 20, "FREE100": 100}
"""Percent off, by code."""
TAX_PERCENT = 10


def priced(session: dict[str, Any], items: list[dict[str, Any]], code: str | None) -> dict[str, Any]:
    """The session with its amounts, under this code (None is no code)."""
    lines = [line_item(item, code=code, taxed=session["automatic_tax"]["enabled"]) for item in items]
    promotion = [{"coupon": f"coupon_{code}", "promotion_code": f"promo_{code}"}] if code else []
    return session | {
        "amount_subtotal": sum(line["amount_subtotal"] for line in lines),
        "amount_total": sum(line["amount_total"] for line in lines),
        "discounts": promotion,
        "total_details": {
            "amount_discount": sum(line["amount_discount"] for line in lines),
            "amount_shipping": 0,
            "amount_tax": sum(line["amount_tax"] for line in lines),
        },
    }


def redeem(db: sqlite3.Connection, kept: Kept, code: str) -> Kept | None:
    """The open session after this code was entered on its page; None where the code is not one of ours."""
    known = code.strip().upper()
    if known not in CODES or not kept.body["allow_promotion_codes"]:
        return None
    session = priced(kept.body, kept.private["items"], known)
    taxed = session["automatic_tax"]["enabled"]
    private = kept.private | {"lines": [line_item(item, code=known, taxed=taxed) for item in kept.private["items"]]}
    store.update(db, session)
    store.update_private(db, session["id"], private)
    return Kept(kept.seq, session, private)


def line_item(item: dict[str, Any], *, code: str | None, taxed: bool) -> dict[str, Any]:
    """One line as ``expand[]=line_items`` shows it."""
    subtotal = item["unit_amount"] * item["quantity"]
    discount = (subtotal * CODES[code] + 50) // 100 if code else 0
    left = subtotal - discount
    included = bool(item["tax_included"])
    base = 100 + TAX_PERCENT if included else 100
    tax = (left * TAX_PERCENT + base // 2) // base if taxed else 0
    return {
        "id": stripe_id("li"),
        "object": "item",
        "amount_discount": discount,
        "amount_subtotal": subtotal,
        "amount_tax": tax,
        "amount_total": left if included else left + tax,
        "currency": item["currency"],
        "description": item["name"],
        "metadata": {},
        "price": {
            "id": stripe_id("price"),
            "object": "price",
            "active": False,
            "currency": item["currency"],
            "livemode": False,
            "metadata": {},
            "recurring": None,
            "tax_behavior": "inclusive" if included else "exclusive" if taxed else "unspecified",
            "type": "one_time",
            "unit_amount": item["unit_amount"],
            "unit_amount_decimal": str(item["unit_amount"]),
        },
        "quantity": item["quantity"],
    }
