"""What a hostile day brings: outages in the middle of a charge, refunds and disputes at odd moments, forgotten keys."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from projectloom import limits
from projectloom.api.bodies import before_of
from projectloom.billing import auto_top_up
from projectloom.billing.auto_settings import read_auto_top_up, set_auto_top_up
from projectloom.billing.auto_top_up import place_auto_order
from projectloom.billing.balance import read_balance
from projectloom.billing.cards import collect_card, open_card_setup, remove_card
from projectloom.billing.fulfillment import fulfill_checkout
from projectloom.billing.models import AutoTopUp, Order, SavedCard
from projectloom.billing.reconcile import reconcile
from projectloom.billing.refunds import request_refund
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput, PaymentUnavailable, PurchasesPaused
from projectloom.payments import CheckoutFacts, event_facts, read_event
from tests.billing.conftest import Shop
from tests.billing.test_auto_top_up import CARD, charges, confirm, ready, run, save_card
from tests.billing.test_reversals import bought, dispute, refund
from tests.stripe_double import event, intent_of

DOWN = (503, b'{"error": {"type": "api_error"}}')
GONE = (404, b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}')
PAID = {"payment_status": "paid", "status": "complete"}


def nothing_listed(path: str) -> tuple[int, bytes]:
    return 200, json.dumps({"object": "list", "data": [], "has_more": False, "url": path}).encode()


NOTHING_NEW = [nothing_listed(path) for path in ("/v1/checkout/sessions", "/v1/payment_intents")]
NOTHING_BACK = [nothing_listed(path) for path in ("/v1/refunds", "/v1/disputes")]


def look_again(shop: Shop) -> None:
    """Let the pauses of auto top-up be over."""
    with transaction() as session:
        rules = session.get(AutoTopUp, shop.person)
        if rules is not None:
            rules.next_try_at = None


@pytest.fixture
def outage(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Order:
    """An auto top-up that was begun while Stripe was down, some time ago."""
    monkeypatch.setattr(limits, "STRIPE_MAX_RETRIES", 0)
    ready(shop)
    shop.stripe.answers = [DOWN]
    run()
    # Orders cannot be dated back: instead a pause of no length is over at once.
    monkeypatch.setattr(limits, "AUTO_RETRY_SECONDS", -5)
    (order,) = shop.orders()
    assert (order.status, shop.stripe.intents) == ("pending", {})
    return order


def test_a_charge_that_was_begun_is_made_once_stripe_is_there_again(shop: Shop, outage: Order):
    run()
    assert list(shop.stripe.intents) == [f"auto:{outage.id}"]
    confirm(shop)
    assert shop.balance == "27.00"


def test_what_was_switched_off_during_an_outage_is_not_charged_afterwards(shop: Shop, outage: Order):
    set_auto_top_up(shop.person, enabled=False, threshold_usd=5, amount_usd=25, ceiling_usd=100)
    run()
    assert (shop.stripe.intents, shop.row(outage.id).status) == ({}, "failed")


def test_a_dispute_during_an_outage_ends_the_charge(shop: Shop, outage: Order):
    shop.deliver(dispute(bought(shop), 2_500, "created", "needs_response"))
    run()
    assert (shop.stripe.intents, read_auto_top_up(shop.person).stopped) == ({}, "disputed")
    assert shop.row(outage.id).status == "failed"


def test_who_bought_by_hand_during_an_outage_is_not_charged_again(shop: Shop, outage: Order):
    bought(shop, 100)
    run()
    assert (shop.stripe.intents, shop.row(outage.id).status) == ({}, "failed")


def test_a_card_that_was_saved_after_a_charge_was_begun_is_not_charged_for_it(shop: Shop, outage: Order):
    asyncio.run(remove_card(shop.person))
    save_card(shop, method="pm_2")
    set_auto_top_up(shop.person, enabled=True, threshold_usd=5, amount_usd=25, ceiling_usd=100)
    run()
    assert shop.row(outage.id).status == "failed"
    assert f"auto:{outage.id}" not in shop.stripe.intents


def test_a_charge_whose_end_is_unknown_is_asked_about_with_pauses(
    shop: Shop, outage: Order, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "AUTO_RETRY_SECONDS", 90)
    before = charges(shop)
    for _ in range(5):
        run()
    assert (charges(shop), shop.row(outage.id).status) == (before, "pending")


def test_a_charge_of_last_month_is_not_made_in_this_one(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "STRIPE_MAX_RETRIES", 0)
    monkeypatch.setattr(limits, "AUTO_RETRY_SECONDS", -5)
    ready(shop, amount=25, ceiling=25)
    monkeypatch.setattr(auto_top_up, "database_now", lambda _: datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    shop.stripe.answers = [DOWN]
    run()
    monkeypatch.setattr(auto_top_up, "database_now", lambda _: datetime(2026, 12, 1, 5, tzinfo=UTC))
    for _ in range(2):
        look_again(shop)
        run()
    confirm(shop)
    (last, this) = [order.status for order in shop.orders()]
    assert (last, this, len(shop.stripe.intents)) == ("failed", "completed", 1)


@pytest.mark.parametrize("cents", [2_500, 2_400])
def test_a_refund_of_an_auto_top_up_at_stripe_switches_it_off(shop: Shop, cents: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "AUTO_COOLDOWN_SECONDS", 0)
    ready(shop)
    run()
    confirm(shop)
    shop.deliver(refund(shop.orders()[0].id, cents))
    look_again(shop)
    run()
    assert (charges(shop), read_auto_top_up(shop.person).stopped) == (1, "refunded")


def test_taking_any_purchase_back_does_not_charge_the_card_for_another(shop: Shop):
    order_id = bought(shop)
    ready(shop)
    asyncio.run(request_refund(shop.person, order_id))
    run()
    assert charges(shop) == 0


@pytest.mark.parametrize("known", [False, True])
def test_a_charge_that_everybody_forgot_to_tell_of_is_found_however_old_it_is(shop: Shop, known: bool):
    ready(shop)
    order_id = place_auto_order(shop.person)
    assert order_id
    shop.stripe.intents[f"auto:{order_id}"] = intent_of(order_id, customer="cus_1")
    if known:
        with transaction() as session:
            session.get_one(Order, order_id).payment_intent_id = f"pi_{order_id}"
    shop.stripe.answers = [*NOTHING_NEW]
    report = asyncio.run(reconcile(now() + timedelta(hours=1)))
    assert (shop.balance, report.healed) == ("27.00", [order_id])


def test_a_dispute_that_was_won_long_after_it_began_is_asked_about(shop: Shop):
    order_id = bought(shop)
    shop.stripe.sessions[f"cs_{order_id}"] |= PAID | {"payment_intent": f"pi_{order_id}"}
    shop.deliver(dispute(order_id, 2_500, "funds_withdrawn", "needs_response", moved=1))
    assert shop.balance == "0.00"
    won = json.loads(dispute(order_id, 2_500, "closed", "won", moved=2))["data"]["object"]
    shop.stripe.disputes[won["id"]] = won
    shop.stripe.answers = [*NOTHING_NEW, *NOTHING_BACK]
    asyncio.run(reconcile(now() + timedelta(hours=1)))
    assert shop.balance == "27.00"
    asked = len(shop.stripe.asked)
    shop.stripe.answers = [*NOTHING_NEW, *NOTHING_BACK]
    asyncio.run(reconcile(now() + timedelta(hours=1)))
    assert not any("/v1/disputes/" in one.path for one in shop.stripe.asked[asked:])


def test_buying_is_paused_until_a_dispute_is_decided_also_when_the_money_went_at_once(shop: Shop):
    order_id = bought(shop)
    shop.deliver(dispute(order_id, 2_500, "created", "needs_response", moved=1))
    with pytest.raises(PurchasesPaused):
        shop.order(10)
    shop.deliver(dispute(order_id, 2_500, "closed", "lost", moved=1))
    assert shop.order(10)


def test_a_dispute_that_is_raised_before_the_money_goes_takes_what_it_is_about_then(shop: Shop):
    order_id = bought(shop)
    shop.deliver(dispute(order_id, 1_000, "created", "warning_needs_response"))
    shop.deliver(dispute(order_id, 2_500, "funds_withdrawn", "needs_response", moved=1))
    assert shop.balance == "0.00"


@pytest.mark.parametrize(("movements", "left"), [([-2_500], "0.00"), ([-2_500, 2_500], "27.00"), ([], "27.00")])
def test_a_dispute_that_was_prevented_is_followed_by_where_its_money_is(shop: Shop, movements: list[int], left: str):
    order_id = bought(shop)
    body = json.loads(dispute(order_id, 2_500, "closed", "prevented"))
    body["data"]["object"]["balance_transactions"] = [{"amount": amount} for amount in movements]
    shop.deliver(json.dumps(body).encode())
    assert shop.balance == left


@pytest.mark.parametrize("odd", [{"status": None}, {"amount": 2_500_000_000, "currency": "idr"}], ids=repr)
def test_one_odd_refund_of_another_product_does_not_keep_ours_from_being_followed(shop: Shop, odd: dict):
    order_id = bought(shop)
    shop.stripe.sessions[f"cs_{order_id}"] |= PAID | {"payment_intent": f"pi_{order_id}"}
    base = {"object": "refund", "amount": 5, "currency": "usd", "payment_intent": "pi_other", "status": "succeeded"}
    shop.stripe.refunds["a"] = base | {"id": "re_odd"} | odd
    shop.stripe.refunds["b"] = base | {"id": "re_ours", "amount": 2_500, "payment_intent": f"pi_{order_id}"}
    asyncio.run(reconcile(now() - timedelta(hours=2)))
    assert shop.balance == "0.00"


def test_a_refund_of_a_payment_that_stripe_does_not_know_gives_the_credit_back(shop: Shop):
    order_id = bought(shop)
    shop.stripe.answers = [GONE]
    with pytest.raises(PaymentUnavailable, match="on your balance again"):
        asyncio.run(request_refund(shop.person, order_id))
    assert (shop.balance, read_balance(shop.person).frozen_nanos) == ("27.00", 0)


def test_a_refund_that_was_made_under_a_key_that_stripe_forgot_is_found_and_not_given_back(shop: Shop):
    order_id = bought(shop)
    shop.stripe.answers = [None, None, None]
    with pytest.raises(PaymentUnavailable):
        asyncio.run(request_refund(shop.person, order_id))
    made = {"id": "re_1", "object": "refund", "amount": 2_500, "currency": "usd", "status": "succeeded"}
    shop.stripe.refunds["forgotten"] = made | {"payment_intent": f"pi_{order_id}"}
    again = (400, b'{"error": {"type": "invalid_request_error", "code": "charge_already_refunded"}}')
    shop.stripe.answers = [*NOTHING_NEW, *NOTHING_BACK, again]
    asyncio.run(reconcile(now() - timedelta(hours=2)))
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "refunded")


def test_a_customer_whom_stripe_does_not_find_is_forgotten_and_the_order_closed(shop: Shop):
    shop.order(25)
    shop.stripe.answers = [GONE]
    with pytest.raises(PaymentUnavailable):
        shop.order(25)
    assert [order.status for order in shop.orders()] == ["pending", "failed"]
    with reading() as session:
        assert session.get(SavedCard, shop.person) is None


def test_a_refund_that_is_reported_while_its_payment_is_credited_is_followed(shop: Shop):
    order_id = shop.order(25)
    paid = event_facts(read_event(shop.completed(order_id).decode()))
    assert isinstance(paid, CheckoutFacts)
    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            fulfill_checkout(session, paid)
            refunding = pool.submit(shop.deliver, refund(order_id, 2_500))
            time.sleep(0.3)
        refunding.result(timeout=30)
    assert shop.balance == "0.00"


def test_a_card_that_was_entered_before_the_card_was_removed_does_not_come_back(shop: Shop):
    save_card(shop)
    asyncio.run(open_card_setup(shop.person, "ada@example.org"))
    page = next(it for it in shop.stripe.sessions.values() if it.get("mode") == "setup" and it["status"] == "open")
    page |= {"status": "complete", "setup_intent": {"id": "seti_2", "payment_method": {"id": "pm_2", "card": CARD}}}
    asyncio.run(remove_card(shop.person))
    shop.deliver(event("checkout.session.completed", page))
    assert asyncio.run(collect_card(shop.person)) is None


def test_of_two_open_pages_the_one_on_which_a_card_was_entered_counts(shop: Shop):
    asyncio.run(open_card_setup(shop.person, "ada@example.org"))
    first = next(iter(shop.stripe.sessions.values()))
    asyncio.run(open_card_setup(shop.person, "ada@example.org"))
    first |= {"status": "complete", "setup_intent": {"id": "seti_2", "payment_method": {"id": "pm_2", "card": CARD}}}
    shop.deliver(event("checkout.session.completed", first))
    assert asyncio.run(collect_card(shop.person)) is not None


def test_a_place_in_the_statement_with_thousands_of_digits_is_refused(shop: Shop):
    from starlette.requests import Request

    spend_nothing = Request({"type": "http", "query_string": b"before=" + b"9" * 5_000, "headers": []})
    with pytest.raises(InvalidInput):
        before_of(spend_nothing)
