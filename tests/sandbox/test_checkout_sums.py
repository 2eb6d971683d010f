"""Promotion codes, tax and invoices at checkout."""

import pytest
import stripe

from projectloom.sandbox import checkout

from .world import STRIPES_OWN_WARNING, World

pytestmark = STRIPES_OWN_WARNING


async def test_a_code_takes_a_fifth_off_and_the_subtotal_stays(world: World):
    session = await world.buy(allow_promotion_codes=True)
    page = await world.choose(session, "apply", promotion_code="loom20")
    assert page.status_code == 200
    assert "$20.00" in page.text
    await world.choose(session, "paid")
    client = world.stripe().v1.checkout.sessions
    paid = await client.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (paid.amount_subtotal, paid.amount_total, paid.payment_status) == (2_500, 2_000, "paid")
    assert paid.total_details.amount_discount == 500
    assert paid.discounts[0].promotion_code == "promo_LOOM20"
    assert paid.payment_intent.amount_received == 2_000
    (line,) = (await client.line_items.list_async(session.id)).data
    assert (line.amount_subtotal, line.amount_discount, line.amount_total) == (2_500, 500, 2_000)


async def test_a_full_discount_needs_no_payment(world: World):
    session = await world.buy(allow_promotion_codes=True)
    assert (await world.choose(session, "paid", promotion_code="FREE100")).status_code == 303
    free = await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
    assert (free.status, free.payment_status, free.payment_intent) == ("complete", "no_payment_required", None)
    assert (free.amount_subtotal, free.amount_total) == (2_500, 0)
    (completed,) = await world.webhooks("checkout.session.completed")
    assert completed["data"]["object"]["payment_status"] == "no_payment_required"
    assert world.kinds() == ["checkout.session.completed"]
    assert "nothing to pay" in (await world.browser().get(world.local(session.url))).text


async def test_a_free_session_cannot_be_declined_or_paid_later(world: World):
    session = await world.buy(allow_promotion_codes=True)
    await world.choose(session, "apply", promotion_code="FREE100")
    for outcome in ("declined", "later_paid", "later_failed"):
        assert (await world.choose(session, outcome)).status_code == 400


async def test_a_wrong_code_or_one_where_none_is_allowed_changes_nothing(world: World):
    for allowed in (True, None):
        session = await world.buy(allow_promotion_codes=allowed)
        page = await world.choose(session, "paid", promotion_code="LOOM20" if allowed is None else "nonsense")
        assert "This code is invalid" in page.text
        again = await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
        assert (again.status, again.amount_total) == ("open", 2_500)


async def test_a_code_after_a_decline_changes_what_is_charged(world: World):
    session = await world.buy(allow_promotion_codes=True)
    await world.choose(session, "declined")
    await world.choose(session, "paid", promotion_code="LOOM20")
    paid = await world.stripe().v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (paid.payment_intent.amount, paid.payment_intent.amount_received) == (2_000, 2_000)


@pytest.mark.parametrize(
    ("behavior", "total", "tax", "code"),
    [(None, 2_750, 250, ""), ("exclusive", 2_200, 200, "LOOM20"), ("inclusive", 2_500, 227, "")],
)
async def test_tax_is_in_the_total_and_said_apart(world: World, behavior, total, tax, code):
    price = {"currency": "usd", "unit_amount": 2_500, "product_data": {"name": "Credits"}}
    items = [{"quantity": 1, "price_data": price | ({"tax_behavior": behavior} if behavior else {})}]
    session = await world.buy(automatic_tax={"enabled": True}, allow_promotion_codes=True, line_items=items)
    await world.choose(session, "paid", promotion_code=code)
    paid = await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
    assert (paid.amount_subtotal, paid.amount_total, paid.total_details.amount_tax) == (2_500, total, tax)
    assert paid.automatic_tax.status == "complete"


async def test_an_invoice_is_made_with_a_page_and_a_pdf(world: World):
    session = await world.buy(invoice_creation={"enabled": True})
    assert session.invoice is None
    await world.choose(session, "paid")
    client = world.stripe().v1
    paid = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice"]})
    assert paid.customer
    assert (paid.invoice.status, paid.invoice.total, paid.invoice.amount_paid) == ("paid", 2_500, 2_500)
    invoice = await client.invoices.retrieve_async(paid.invoice.id)
    assert invoice.payments.data[0].payment.payment_intent == paid.payment_intent
    page = await world.browser().get(world.local(invoice.hosted_invoice_url))
    assert invoice.number in page.text
    pdf = await world.browser().get(world.local(invoice.invoice_pdf))
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.4")
    assert b"$25.00" in pdf.content
    assert (await world.browser().get(f"{world.url}/sandbox/receipts/ch_nothing")).status_code == 404


async def test_an_invoice_of_a_bank_payment_comes_with_the_money(world: World, monkeypatch):
    monkeypatch.setattr(checkout, "BANK_ANSWER_SECONDS", 0.3)
    session = await world.buy(invoice_creation={"enabled": True})
    await world.choose(session, "later_paid")
    completed, succeeded = await world.webhooks(
        "checkout.session.completed", "checkout.session.async_payment_succeeded"
    )
    assert completed["data"]["object"]["invoice"] is None
    assert succeeded["data"]["object"]["invoice"].startswith("in_")


async def test_what_the_sandbox_cannot_do_is_refused_in_words(world: World):
    with pytest.raises(stripe.InvalidRequestError, match="promotion codes on its page"):
        await world.buy(discounts=[{"coupon": "x"}])
    with pytest.raises(stripe.InvalidRequestError, match="Invalid boolean"):
        await world.buy(allow_promotion_codes="perhaps")
