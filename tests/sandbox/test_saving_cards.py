"""Checkout that saves a card and takes no payment, and what the card does afterwards."""

import asyncio
import re
import time
from collections import Counter

import pytest
import stripe

from .world import STRIPES_OWN_WARNING, World, session_params

pytestmark = STRIPES_OWN_WARNING

MADE = ["setup_intent.created", "payment_method.attached", "setup_intent.succeeded", "checkout.session.completed"]


def setup_params(**changes):
    asked = {
        "mode": "setup",
        "currency": "usd",
        "allowed_payment_method_types": ["card"],
        "metadata": {"userId": "u1", "purpose": "saved_card"},
        "setup_intent_data": {"metadata": {"userId": "u1", "purpose": "saved_card"}},
        "success_url": "http://localhost:3000/?card=saved&session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:3000/?card=cancelled",
        "expires_at": int(time.time()) + 3_600,
    } | changes
    return {name: value for name, value in asked.items() if value is not None}


async def begun(world: World, **changes):
    client = world.stripe().v1
    asked = {"email": "ada@example.com", "metadata": {"userId": "u1"}}
    customer = await client.customers.create_async(asked, {"idempotency_key": "customer:u1"})
    return await client.checkout.sessions.create_async(setup_params(**({"customer": customer.id} | changes)))


async def kinds_made(world: World) -> list[str]:
    """Every event there is, oldest first."""
    listed = await world.stripe().v1.events.list_async({"limit": 100})
    return [event.type for event in listed.data][::-1]


async def test_a_session_that_saves_a_card_has_no_amounts_and_needs_no_payment(world: World):
    session = await begun(world)
    assert (session.mode, session.status, session.payment_status) == ("setup", "open", "no_payment_required")
    assert (session.amount_subtotal, session.amount_total, session.total_details) == (None, None, None)
    assert (session.payment_intent, session.setup_intent, session.invoice_creation) == (None, None, None)
    assert (session.currency, session.payment_method_types) == ("usd", ["card"])
    assert session.metadata.to_dict() == {"userId": "u1", "purpose": "saved_card"}
    fields = {"expand": ["payment_intent.latest_charge", "invoice", "setup_intent.payment_method", "line_items"]}
    again = await world.stripe().v1.checkout.sessions.retrieve_async(session.id, fields)
    assert (again.payment_intent, again.invoice, again.setup_intent) == (None, None, None)
    assert again.line_items.data == []


async def test_the_page_saves_a_card_and_names_no_amount(world: World):
    page = (await world.browser().get(world.local((await begun(world)).url))).text
    assert "<title>Save a card" in page
    assert "Sandbox" in page
    assert "$" not in page
    assert "ada@example.com" in page
    assert re.findall(r'name="outcome" value="(\w+)"', page) == ["saved", "cancel"]
    assert re.findall(r'name="card" value="(\w+)"', page) == ["ok", "declines", "authentication"]


async def test_saving_attaches_the_card_to_the_customer_and_tells_of_it_in_order(world: World):
    session = await begun(world)
    answer = await world.choose(session, "saved", card="ok")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://localhost:3000/?card=saved&session={session.id}"

    client = world.stripe().v1
    saved = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method"]})
    assert (saved.status, saved.payment_status, saved.url) == ("complete", "no_payment_required", None)
    assert (saved.amount_total, saved.payment_intent) == (None, None)
    intent = saved.setup_intent
    assert (intent.status, intent.usage, intent.customer) == ("succeeded", "off_session", session.customer)
    assert intent.metadata.to_dict() == {"userId": "u1", "purpose": "saved_card"}
    method = intent.payment_method
    assert (method.customer, method.card.brand, method.card.last4) == (session.customer, "visa", "4242")
    assert (method.card.exp_month, method.card.exp_year) == (12, 2034)

    alone = await client.setup_intents.retrieve_async(intent.id)
    assert (alone.id, alone.payment_method) == (intent.id, method.id)
    listed = await client.setup_intents.list_async({"customer": session.customer, "expand": ["data.payment_method"]})
    assert [one.payment_method.id for one in listed.data] == [method.id]
    attached = await client.customers.payment_methods.list_async(session.customer, {"type": "card"})
    assert [one.id for one in attached.data] == [method.id]

    (completed,) = await world.webhooks("checkout.session.completed")
    assert completed["data"]["object"]["setup_intent"] == intent.id
    assert await kinds_made(world) == ["customer.created", *MADE]
    assert (await client.payment_intents.list_async()).data == []


