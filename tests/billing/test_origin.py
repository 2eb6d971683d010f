"""The sandbox's credit is worth nothing, so it may not be spent on the operator's real keys."""

import pytest

from projectloom.billing.models import Order, OrderStatus
from projectloom.billing.origin import refuse_play_money
from projectloom.clock import now
from projectloom.config import ConfigurationError, settings
from projectloom.db import transaction


@pytest.fixture
def sold_by_the_sandbox(person: str) -> None:
    with transaction() as session:
        session.add(
            Order(
                id="ord_play",
                user_id=person,
                status=OrderStatus.COMPLETED,
                completed_at=now(),
                price_cents=2_500,
                bonus_cents=200,
                currency="usd",
                livemode=False,
                sandbox=True,
            )
        )


def test_live_keys_are_refused_on_a_database_with_play_money(sold_by_the_sandbox: None, monkeypatch):
    refuse_play_money()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-live-0123456789")
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="play money"):
        refuse_play_money()


def test_live_keys_are_fine_on_a_database_without_it(books, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-live-0123456789")
    settings.cache_clear()
    refuse_play_money()
