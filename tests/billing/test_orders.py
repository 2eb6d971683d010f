"""Purchases as their buyer sees them: what was paid and how it came about, what is on its way, and their papers."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from projectloom.billing.models import Order
from projectloom.billing.orders import OrderView, list_orders, name_orders
from projectloom.billing.refunds import request_refund
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.errors import PaymentUnavailable
from projectloom.money import format_usd
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought


def change(order_id: str, **values: Any) -> None:
    with transaction() as session:
        session.connection().execute(update(Order).where(col(Order.id) == order_id).values(**values))


def only(shop: Shop) -> OrderView:
    (view,) = list_orders(shop.person)
    return view


def test_a_refund_that_stripe_has_not_made_is_on_its_way_and_cannot_be_asked_for_again(shop: Shop):
    order_id = bought(shop)
    assert (only(shop).refundable, only(shop).refund_pending) == (True, False)
    shop.stripe.answers = [None, None, None]
    with pytest.raises(PaymentUnavailable):
        asyncio.run(request_refund(shop.person, order_id))
    assert (only(shop).refundable, only(shop).refund_pending) == (False, True)


def test_the_sum_that_was_paid_is_told_with_its_discount_and_tax(shop: Shop):
    order_id = bought(shop)
    plain = only(shop)
    assert (plain.paid_nanos, plain.discount_nanos, plain.tax_nanos) == (plain.price_nanos, 0, 0)
    change(order_id, discount_cents=500, tax_cents=200, paid_cents=2_200)
    view = only(shop)
    told = [format_usd(nanos) for nanos in (view.price_nanos, view.discount_nanos, view.tax_nanos, view.paid_nanos)]
    assert told == ["$25.00", "$5.00", "$2.00", "$22.00"]
    assert name_orders(shop.person, {order_id})[order_id].paid_nanos == view.paid_nanos
    assert name_orders("usr_other", {order_id}) == {}
    change(order_id, discount_cents=0, tax_cents=0, paid_cents=2_500)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://pay.stripe.com/receipts/x", True),
        ("http://pay.stripe.com/receipts/x", False),
        ("https:/pay.stripe.com", False),
        ("javascript:alert(1)", False),
        ("https://loom.example/x", True),
        ("//evil.example/x", False),
        (None, False),
    ],
)
def test_only_a_secure_address_is_offered_as_a_paper(shop: Shop, address: str | None, shown: bool):
    change(bought(shop), receipt_url=address, invoice_url=address)
    view = only(shop)
    assert (view.receipt_url, view.invoice_url) == ((address, address) if shown else (None, None))


def test_the_sandbox_s_own_papers_are_offered_while_it_is_on_and_no_others_that_are_not_secure(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    own = "http://localhost:3000/sandbox/receipts/ch_1"
    change(bought(shop), receipt_url=own, invoice_url="http://localhost:3000/elsewhere")
    assert only(shop).receipt_url is None
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE", "OPENAI_API_KEY", "BASE_URL"):
        monkeypatch.delenv(name)
    settings.cache_clear()
    assert settings().sandbox_on
    assert (only(shop).receipt_url, only(shop).invoice_url) == (own, None)
