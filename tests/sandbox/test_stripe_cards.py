"""Customers, saved cards, and charging them while their owner is away."""

import time

import pytest
import stripe

from .world import STRIPES_OWN_WARNING, World, until

pytestmark = STRIPES_OWN_WARNING


def off_session(customer: str, method: str, **changes):
    asked = {
        "amount": 2_500,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
        "metadata": {"order_id": "ord_2"},
    }
    return asked | changes


async def test_a_customer_is_created_changed_found_and_deleted(world: World):
    client = world.stripe().v1.customers
    made = await client.create_async({"email": "ada@example.com", "name": "Ada", "metadata": {"user_id": "u1"}})
    assert made.id.startswith("cus_")
    changed = await client.update_async(made.id, {"metadata": {"more": "1"}, "name": "Ada L"})
    assert (changed.name, changed.metadata.to_dict()) == ("Ada L", {"user_id": "u1", "more": "1"})
    await client.create_async({"email": "bob@example.com"})
    found = await client.list_async({"email": "ada@example.com"})
    assert [one.id for one in found.data] == [made.id]
    assert (await client.delete_async(made.id)).deleted
    assert (await client.retrieve_async(made.id)).deleted
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await client.retrieve_async("cus_nobody")
    assert missing.value.http_status == 404


async def test_checkout_saves_a_card_for_the_customer_and_detaching_forgets_it(world: World):
    customer, method = await world.saved_card("ok")
    client = world.stripe().v1
    kept = await client.payment_methods.retrieve_async(method)
    assert (kept.customer, kept.type, kept.card.last4, kept.card.brand) == (customer, "card", "4242", "visa")
    listed = await client.payment_methods.list_async({"customer": customer, "type": "card"})
    assert [one.id for one in listed.data] == [method]
    sessions = (await client.checkout.sessions.list_async({"customer": customer})).data
    assert [one.customer for one in sessions] == [customer]
    assert sessions[0].customer_details.email == "ada@example.com"
    assert (await client.payment_methods.detach_async(method)).customer is None
    assert (await client.customers.payment_methods.list_async(customer)).data == []
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.payment_intents.create_async(off_session(customer, method))


async def test_the_page_asks_how_the_saved_card_behaves_only_where_one_is_saved(world: World):
    customer = await world.stripe().v1.customers.create_async({"email": "ada@example.com"})
    data = {"setup_future_usage": "off_session"}
    saving = await world.buy(customer=customer.id, customer_email=None, payment_intent_data=data)
    page = (await world.browser().get(world.local(saving.url))).text
    assert page.count('name="card"') == 3
    assert 'name="card"' not in (await world.browser().get(world.local((await world.buy()).url))).text
    assert (await world.choose(saving, "paid", card="gold")).status_code == 400


async def test_without_setup_future_usage_no_card_is_saved(world: World):
    customer = await world.stripe().v1.customers.create_async({"email": "ada@example.com"})
    await world.choose(await world.buy(customer=customer.id, customer_email=None), "paid")
    assert (await world.stripe().v1.customers.payment_methods.list_async(customer.id)).data == []


