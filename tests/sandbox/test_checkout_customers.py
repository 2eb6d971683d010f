"""Purchases with all that may go with one: a customer, a promotion code, tax, an invoice and a saved card."""

import time

import pytest
import stripe

from .world import STRIPES_OWN_WARNING, World

pytestmark = STRIPES_OWN_WARNING

ODD_ITEMS = [
    {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "x", "sku": "y"}}}
]
LINKS = ["payment_intent.latest_charge", "invoice", "setup_intent.payment_method"]


async def customer_of(world: World) -> str:
    asked = {"email": "ada@example.com", "metadata": {"userId": "u1"}}
    return (await world.stripe().v1.customers.create_async(asked)).id


def everything(customer: str):
    price = {"currency": "usd", "unit_amount": 2_500, "tax_behavior": "exclusive", "product_data": {"name": "Credits"}}
    return {
        "customer": customer,
        "customer_email": None,
        "line_items": [{"quantity": 1, "price_data": price}],
        "allow_promotion_codes": True,
        "automatic_tax": {"enabled": True},
        "customer_update": {"address": "auto"},
        "invoice_creation": {"enabled": True},
        "payment_intent_data": {
            "metadata": {"orderId": "ord_1"},
            "description": "ProjectLoom Credits",
            "setup_future_usage": "off_session",
        },
    }


async def test_code_tax_invoice_and_saved_card_come_together_and_their_pages_open(world: World):
    customer = await customer_of(world)
    session = await world.buy(**everything(customer))
    assert (session.amount_subtotal, session.amount_total, session.total_details.amount_tax) == (2_500, 2_750, 250)
    assert (await world.choose(session, "paid", promotion_code="LOOM20")).status_code == 303

    client = world.stripe().v1
    paid = await client.checkout.sessions.retrieve_async(session.id, {"expand": LINKS})
    assert (paid.status, paid.payment_status, paid.setup_intent) == ("complete", "paid", None)
    details = paid.total_details
    assert (paid.amount_subtotal, details.amount_discount, details.amount_tax) == (2_500, 500, 200)
    assert paid.amount_total == paid.payment_intent.amount_received == paid.invoice.total == 2_200
    assert paid.payment_intent.metadata.to_dict() == {"orderId": "ord_1"}
    assert paid.payment_intent.latest_charge.description == "ProjectLoom Credits"
    (method,) = (await client.customers.payment_methods.list_async(customer)).data
    assert method.id == paid.payment_intent.payment_method

    query = {"created": {"gte": int(time.time()) - 60}, "limit": 100}
    found = await client.checkout.sessions.list_async(
        query | {"expand": ["data.payment_intent.latest_charge", "data.invoice"]}
    )
    (listed,) = found.data
    assert listed.payment_intent.latest_charge.receipt_url == paid.payment_intent.latest_charge.receipt_url
    assert listed.invoice.hosted_invoice_url == paid.invoice.hosted_invoice_url
    for address, kind in (
        (paid.payment_intent.latest_charge.receipt_url, "text/html"),
        (paid.invoice.hosted_invoice_url, "text/html"),
        (paid.invoice.invoice_pdf, "application/pdf"),
    ):
        page = await world.browser().get(world.local(address))
        assert page.status_code == 200
        assert page.headers["content-type"].startswith(kind)
        assert "$22.00" in page.text


async def test_a_code_for_everything_ends_without_an_intent_and_with_an_invoice_of_nothing(world: World):
    session = await world.buy(**everything(await customer_of(world)))
    assert (await world.choose(session, "paid", promotion_code="FREE100")).status_code == 303
    free = await world.stripe().v1.checkout.sessions.retrieve_async(session.id, {"expand": LINKS})
    assert (free.status, free.payment_status, free.payment_intent) == ("complete", "no_payment_required", None)
    details = free.total_details
    assert (free.amount_subtotal, details.amount_discount, details.amount_tax, free.amount_total) == (
        2_500,
        2_500,
        0,
        0,
    )
    assert (free.invoice.status, free.invoice.total) == ("paid", 0)
    listed = await world.stripe().v1.checkout.sessions.list_async({"expand": [f"data.{link}" for link in LINKS]})
    assert [one.payment_intent for one in listed.data] == [None]


async def test_an_email_makes_a_customer_where_one_is_always_wanted(world: World):
    session = await world.buy(customer_creation="always")
    assert (session.customer, session.customer_creation) == (None, "always")
    await world.choose(session, "paid")
    paid = await world.stripe().v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    assert (paid.customer.email, paid.customer_details.email) == ("ada@example.com", "ada@example.com")


async def test_tax_for_a_customer_without_an_address_needs_leave_to_save_one(world: World):
    customer = await customer_of(world)
    asked = everything(customer)
    with pytest.raises(stripe.InvalidRequestError, match="valid address on the Customer") as refused:
        await world.buy(**(asked | {"customer_update": {"address": "never"}}))
    assert refused.value.code == "customer_tax_location_invalid"
    session = await world.buy(**asked)
    assert session.customer_details.address is None
    await world.choose(session, "paid")
    client = world.stripe().v1
    kept = await client.customers.retrieve_async(customer)
    paid = await client.checkout.sessions.retrieve_async(session.id)
    assert kept.address.country == paid.customer_details.address.country == "US"
    assert [event.data.object["id"] for event in (await client.events.list_async({"type": "customer.updated"})).data]
    known = await world.buy(**(asked | {"customer_update": None}))
    assert known.automatic_tax.status == "complete"


async def test_where_only_cards_are_allowed_no_bank_can_answer(world: World):
    session = await world.buy(allowed_payment_method_types=["card"])
    assert session.payment_method_types == ["card"]
    page = (await world.browser().get(world.local(session.url))).text
    assert "later_paid" not in page
    assert (await world.choose(session, "later_paid")).status_code == 400
    assert (await world.choose(session, "paid")).status_code == 303


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"customer_update": {"address": "auto"}}, "customer_update"),
        ({"customer_update": {"email": "auto"}}, "customer_update[email]"),
        ({"automatic_tax": {"on": True}}, "automatic_tax[on]"),
        ({"invoice_creation": {"wanted": True}}, "invoice_creation[wanted]"),
        ({"payment_intent_data": {"receipt": True}}, "payment_intent_data[receipt]"),
        ({"setup_intent_data": {"description": "x"}}, "setup_intent_data"),
        ({"customer_creation": "sometimes"}, "customer_creation"),
        ({"line_items": ODD_ITEMS}, "line_items[0][price_data][product_data][sku]"),
    ],
)
async def test_what_a_purchase_does_not_have_is_refused_by_its_whole_name(world: World, changes, param):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await world.buy(**changes)
    assert (refused.value.http_status, refused.value.param) == (400, param)


async def test_a_customer_and_the_making_of_one_are_refused_together(world: World):
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        await world.buy(customer=await customer_of(world), customer_email=None, customer_creation="always")
