"""Payment methods: the cards that buyers pay with, and those that Checkout saves for a customer.

A saved card remembers how it will behave when it is charged without its owner: it pays, declines, or demands
authentication, as Stripe's test cards 4242, 0341 and 3184 do (https://docs.stripe.com/testing).
"""

import sqlite3
from enum import StrEnum
from typing import Any

from projectloom.sandbox import store
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import Kept, stripe_id


class Behaviour(StrEnum):
    """What a card does when it is charged later."""

    OK = "ok"
    DECLINES = "declines"
    AUTHENTICATION = "authentication"


_LAST4 = {Behaviour.OK: "4242", Behaviour.DECLINES: "0341", Behaviour.AUTHENTICATION: "3184"}


def new_card(
    db: sqlite3.Connection, *, email: str | None, customer: str | None = None, behaviour: Behaviour = Behaviour.OK
) -> dict[str, Any]:
    """A card that was typed in; saved for the customer if there is one."""
    card: dict[str, Any] = {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "visa",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": stripe_id("f", 16)[2:],
        "funding": "credit",
        "generated_from": None,
        "last4": _LAST4[behaviour],
        "networks": {"available": ["visa"], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    method = _method("card", card, email=email, customer=customer)
    store.insert(db, method, {"behaviour": behaviour})
    if customer:
        emit(db, "payment_method.attached", method)
    return method


def new_bank_account(db: sqlite3.Connection, *, email: str | None) -> dict[str, Any]:
    """An account that is debited with a delay."""
    account = {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "fingerprint": stripe_id("f", 16)[2:],
        "last4": "6789",
        "routing_number": "110000000",
    }
    method = _method("us_bank_account", account, email=email, customer=None)
    store.insert(db, method)
    return method


def detach(db: sqlite3.Connection, kept: Kept) -> dict[str, Any]:
    """Forget a saved card. It cannot be charged any more."""
    method: dict[str, Any] = kept.body | {"customer": None}
    store.update(db, method)
    store.update_private(db, method["id"], kept.private | {"detached": True})
    emit(db, "payment_method.detached", method, {"customer": kept.body["customer"]})
    return method


def behave(db: sqlite3.Connection, kept: Kept, behaviour: Behaviour) -> None:
    """Let a saved card behave otherwise from now on."""
    store.update_private(db, kept.body["id"], kept.private | {"behaviour": behaviour})


def behaviour_of(kept: Kept) -> Behaviour:
    """What a saved card does when it is charged."""
    return Behaviour(kept.private.get("behaviour", Behaviour.OK))


def details(method: dict[str, Any]) -> dict[str, Any]:
    """A charge's ``payment_method_details``."""
    kind = method["type"]
    shown = {name: value for name, value in method[kind].items() if name not in {"display_brand", "generated_from"}}
    return {"type": kind, kind: shown}


def _method(kind: str, its: dict[str, Any], *, email: str | None, customer: str | None) -> dict[str, Any]:
    return {
        "id": stripe_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "limited" if customer else "unspecified",
        "billing_details": {"address": None, "email": email, "name": "Sandbox Buyer", "phone": None, "tax_id": None},
        "created": int(store.timestamp()),
        "customer": customer,
        "livemode": False,
        "metadata": {},
        "type": kind,
        kind: its,
    }