async def test_a_customer_and_an_email_together_are_refused(world: World):
    customer = await world.stripe().v1.customers.create_async({})
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        await world.buy(customer=customer.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        await world.buy(customer="cus_nobody", customer_email=None)


async def test_a_saved_card_is_charged_while_its_owner_is_away(world: World):
    customer, method = await world.saved_card("ok")
    client = world.stripe().v1.payment_intents
    asked = off_session(customer, method)
    intent = await client.create_async(asked, {"idempotency_key": "top_up"})
    assert (intent.status, intent.amount_received, intent.metadata["order_id"]) == ("succeeded", 2_500, "ord_2")
    assert intent.latest_charge.startswith("ch_")
    assert (await client.create_async(asked, {"idempotency_key": "top_up"})).id == intent.id
    await until(lambda: intent.id in {one.event["data"]["object"]["id"] for one in world.received})
    assert (await client.list_async({"customer": customer})).data[0].id == intent.id


@pytest.mark.parametrize(
    ("card", "code"), [("declines", "card_declined"), ("authentication", "authentication_required")]
)
async def test_a_card_that_refuses_is_a_402_with_its_intent(world: World, card, code):
    customer, method = await world.saved_card(card)
    client = world.stripe().v1.payment_intents
    with pytest.raises(stripe.CardError) as refused:
        await client.create_async(off_session(customer, method))
    error = refused.value
    assert (error.http_status, error.code) == (402, code)
    assert error.error.payment_intent.status == "requires_payment_method"
    assert error.error.payment_method.id == method
    kept = await client.retrieve_async(error.error.payment_intent.id, {"expand": ["latest_charge"]})
    assert (kept.last_payment_error.code, kept.latest_charge.status) == (code, "failed")
    (failed,) = await world.webhooks("payment_intent.payment_failed")
    assert failed["data"]["object"]["id"] == kept.id
    cancelled = await client.cancel_async(kept.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    await world.webhooks("payment_intent.canceled")
    with pytest.raises(stripe.InvalidRequestError) as over:
        await client.confirm_async(kept.id, {"payment_method": method})
    assert over.value.code == "payment_intent_unexpected_state"


async def test_a_card_that_demands_authentication_waits_for_its_owner_when_they_are_there(world: World):
    customer, method = await world.saved_card("authentication")
    intent = await world.stripe().v1.payment_intents.create_async(off_session(customer, method, off_session=False))
    assert (intent.status, intent.next_action.type) == ("requires_action", "use_stripe_sdk")


async def test_a_saved_card_can_begin_to_decline_later(world: World):
    customer, method = await world.saved_card("ok")
    await world.control(f"cards/{method}", behaviour="declines")
    with pytest.raises(stripe.CardError):
        await world.stripe().v1.payment_intents.create_async(off_session(customer, method))


async def test_another_customers_card_and_a_paid_intent_are_left_alone(world: World):
    customer, method = await world.saved_card("ok")
    other, _ = await world.saved_card("ok")
    client = world.stripe().v1.payment_intents
    with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
        await client.create_async(off_session(other, method))
    paid = await client.create_async(off_session(customer, method))
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.cancel_async(paid.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    for wrong in ({"amount": 49}, {"amount": "2.5"}, {"currency": "zzz"}, {"confirm": False}):
        with pytest.raises(stripe.InvalidRequestError):
            await client.create_async(off_session(customer, method, **wrong))


@pytest.mark.parametrize(
    ("card", "code"), [("declines", "card_declined"), ("authentication", "authentication_required")]
)
async def test_a_refusal_under_the_same_key_is_the_same_refusal_and_no_second_attempt(world: World, card, code):
    customer, method = await world.saved_card(card)
    client = world.stripe().v1
    asked = off_session(customer, method, expand=["latest_charge"])
    intents: list[str] = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            await client.payment_intents.create_async(asked, {"idempotency_key": "auto_top_up:1"})
        assert (refused.value.http_status, refused.value.code) == (402, code)
        intents.append(refused.value.error.payment_intent.id)
    assert intents[0] == intents[1]
    charges = await client.charges.list_async({"payment_intent": intents[0]})
    assert [charge.status for charge in charges.data] == ["failed"]
    events = await client.events.list_async({"type": "payment_intent.payment_failed"})
    assert [event.data.object["id"] for event in events.data] == [intents[0]]
    with pytest.raises(stripe.IdempotencyError):
        await client.payment_intents.create_async(asked | {"amount": 5_000}, {"idempotency_key": "auto_top_up:1"})


async def test_a_succeeded_answer_is_replayed_whole_with_its_charge(world: World):
    customer, method = await world.saved_card("ok")
    client = world.stripe().v1.payment_intents
    asked = off_session(
        customer, method, expand=["latest_charge"], receipt_email="ada@example.com", description="Top-up"
    )
    first = await client.create_async(asked, {"idempotency_key": "auto_top_up:2"})
    again = await client.create_async(asked, {"idempotency_key": "auto_top_up:2"})
    assert again.to_dict() == first.to_dict()
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert (first.description, first.receipt_email, first.latest_charge.description) == (
        "Top-up",
        "ada@example.com",
        "Top-up",
    )
    page = await world.browser().get(world.local(first.latest_charge.receipt_url))
    assert "$25.00" in page.text


async def test_intents_are_listed_for_one_customer_and_for_all_with_their_charges(world: World):
    client = world.stripe().v1.payment_intents
    made: dict[str, str] = {}
    for _ in range(2):
        customer, method = await world.saved_card("ok")
        made[customer] = (await client.create_async(off_session(customer, method))).id
    since = {"created": {"gte": int(time.time()) - 60}, "limit": 100, "expand": ["data.latest_charge"]}
    for customer, intent in made.items():
        mine = await client.list_async(since | {"customer": customer})
        # Newest first: the saved card's charge, then the purchase that saved it.
        assert mine.data[0].id == intent
        assert {one.customer for one in mine.data} == {customer}
        assert all(one.latest_charge.receipt_url for one in mine.data)
    everyones = await client.list_async(since)
    assert set(made.values()) < {one.id for one in everyones.data}
    assert len(everyones.data) == 4
    later = await client.list_async(since | {"created": {"gte": int(time.time()) + 60}})
    assert later.data == []
