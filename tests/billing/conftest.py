import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlmodel import col, select

from projectloom.billing.balance import read_balance
from projectloom.billing.checkout import create_checkout
from projectloom.billing.inbox import receive_event
from projectloom.billing.models import Order, StripeEvent
from projectloom.db import reading
from projectloom.jobs.audit import run_audit
from projectloom.money import usd_string
from tests.stripe_double import StripeDouble, configured, event, intent_of, session_of, sign


@dataclass
class Shop:
    """One person buying, and the Stripe that they buy through."""

    person: str
    stripe: StripeDouble

    def order(self, amount: int = 25) -> str:
        """Open a purchase; its order's id."""
        url = asyncio.run(create_checkout(self.person, "ada@example.org", amount))
        return url.rpartition("/")[2]

    def completed(self, order_id: str, **changes) -> bytes:
        return event("checkout.session.completed", session_of(order_id, **changes))

    def succeeded(self, order_id: str, **changes) -> bytes:
        return event("payment_intent.succeeded", intent_of(order_id, **changes))

    def deliver(self, body: bytes) -> None:
        receive_event(body, sign(body))

    @property
    def balance(self) -> str:
        return usd_string(read_balance(self.person).posted_nanos)

    def row(self, order_id: str) -> Order:
        with reading() as session:
            return session.get_one(Order, order_id)

    def events(self) -> list[StripeEvent]:
        with reading() as session:
            return list(session.exec(select(StripeEvent).order_by(col(StripeEvent.id))).all())

    def orders(self) -> list[Order]:
        with reading() as session:
            return list(session.exec(select(Order).order_by(col(Order.id))).all())


@pytest.fixture
def shop(person: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A person with an empty balance; afterwards every promise of the books still holds."""
    with configured(monkeypatch) as stripe:
        yield Shop(person, stripe)
        broken = [(check.name, check.offenders) for check in run_audit() if not check.holds]
        assert broken == []