async def test_saves_at_the_same_moment_save_one_card(world: World):
    session = await begun(world)
    answers = await asyncio.gather(*(world.choose(session, "saved") for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {303: 1, 200: 5}
    assert await kinds_made(world) == ["customer.created", *MADE]
    page = (await world.browser().get(world.local(session.url))).text
    assert "The card is saved" in page
    assert "<form" not in page


async def test_cancelling_goes_back_and_saves_nothing(world: World):
    session = await begun(world)
    answer = await world.choose(session, "cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, "http://localhost:3000/?card=cancelled")
    assert (await world.stripe().v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert await kinds_made(world) == ["customer.created"]


async def test_nothing_can_be_paid_on_a_saving_page_nor_saved_on_a_paying_one(world: World):
    session = await begun(world)
    for outcome in ("paid", "declined", "later_paid", "later_failed"):
        assert (await world.choose(session, outcome)).status_code == 400
    assert "This code is invalid" in (await world.choose(session, "apply", promotion_code="FREE100")).text
    assert (await world.choose(session, "saved", card="gold")).status_code == 400
    assert (await world.choose(await world.buy(), "saved")).status_code == 400
    assert await kinds_made(world) == ["customer.created"]


async def test_an_expired_saving_page_saves_nothing(world: World):
    session = await begun(world)
    await world.stripe().v1.checkout.sessions.expire_async(session.id)
    assert "No card was saved" in (await world.choose(session, "saved")).text
    assert await kinds_made(world) == ["customer.created", "checkout.session.expired"]


async def test_a_card_without_a_customer_is_attached_to_none_or_to_a_new_one(world: World):
    client = world.stripe().v1
    for creation in ("if_required", "always"):
        asked = setup_params(customer_creation=creation, customer_email="bob@example.com")
        session = await client.checkout.sessions.create_async(asked)
        await world.choose(session, "saved")
        saved = await client.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method"]})
        assert bool(saved.customer) is (creation == "always")
        assert saved.setup_intent.payment_method.customer == saved.setup_intent.customer == saved.customer


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types", "parameter_unknown"),
        ({"line_items": session_params()["line_items"]}, "line_items", None),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data", None),
        ({"setup_intent_data": {"usage": "on_session"}}, "setup_intent_data[usage]", "parameter_unknown"),
        ({"allowed_payment_method_types": None, "currency": None}, "currency", "parameter_missing"),
        ({"allowed_payment_method_types": ["us_bank_account"]}, None, None),
        ({"customer": "cus_nobody"}, "customer", "resource_missing"),
        ({"customer_creation": "always"}, "customer_creation", None),
        ({"expires_at": 12}, "expires_at", None),
    ],
)
async def test_wrong_parameters_of_a_saving_session_are_refused_by_name(world: World, changes, param, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await begun(world, **changes)
    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)


@pytest.mark.parametrize(
    ("card", "code"), [("ok", None), ("declines", "card_declined"), ("authentication", "authentication_required")]
)
async def test_a_saved_card_later_does_what_was_chosen(world: World, card, code):
    session = await begun(world)
    await world.choose(session, "saved", card=card)
    client = world.stripe().v1
    (method,) = (await client.customers.payment_methods.list_async(session.customer)).data
    asked = {
        "amount": 2_500,
        "currency": "usd",
        "customer": session.customer,
        "payment_method": method.id,
        "off_session": True,
        "confirm": True,
        "description": "ProjectLoom Credits",
        "receipt_email": "ada@example.com",
        "expand": ["latest_charge"],
    }
    if code is None:
        intent = await client.payment_intents.create_async(asked)
        assert (intent.status, intent.latest_charge.receipt_email) == ("succeeded", "ada@example.com")
        return
    with pytest.raises(stripe.CardError) as refused:
        await client.payment_intents.create_async(asked)
    assert refused.value.code == code


async def test_the_control_page_and_api_list_saved_cards_and_change_how_they_behave(world: World):
    session = await begun(world)
    await world.choose(session, "saved")
    waiting = await begun(world)
    browser, control = world.browser(), f"{world.url}/sandbox/control"
    (card,) = (await browser.get(f"{control}/api/cards?customer={session.customer}")).json()["data"]
    assert (card["customer"], card["card"]["last4"], card["behaviour"]) == (session.customer, "4242", "ok")
    setups = (await browser.get(f"{control}/api/setups")).json()["data"]
    assert [(one["id"], one["status"]) for one in setups] == [(waiting.id, "open"), (session.id, "complete")]
    assert (await browser.get(f"{control}/api/cards?customer=cus_nobody")).json()["data"] == []

    page = (await browser.get(control)).text
    assert "Visa 4242, 12/34" in page
    assert waiting.url in page
    assert '<option value="ok" selected>It works' in page
    form = {"card": card["id"], "behaviour": "declines"}
    changed = await browser.post(f"{control}/card", data=form, follow_redirects=True)
    assert '<option value="declines" selected>' in changed.text
    assert "ending in 4242" in changed.text
    asked = {"amount": 2_500, "currency": "usd", "customer": session.customer, "payment_method": card["id"]}
    with pytest.raises(stripe.CardError):
        await world.stripe().v1.payment_intents.create_async(asked | {"off_session": True, "confirm": True})
    assert (await world.control(f"cards/{card['id']}", behaviour="ok"))["behaviour"] == "ok"

    for wrong in ({"card": card["id"], "behaviour": "gold"}, {"card": "pm_nothing", "behaviour": "ok"}):
        answer = await browser.post(f"{control}/card", data=wrong, follow_redirects=True)
        assert 'role="alert"' in answer.text
    await world.stripe().v1.payment_methods.detach_async(card["id"])
    assert (await browser.get(f"{control}/api/cards")).json()["data"] == []


async def test_a_saving_page_expires_when_the_clock_is_wound(world: World):
    session = await begun(world)
    await world.control("clock", seconds=7_200)
    (expired,) = await world.webhooks("checkout.session.expired")
    assert expired["data"]["object"]["id"] == session.id
