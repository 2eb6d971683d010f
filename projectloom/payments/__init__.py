"""The money door: Stripe, and nothing else.

This room promises that what it hands on was verified (a signature, or an answer over the secret key) and speaks our
words; no Stripe object leaves it. It knows no orders and no people, only the ids it is given. Cents exist only here and
in the orders.
"""

from projectloom.payments.cards import (
    Card,
    CardSetup,
    ChargeTerms,
    charge_card,
    charges_since,
    create_customer,
    forget_card,
    open_card_page,
    read_card,
)
from projectloom.payments.checkout import CheckoutFacts, CheckoutTerms, create_session, retrieve_session, sessions_since
from projectloom.payments.events import SignedEvent, event_facts, read_event, verify_event
from projectloom.payments.reversals import (
    ReversalFacts,
    Stage,
    create_refund,
    refunds_of,
    retrieve_dispute,
    reversals_since,
)
from projectloom.payments.sdk import load_stripe
from projectloom.payments.webhook_endpoints import NEEDED_EVENTS, WebhookEndpoint, undelivered_since, webhook_endpoints

__all__ = [
    "NEEDED_EVENTS",
    "Card",
    "CardSetup",
    "ChargeTerms",
    "CheckoutFacts",
    "CheckoutTerms",
    "ReversalFacts",
    "SignedEvent",
    "Stage",
    "WebhookEndpoint",
    "charge_card",
    "charges_since",
    "create_customer",
    "create_refund",
    "create_session",
    "event_facts",
    "forget_card",
    "load_stripe",
    "open_card_page",
    "read_card",
    "read_event",
    "refunds_of",
    "retrieve_dispute",
    "retrieve_session",
    "reversals_since",
    "sessions_since",
    "undelivered_since",
    "verify_event",
    "webhook_endpoints",
]
