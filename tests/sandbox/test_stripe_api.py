"""The official Stripe SDK against the stand-in."""

import asyncio
import time

import httpx
import pytest
import stripe

from .world import STRIPES_OWN_WARNING, World, session_params

pytestmark = STRIPES_OWN_WARNING


async def test_the_sdk_creates_and_retrieves_a_session_in_the_shape_of_the_pinned_api(world: World):
    made = await world.buy()

    assert stripe.api_version == made.last_response.headers["stripe-version"] == "2026-10-28.endive"
    assert made.id.startswith("cs_test_")
    assert (made.object, made.mode, made.livemode) == ("checkout.session", "payment", False)
    assert (made.status, made.payment_status, made.payment_intent) == ("open", "unpaid", None)
    assert (made.amount_subtotal, made.amount_total, made.currency) == (2_500, 2_500, "usd")
    assert made.client_reference_id == made.metadata["order_id"] == "ord_1"
    assert made.url == f"{world.settings.backend_url}/sandbox/checkout/{made.id}"
    assert made.customer_details.email == "ada@example.com"
    assert abs(made.created - time.time()) < 5
    assert made.created < made.expires_at

    again = await world.stripe().v1.checkout.sessions.retrieve_async(made.id)
    assert again.to_dict() == made.to_dict()


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"mode": None}, "mode", "parameter_missing"),
        ({"mode": "gift"}, "mode", None),
        ({"line_items": None}, "line_items", "parameter_missing"),
        ({"success_url": None}, "success_url", "parameter_missing"),
        ({"cancel_url": "nowhere"}, "cancel_url", "url_invalid"),
        ({"expires_at": 12}, "expires_at", None),
        ({"payment_method_types": ["card"]}, "payment_method_types", "parameter_unknown"),
        ({"metadata": {"k" * 41: "v"}}, "metadata[" + "k" * 41 + "]", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
    ],
)
async def test_wrong_parameters_are_refused_with_the_parameter_named(world: World, changes, param, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await world.buy(**changes)
    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)


@pytest.mark.parametrize("amount", ["0", "49", "-1", "2.5", "NaN", "1e309", "٢٥٠٠", "", "100000000"])
async def test_no_amount_but_a_whole_number_from_fifty_cents_is_sold(world: World, amount):
    items = session_params()["line_items"]
    items[0]["price_data"]["unit_amount"] = amount
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await world.buy(line_items=items)
    assert refused.value.param == "line_items[0][price_data][unit_amount]"


async def test_an_unknown_currency_is_refused(world: World):
    items = session_params()["line_items"]
    items[0]["price_data"]["currency"] = "zzz"
    with pytest.raises(stripe.InvalidRequestError, match="Invalid currency"):
        await world.buy(line_items=items)


@pytest.mark.parametrize("key", ["sk_live_real", "sk_test_invalid", "nonsense"])
async def test_a_key_that_is_not_a_test_key_is_unauthorized(world: World, key):
    with pytest.raises(stripe.AuthenticationError):
        await world.stripe(key).v1.checkout.sessions.create_async(session_params())


async def test_a_missing_key_is_unauthorized_and_changes_nothing(world: World):
    answer = await world.browser().post(f"{world.url}/sandbox/stripe/v1/checkout/sessions", data={"mode": "payment"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len((await world.stripe().v1.checkout.sessions.list_async()).data) == 0


async def test_what_is_not_there_is_missing_in_stripes_words(world: World):
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await world.stripe().v1.checkout.sessions.retrieve_async("cs_test_nothing")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        await world.stripe().v1.coupons.retrieve_async("free")


async def test_lists_page_through_all_sessions_newest_first(world: World):
    ids = [(await world.buy()).id for _ in range(5)]
    page = await world.stripe().v1.checkout.sessions.list_async({"limit": 2, "created": {"gte": 1}})
    assert page.has_more
    assert [one.id async for one in page.auto_paging_iter()] == ids[::-1]
    later = await world.stripe().v1.checkout.sessions.list_async({"created": {"gt": int(time.time()) + 60}})
    assert later.data == []


async def test_a_paid_session_is_found_by_its_intent_and_expands(world: World):
    session = await world.buy()
    await world.buy()
    await world.choose(session, "paid")
    client = world.stripe()
    paid = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent", "line_items"]})
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata["order_id"]) == ("succeeded", 2_500, "ord_1")
    assert paid.line_items.data[0].description == "ProjectLoom Credits ($27)"
    found = await client.v1.checkout.sessions.list_async({"payment_intent": intent.id})
    assert [one.id for one in found.data] == [session.id]
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).amount == 2_500


async def test_events_are_listed_by_type_and_by_whether_they_arrived(world: World):
    world.answers = [500, 500]
    await world.choose(await world.buy(), "paid")
    await world.webhooks("payment_intent.succeeded", "checkout.session.completed")
    client = world.stripe()
    lost = await client.v1.events.list_async({"delivery_success": False})
    assert {event.type for event in lost.data} == {"payment_intent.succeeded", "checkout.session.completed"}
    only = await client.v1.events.list_async({"types": ["checkout.session.completed"]})
    assert [event.pending_webhooks for event in only.data] == [1]
    assert (await client.v1.events.retrieve_async(only.data[0].id)).type == "checkout.session.completed"


async def test_a_session_expires_on_request_and_by_itself(world: World):
    client = world.stripe()
    asked = await world.buy()
    assert (await client.v1.checkout.sessions.expire_async(asked.id)).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.expire_async(asked.id)

    old = await world.buy()
    with world.sandbox.state.store.transaction() as db:
        db.execute("UPDATE objects SET body = json_set(body, '$.expires_at', 1) WHERE id = ?", (old.id,))
    assert (await client.v1.checkout.sessions.retrieve_async(old.id)).status == "expired"
    await asyncio.sleep(0.2)
    expired = [one.event["data"]["object"]["id"] for one in world.received]
    assert sorted(expired) == sorted([asked.id, old.id])


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'{"mode": "payment"}', b"mode", b"[=1", b"mode=a&mode[x]=1", b"a=1&" * 2_000, b"x" * 300_000]
)
async def test_a_form_that_cannot_be_read_is_a_400_or_413(world: World, body):
    headers = {"authorization": "Bearer sk_test_sandbox", "content-type": "application/x-www-form-urlencoded"}
    url = f"{world.url}/sandbox/stripe/v1/checkout/sessions"
    answer: httpx.Response = await world.browser().post(url, content=body, headers=headers)
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]["type"] == "invalid_request_error"
