"""A person takes an unspent purchase back by themselves: once, whole, in time, whatever Stripe does."""

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from projectloom.billing.balance import read_balance
from projectloom.billing.models import Order
from projectloom.billing.reconcile import reconcile
from projectloom.billing.refunds import request_refund
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import NotFound, NotRefundable, PaymentUnavailable
from projectloom.metering.models import Completion
from projectloom.metering.opening import open_turn
from projectloom.metering.requests import TurnRequest
from projectloom.metering.settling import Outcome, settle_turn
from projectloom.money import usd_string
from projectloom.providers import ChatMessage
from projectloom.workspace.preferences import set_api_key_mode
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought, refund
from tests.spending import spend


def ask(shop: Shop, order_id: str) -> None:
    asyncio.run(request_refund(shop.person, order_id))


def frozen(shop: Shop) -> str:
    return usd_string(read_balance(shop.person).frozen_nanos)


def test_an_unspent_purchase_goes_back_to_the_card_with_its_bonus(shop: Shop):
    order_id = bought(shop)
    ask(shop, order_id)
    assert (shop.balance, frozen(shop), shop.row(order_id).status) == ("0.00", "0.00", "refunded")
    asked = shop.stripe.asked[-1]
    assert (asked.form["amount"], asked.form["payment_intent"]) == ("2500", f"pi_{order_id}")
    # Stripe's own report of it comes as well.
    shop.deliver(refund(order_id, 2_500, refund_id="re_1"))
    assert (shop.balance, len(shop.stripe.refunds)) == ("0.00", 1)


def test_only_a_whole_recent_own_purchase_can_be_taken_back(shop: Shop):
    spent, old, disputed = bought(shop, 10), bought(shop, 25), bought(shop, 50)
    with transaction() as session:
        long_ago = now() - timedelta(days=15)
        session.connection().execute(update(Order).where(col(Order.id) == old).values(completed_at=long_ago))
    shop.deliver(refund(disputed, 100))
    # The bonus of the others is spent first, then the oldest paid credit.
    spend(shop.person, 8_000_000_000)
    for order_id in (spent, old, disputed):
        with pytest.raises(NotRefundable):
            ask(shop, order_id)
    with pytest.raises(NotFound):
        asyncio.run(request_refund("usr_other", spent))
    assert shop.stripe.refunds == {}


def test_a_purchase_that_a_running_reply_holds_waits_for_it(shop: Shop):
    order_id = bought(shop)
    set_api_key_mode(shop.person, "credits")
    running = open_turn(TurnRequest(shop.person, "gpt-6.1-sol", (ChatMessage("user", "Hello"),))).turn.id
    with pytest.raises(NotRefundable, match="being written"):
        ask(shop, order_id)
    settle_turn(running, Outcome("", None, usage_final=False, completion=Completion.STOPPED))
    ask(shop, order_id)
    assert shop.row(order_id).status == "refunded"


def test_what_stripe_refuses_is_there_again_and_can_be_asked_again(shop: Shop):
    order_id = bought(shop)
    shop.stripe.answers = [(400, json.dumps({"error": {"type": "invalid_request_error"}}).encode())]
    with pytest.raises(PaymentUnavailable):
        ask(shop, order_id)
    assert (shop.balance, frozen(shop)) == ("27.00", "0.00")
    ask(shop, order_id)
    assert shop.balance == "0.00"
    keys = [asked.headers["idempotency-key"] for asked in shop.stripe.asked if asked.path == "/v1/refunds"]
    assert len(set(keys)) == len(keys) == 2


def test_what_stripe_does_not_answer_stays_out_of_reach_until_the_reconciler_has_asked_again(shop: Shop):
    order_id = bought(shop)
    shop.stripe.sessions[f"cs_{order_id}"] |= {"payment_status": "paid", "status": "complete"}
    shop.stripe.answers = [None, None, None]
    with pytest.raises(PaymentUnavailable):
        ask(shop, order_id)
    assert (shop.balance, frozen(shop)) == ("0.00", "27.00")
    report = asyncio.run(reconcile(now() - timedelta(days=1)))
    assert report.problems == []
    assert (shop.balance, frozen(shop), shop.row(order_id).status) == ("0.00", "0.00", "refunded")
    assert len(shop.stripe.refunds) == 1


def test_two_requests_at_once_make_one_refund(shop: Shop):
    order_id = bought(shop)

    async def twice() -> list:
        jobs = (request_refund(shop.person, order_id) for _ in range(2))
        return await asyncio.gather(*jobs, return_exceptions=True)

    outcomes = asyncio.run(twice())
    assert sum(isinstance(outcome, NotRefundable) for outcome in outcomes) == 1
    assert (len(shop.stripe.refunds), shop.balance) == (1, "0.00")
