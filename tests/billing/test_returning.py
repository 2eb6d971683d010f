"""The page that a person comes back to says what became of their purchase, and fulfils it if nobody else did."""

import asyncio

import pytest

from projectloom.billing.returning import settle_return
from projectloom.config import settings
from projectloom.money import from_usd
from tests.billing.conftest import Shop
from tests.live import free_port
from tests.stripe_double import event, session_of

UNPAID = {"payment_status": "unpaid"}
PAID = {"payment_status": "paid", "status": "complete", "payment_intent": "pi_1"}


@pytest.fixture
def buy(shop: Shop):
    """Open a purchase and let Stripe say this of it."""

    def open_order(amount: int, **changes) -> str:
        order_id = shop.order(amount)
        shop.stripe.sessions[f"cs_{order_id}"] |= changes
        return order_id

    return open_order


def outcome(shop: Shop) -> tuple[str, int]:
    settled = asyncio.run(settle_return(shop.person))
    return settled.status, settled.credit_nanos


def test_who_bought_nothing_is_told_nothing(shop: Shop):
    assert outcome(shop) == ("none", 0)
    assert shop.stripe.asked == []


def test_a_paid_purchase_is_credited_without_any_webhook_and_told(shop: Shop, buy):
    buy(25, **PAID)
    for _ in range(3):
        assert outcome(shop) == ("completed", from_usd(27))
    assert shop.balance == "27.00"


def test_a_purchase_that_the_webhook_credited_first_is_told(shop: Shop, buy):
    shop.deliver(shop.completed(buy(25, **PAID)))
    assert outcome(shop) == ("completed", from_usd(27))
    assert shop.balance == "27.00"


def test_a_page_that_is_still_open_is_pending(shop: Shop, buy):
    buy(10)
    assert outcome(shop) == ("pending", from_usd(10))
    assert shop.balance == "0.00"


def test_a_bank_that_has_yet_to_answer_is_waiting(shop: Shop, buy):
    buy(50, **UNPAID, status="complete")
    assert outcome(shop) == ("waiting", from_usd(55))
    assert shop.balance == "0.00"


def test_a_bank_that_refused_is_failed(shop: Shop, buy):
    order_id = buy(50, **UNPAID, status="complete")
    shop.deliver(event("checkout.session.async_payment_failed", session_of(order_id, cents=5_000, **UNPAID)))
    assert outcome(shop) == ("failed", from_usd(55))


def test_a_payment_that_differs_is_said_to_be_looked_into_and_credits_nothing(shop: Shop, buy):
    buy(25, **PAID, amount_total=1)
    assert outcome(shop)[0] == "set_aside"
    assert shop.balance == "0.00"


def test_an_expired_page_is_nothing_to_tell(shop: Shop, buy):
    buy(25, **UNPAID, status="expired", url=None)
    assert outcome(shop) == ("none", 0)


def test_of_two_pages_the_one_that_was_paid_is_told(shop: Shop, buy):
    buy(25, **PAID)
    buy(10)
    assert outcome(shop) == ("completed", from_usd(27))


def test_a_later_purchase_that_waits_is_not_told_as_the_earlier_one_that_was_credited(shop: Shop, buy):
    buy(25, **PAID)
    assert outcome(shop) == ("completed", from_usd(27))
    buy(10, **UNPAID, status="complete")
    assert outcome(shop) == ("waiting", from_usd(10))


def test_another_person_s_purchase_is_not_looked_at(shop: Shop, buy):
    buy(25, **PAID)
    stranger = asyncio.run(settle_return("usr_stranger"))
    assert stranger.status == "none"
    assert shop.balance == "0.00"


def test_a_stripe_out_of_reach_leaves_the_purchase_pending(shop: Shop, buy, monkeypatch: pytest.MonkeyPatch):
    buy(25, **PAID)
    monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{free_port()}")
    settings.cache_clear()
    assert outcome(shop) == ("pending", from_usd(27))
    assert shop.balance == "0.00"


def test_a_session_that_stripe_forgot_does_not_hide_the_others(shop: Shop, buy):
    buy(25, **PAID)
    shop.stripe.sessions.pop(f"cs_{shop.order(10)}")
    assert outcome(shop) == ("completed", from_usd(27))
