import pytest

from projectloom.billing.checkout import create_checkout
from projectloom.billing.models import OrderStatus
from projectloom.billing.orders import list_orders
from projectloom.config import settings
from projectloom.errors import InvalidAmount, PaymentUnavailable
from projectloom.money import usd_string
from tests.billing.conftest import Shop
from tests.live import free_port

CUSTOMER = (200, b'{"object": "customer", "id": "cus_1"}')


def test_the_order_is_kept_before_the_person_leaves_for_the_payment_page(shop: Shop):
    order_id = shop.order(25)
    row = shop.row(order_id)
    assert (row.status, row.price_cents, row.bonus_cents, row.currency) == (OrderStatus.PENDING, 2_500, 200, "usd")
    assert (row.user_id, row.session_id, row.livemode) == (shop.person, f"cs_{order_id}", False)
    assert shop.balance == "0.00"
    customer, asked = shop.stripe.asked
    assert (customer.path, customer.form["email"]) == ("/v1/customers", "ada@example.org")
    assert asked.form["customer"] == "cus_1"
    assert asked.form["success_url"] == "https://loom.example/?purchase=success"
    assert asked.form["cancel_url"] == "https://loom.example/?purchase=cancelled"
    assert asked.form["line_items[0][price_data][product_data][name]"] == "ProjectLoom Credits ($27)"
    assert asked.form["line_items[0][price_data][product_data][description]"] == "$25 + $2 bonus"
    assert asked.form["metadata[userId]"] == shop.person


def test_a_person_sees_what_they_bought_the_latest_first(shop: Shop):
    first, second = shop.order(10), shop.order(100)
    shop.deliver(shop.completed(first, cents=1_000))
    seen = list_orders(shop.person)
    assert [(one.id, one.status, usd_string(one.price_nanos), usd_string(one.credit_nanos)) for one in seen] == [
        (second, "pending", "100.00", "115.00"),
        (first, "completed", "10.00", "10.00"),
    ]
    assert list_orders("usr_somebody_else") == []


@pytest.mark.parametrize("amount", [0, -25, 24, "25", 25.0, True, None, [25]], ids=repr)
async def test_an_amount_that_is_not_sold_writes_nothing_and_asks_nobody(shop: Shop, amount: object):
    with pytest.raises(InvalidAmount):
        await create_checkout(shop.person, "ada@example.org", amount)
    assert shop.orders() == []
    assert shop.stripe.asked == []


async def test_when_stripe_cannot_be_reached_the_order_is_failed_and_nothing_is_charged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{free_port()}")
    settings.cache_clear()
    with pytest.raises(PaymentUnavailable):
        await create_checkout(shop.person, "ada@example.org", 25)
    (order,) = shop.orders()
    assert (order.status, order.session_id) == (OrderStatus.FAILED, None)
    assert order.problem
    assert shop.balance == "0.00"


async def test_an_answer_that_is_no_session_fails_the_order(shop: Shop):
    shop.stripe.answers = [CUSTOMER, (200, b'{"object": "checkout.session", "id": "cs_1"}')]
    with pytest.raises(PaymentUnavailable):
        await create_checkout(shop.person, "ada@example.org", 25)
    assert shop.orders()[0].status == OrderStatus.FAILED


async def test_an_order_whose_answer_was_lost_is_still_credited_when_it_is_paid(shop: Shop):
    shop.stripe.answers = [CUSTOMER, *[None] * 3]
    with pytest.raises(PaymentUnavailable):
        await create_checkout(shop.person, "ada@example.org", 25)
    (order,) = shop.orders()
    shop.deliver(shop.completed(order.id))
    assert shop.balance == "27.00"
    assert shop.row(order.id).status == OrderStatus.COMPLETED


async def test_a_server_that_sells_nothing_says_so_and_keeps_no_order(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE"):
        monkeypatch.delenv(name)
    settings.cache_clear()
    with pytest.raises(PaymentUnavailable):
        await create_checkout(shop.person, "ada@example.org", 25)
    assert shop.orders() == []


async def test_a_person_is_one_customer_at_stripe_however_often_they_buy(shop: Shop):
    for amount in (10, 25, 50):
        await create_checkout(shop.person, "ada@example.org", amount)
    assert [asked.form.get("customer") for asked in shop.stripe.asked[1:]] == ["cus_1"] * 3


async def test_a_customer_that_was_deleted_at_stripe_is_made_anew_at_the_next_attempt(shop: Shop):
    gone = (400, b'{"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}}')
    shop.stripe.answers = [CUSTOMER, gone]
    with pytest.raises(PaymentUnavailable):
        await create_checkout(shop.person, "ada@example.org", 25)
    shop.stripe.customers = 6
    await create_checkout(shop.person, "ada@example.org", 25)
    assert shop.stripe.asked[-1].form["customer"] == "cus_7"


@pytest.mark.parametrize(
    ("amount", "bonus", "name"),
    [(5, 0, "$5"), (24, 0, "$24"), (37, 296, "$39.96"), (99, 990, "$108.90"), (500, 7_500, "$575")],
)
async def test_a_custom_amount_brings_the_bonus_of_its_bracket(shop: Shop, amount: int, bonus: int, name: str):
    await create_checkout(shop.person, "ada@example.org", amount, custom=True)
    (order,) = shop.orders()
    assert (order.price_cents, order.bonus_cents) == (amount * 100, bonus)
    asked = shop.stripe.asked[-1].form
    assert asked["line_items[0][price_data][product_data][name]"] == f"ProjectLoom Credits ({name})"
    shop.deliver(shop.completed(order.id, cents=amount * 100))
    assert shop.balance == f"{amount + bonus // 100}.{bonus % 100:02d}"


@pytest.mark.parametrize("amount", [4, 501, 0, -5, 5.0, "25", True, None, 10**30, float("nan")], ids=repr)
async def test_a_custom_amount_out_of_bounds_writes_nothing_and_asks_nobody(shop: Shop, amount: object):
    with pytest.raises(InvalidAmount):
        await create_checkout(shop.person, "ada@example.org", amount, custom=True)
    assert (shop.orders(), shop.stripe.asked) == ([], [])


async def test_codes_tax_and_invoices_are_asked_for_when_they_are_switched_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    await create_checkout(shop.person, "ada@example.org", 25)
    wanted = ["allow_promotion_codes", "automatic_tax[enabled]", "invoice_creation[enabled]"]
    wanted.append("customer_update[address]")
    assert [shop.stripe.asked[-1].form.get(name) for name in wanted] == [None] * 4
    for name in ("STRIPE_PROMOTION_CODES", "STRIPE_TAX", "STRIPE_INVOICES"):
        monkeypatch.setenv(name, "1")
    settings.cache_clear()
    await create_checkout(shop.person, "ada@example.org", 25)
    assert [shop.stripe.asked[-1].form.get(name) for name in wanted] == ["true", "true", "true", "auto"]
