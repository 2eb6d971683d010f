"""Every paid order is credited once; nothing unpaid and nothing that differs from its order ever is."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from projectloom.billing.models import OrderStatus
from projectloom.billing.refunds import is_refundable
from projectloom.billing.returning import settle_return
from projectloom.config import settings
from projectloom.db import reading
from projectloom.ledger.lots import lots_of
from projectloom.money import from_usd
from tests.billing.conftest import Shop
from tests.stripe_double import event, intent_of, session_of

UNPAID = {"payment_status": "unpaid"}
LEFT = {"payment_status": "unpaid", "status": "expired", "payment_intent": None}


def at_once(*works: Callable[[], object]) -> None:
    """Run all of them at the same time; what one raises is raised here."""
    with ThreadPoolExecutor(len(works)) as pool:
        for running in [pool.submit(work) for work in works]:
            running.result(timeout=60)


def test_a_paid_session_is_credited_with_its_bonus(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id))
    assert shop.balance == "27.00"
    row = shop.row(order_id)
    assert (row.status, row.payment_intent_id, row.awaiting_bank) == ("completed", f"pi_{order_id}", False)
    assert row.completed_at


def test_the_same_event_ten_times_at_once_is_credited_once(shop: Shop):
    body = shop.completed(shop.order(25))
    at_once(*[lambda: shop.deliver(body)] * 10)
    assert shop.balance == "27.00"
    assert len(shop.events()) == 1


def test_ten_event_ids_for_one_session_at_once_are_credited_once(shop: Shop):
    order_id = shop.order(25)
    bodies = [shop.completed(order_id) for _ in range(5)] + [shop.succeeded(order_id) for _ in range(5)]
    at_once(*[lambda body=body: shop.deliver(body) for body in bodies])
    assert shop.balance == "27.00"
    assert [kept.error for kept in shop.events()] == [None] * 10


def test_webhooks_and_return_pages_at_once_are_credited_once(shop: Shop):
    order_id = shop.order(50)
    shop.stripe.sessions[f"cs_{order_id}"] = session_of(order_id, cents=5_000)
    bodies = [shop.completed(order_id, cents=5_000), shop.succeeded(order_id, cents=5_000)] * 2
    webhooks = [lambda body=body: shop.deliver(body) for body in bodies]
    at_once(*webhooks, *[lambda: asyncio.run(settle_return(shop.person))] * 4)
    assert shop.balance == "55.00"


def test_two_orders_paid_at_once_are_both_credited(shop: Shop):
    bodies = [shop.completed(shop.order(10), cents=1_000) for _ in range(4)]
    at_once(*[lambda body=body: shop.deliver(body) for body in bodies])
    assert shop.balance == "40.00"


def test_the_intent_alone_is_enough(shop: Shop):
    shop.deliver(shop.succeeded(shop.order(25)))
    assert shop.balance == "27.00"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_subtotal": 2_400, "amount_total": 2_400},
        {"amount_subtotal": 2_600, "amount_total": 2_600},
        {"amount_subtotal": 1, "amount_total": 1},
        {"amount_total": 2_499},
        {"amount_total": 0},
        {"amount_total": 0, "payment_status": "no_payment_required"},
        {"amount_subtotal": 10**30, "amount_total": 10**30},
        {"currency": "jpy"},
        {"currency": "eur"},
        {"livemode": True},
        {"id": "cs_another"},
    ],
    ids=repr,
)
def test_a_payment_that_differs_from_its_order_is_set_aside_and_credits_nothing(shop: Shop, changes: dict):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id, **changes))
    assert shop.balance == "0.00"
    row = shop.row(order_id)
    assert row.status == OrderStatus.SET_ASIDE
    assert row.problem
    (kept,) = shop.events()
    assert kept.handled_at
    assert kept.error


@pytest.mark.parametrize(
    "changes", [{"amount_received": 2_499}, {"amount_received": 0}, {"currency": "eur"}, {"livemode": True}], ids=repr
)
def test_an_intent_that_differs_from_its_order_is_set_aside(shop: Shop, changes: dict):
    order_id = shop.order(25)
    shop.deliver(shop.succeeded(order_id, **changes))
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "set_aside")


def test_tax_on_top_of_the_price_credits_the_pack_and_no_more(shop: Shop):
    shop.deliver(shop.completed(shop.order(25), amount_total=2_975))
    assert shop.balance == "27.00"


def discounted(off: int, tax: int = 0, **changes) -> dict:
    total = 2_500 - off + tax
    sums = {"amount_discount": off, "amount_tax": tax, "amount_shipping": 0}
    return {"amount_total": total, "total_details": sums} | changes


@pytest.fixture
def with_codes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("STRIPE_PROMOTION_CODES", "1")
    settings.cache_clear()
    return shop


def test_a_discount_credits_the_pack_and_is_booked_as_given(with_codes: Shop):
    order_id = with_codes.order(25)
    with_codes.deliver(with_codes.completed(order_id, **discounted(500, 350)))
    row = with_codes.row(order_id)
    assert (with_codes.balance, row.paid_cents, row.discount_cents, row.tax_cents) == ("27.00", 2_350, 500, 350)
    with reading() as session:
        lots = lots_of(session, idempotency_key=f"top_up:{order_id}")
        assert sorted(lot.remaining_nanos for lot in lots) == [from_usd(7), from_usd(20)]


def test_a_full_discount_credits_the_pack_without_any_payment(with_codes: Shop):
    order_id = with_codes.order(25)
    free = discounted(2_500, payment_status="no_payment_required", payment_intent=None)
    with_codes.deliver(with_codes.completed(order_id, **free))
    row = with_codes.row(order_id)
    assert (with_codes.balance, row.status, row.paid_cents) == ("27.00", "completed", 0)
    with reading() as session:
        assert not is_refundable(session, row)


def test_a_discounted_payment_waits_for_its_session_to_say_so(with_codes: Shop):
    order_id = with_codes.order(25)
    with_codes.deliver(with_codes.succeeded(order_id, amount_received=2_000))
    assert (with_codes.balance, with_codes.row(order_id).status) == ("0.00", "pending")
    with_codes.deliver(with_codes.completed(order_id, **discounted(500)))
    assert with_codes.balance == "27.00"


@pytest.mark.parametrize("off", [1, 500, 2_500])
def test_a_discount_that_was_never_offered_is_set_aside(shop: Shop, off: int):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id, **discounted(off)))
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "set_aside")


def test_a_card_refused_on_the_payment_page_does_not_close_it(shop: Shop):
    order_id = shop.order(25)
    refused = intent_of(order_id, status="requires_payment_method", amount_received=0)
    shop.deliver(event("payment_intent.payment_failed", refused))
    assert shop.row(order_id).status == "pending"
    shop.deliver(shop.completed(order_id))
    assert shop.balance == "27.00"


def test_an_order_that_was_set_aside_is_credited_when_the_right_payment_comes(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id, id="cs_another"))
    shop.deliver(shop.completed(order_id))
    assert (shop.balance, shop.row(order_id).status, shop.row(order_id).problem) == ("27.00", "completed", None)


def test_a_credited_order_stays_as_it_is_whatever_is_said_later(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id))
    before = shop.row(order_id)
    for kind, changes in (
        ("checkout.session.completed", UNPAID),
        ("checkout.session.completed", {"currency": "eur"}),
        ("checkout.session.async_payment_failed", UNPAID),
        ("checkout.session.expired", LEFT),
    ):
        shop.deliver(event(kind, session_of(order_id, **changes)))
    assert shop.row(order_id) == before
    assert shop.balance == "27.00"


def test_a_second_payment_of_a_credited_order_is_not_credited_but_noted_for_a_person_to_see(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id))
    shop.deliver(event("payment_intent.succeeded", intent_of(order_id, id="pi_another"), event_id="evt_zz"))
    assert shop.balance == "27.00"
    assert shop.row(order_id).status == "completed"
    assert shop.events()[-1].error == "set aside: differs from the order"


def test_an_order_that_we_do_not_know_is_recorded_and_answered_with_success(shop: Shop):
    shop.deliver(shop.completed("ord_of_another_shop"))
    (kept,) = shop.events()
    assert kept.handled_at
    assert kept.error == "not one of our orders"
    assert shop.balance == "0.00"


def test_an_unpaid_session_credits_nothing(shop: Shop):
    order_id = shop.order(25)
    for changes in ({"status": "open"}, {"status": "complete"}, {"payment_status": "no_payment_required"}):
        shop.deliver(shop.completed(order_id, **UNPAID | changes))
        assert shop.balance == "0.00"
    assert shop.row(order_id).status == "pending"


def test_a_payment_that_the_bank_confirms_later_is_credited_then(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id, **UNPAID))
    assert (shop.balance, shop.row(order_id).awaiting_bank) == ("0.00", True)
    shop.deliver(event("checkout.session.async_payment_succeeded", session_of(order_id)))
    row = shop.row(order_id)
    assert (shop.balance, row.status, row.awaiting_bank) == ("27.00", "completed", False)


def test_a_payment_that_the_bank_refuses_later_is_failed(shop: Shop):
    order_id = shop.order(25)
    refused = event("checkout.session.async_payment_failed", session_of(order_id, **UNPAID))
    waiting = shop.completed(order_id, **UNPAID)
    # In either order: the late news that it waits does not open it again.
    for body in (waiting, refused, shop.completed(order_id, **UNPAID)):
        shop.deliver(body)
    row = shop.row(order_id)
    assert (shop.balance, row.status, row.awaiting_bank) == ("0.00", "failed", False)


@pytest.mark.parametrize("kind", ["checkout.session.expired", "checkout.session.async_payment_failed"])
def test_an_order_that_seemed_over_is_credited_when_its_payment_comes_after_all(shop: Shop, kind: str):
    order_id = shop.order(25)
    shop.deliver(event(kind, session_of(order_id, **(LEFT if "expired" in kind else UNPAID))))
    assert shop.row(order_id).status in ("expired", "failed")
    shop.deliver(shop.completed(order_id))
    assert (shop.balance, shop.row(order_id).status) == ("27.00", "completed")


def test_a_payment_that_arrives_three_days_late_is_credited(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(event("checkout.session.completed", session_of(order_id), created=1))
    assert shop.balance == "27.00"
