"""The money door: Stripe, and nothing else.

This room promises that what it hands on was verified (a signature, or an answer over the secret key) and speaks our
words; no Stripe object leaves it. It knows no orders and no people, only the ids it is given.
"""

from projectloom.payments.stripe import (
    CheckoutFacts,
    CheckoutTerms,
    SignedEvent,
    create_session,
    event_facts,
    retrieve_session,
    verify_event,
)

__all__ = [
    "CheckoutFacts",
    "CheckoutTerms",
    "SignedEvent",
    "create_session",
    "event_facts",
    "retrieve_session",
    "verify_event",
]
