"""The control API and page: troubles asked for, and demo money moved as banks would."""

import asyncio
import re
import time
from collections import Counter

import httpx
import pytest
import stripe

from projectloom.sandbox import deliveries, events

from .world import STRIPES_OWN_WARNING, World, serve, session_params, until

pytestmark = STRIPES_OWN_WARNING


async def state(world: World):
    return (await world.browser().get(f"{world.url}/sandbox/control/api/state")).json()


async def arrived(world: World, count: int, within: float = 3):
    await until(lambda: len(world.received) >= count, within=within)
    await asyncio.sleep(0.15)
    return [one.event["id"] for one in world.received]


async def test_each_event_comes_as_often_as_is_asked(world: World):
    await world.control("rules", duplicates=9)
    await world.choose(await world.buy(), "paid")
    assert sorted(Counter(await arrived(world, 20)).values()) == [10, 10]


async def test_events_are_delayed(world: World):
    await world.control("rules", delay_seconds=0.6)
    await world.choose(await world.buy(), "paid")
    await asyncio.sleep(0.4)
    assert world.received == []
    await arrived(world, 2)


async def test_events_come_newest_first(world: World, monkeypatch):
    monkeypatch.setattr(events, "REORDER_WINDOW_SECONDS", 3.0)
    await world.control("rules", reorder="newest_first")
    intent = await world.paid()
    await world.stripe().v1.refunds.create_async({"payment_intent": intent.id})
    await arrived(world, 4, within=8)
    sent = ["payment_intent.succeeded", "checkout.session.completed", "refund.created", "charge.refunded"]
    assert world.kinds() == sent[::-1]


async def test_dropped_events_are_listed_as_not_delivered_and_can_be_sent_again(world: World):
    await world.control("rules", drop_next=1, drop_types=["checkout.session.completed"])
    await world.choose(await world.buy(), "paid")
    await world.choose(await world.buy(), "paid")
    await arrived(world, 1)
    assert world.kinds() == ["payment_intent.succeeded"]
    lost = (await world.stripe().v1.events.list_async({"delivery_success": False})).data
    assert Counter(one.type for one in lost) == {"checkout.session.completed": 2, "payment_intent.succeeded": 1}
    assert {one.pending_webhooks for one in lost} == {0}
    assert (await state(world))["rules"]["drop_next"] == 0
    again = await world.control(f"events/{lost[0].id}/redeliver")
    assert again["state"] == "pending"
    assert (await arrived(world, 2))[-1] == lost[0].id


async def test_held_events_wait_until_they_are_released_in_the_order_asked_for(world: World):
    await world.control("rules", hold=True)
    await world.choose(await world.buy(), "paid")
    await asyncio.sleep(0.3)
    assert world.received == []
    held = (await world.browser().get(f"{world.url}/sandbox/control/api/events?state=held")).json()["data"]
    assert [one["type"] for one in held] == ["checkout.session.completed", "payment_intent.succeeded"]
    assert (await world.control("release", events=[held[0]["id"]]))["released"] == 1
    assert await arrived(world, 1) == [held[0]["id"]]
    assert (await world.control("release"))["released"] == 1
    assert (await arrived(world, 2))[-1] == held[1]["id"]
    assert (await state(world))["deliveries"] == {"held": 0, "pending": 0, "delivered": 2, "given_up": 0}


async def test_a_twin_tells_the_same_under_another_id(world: World):
    session = await world.buy()
    await world.choose(session, "paid")
    (completed,) = await world.webhooks("checkout.session.completed")
    twin = await world.control(f"events/{completed['id']}/twin")
    await arrived(world, 3)
    assert twin["id"] != completed["id"]
    assert {one.event["id"]: one.event["data"] for one in world.received}[twin["id"]] == completed["data"]


@pytest.mark.parametrize(("kind", "status"), [("409", 409), ("429", 429), ("500", 500)])
async def test_the_next_calls_of_a_path_answer_an_error(world: World, kind, status):
    await world.control("faults", kind=kind, path="/v1/checkout", times=2)
    customer = await world.stripe().v1.customers.create_async({})
    for _ in range(2):
        with pytest.raises(stripe.StripeError) as refused:
            await world.buy()
        assert refused.value.http_status == status
    assert (await world.buy()).id
    assert customer.id


@pytest.mark.alone
@pytest.mark.parametrize(("kind", "made"), [("timeout", 0), ("reset", 0), ("lost", 1)])
async def test_a_connection_closes_without_an_answer(world: World, kind, made):
    await world.control("faults", kind=kind, path="/v1/checkout", seconds=1.0)
    began = time.monotonic()
    with pytest.raises(stripe.APIConnectionError):
        await world.buy()
    assert (time.monotonic() - began < 0.9) == (kind == "reset")
    assert len((await world.stripe().v1.checkout.sessions.list_async()).data) == made


async def test_a_lost_answer_is_found_again_by_its_key(world: World):
    await world.control("faults", kind="lost")
    asked = (session_params(), {"idempotency_key": "k"})
    with pytest.raises(stripe.APIConnectionError):
        await world.stripe().v1.checkout.sessions.create_async(*asked)
    made = await world.stripe().v1.checkout.sessions.create_async(*asked)
    assert [one.id for one in (await world.stripe().v1.checkout.sessions.list_async()).data] == [made.id]


async def test_faults_of_reading_leave_writing_alone_and_can_be_cleared(world: World):
    await world.control("faults", kind="500", method="GET", times=100)
    session = await world.buy()
    with pytest.raises(stripe.APIError):
        await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
    assert (await state(world))["faults"][0]["remaining"] == 99
    await world.control("faults/clear")
    assert (await world.stripe().v1.checkout.sessions.retrieve_async(session.id)).id == session.id


async def test_winding_the_clock_expires_sessions_and_answers_banks(world: World):
    forgotten, waiting = await world.buy(), await world.buy()
    await world.choose(waiting, "later_paid")
    await world.control("clock", seconds=24 * 3_600 + 1)
    client = world.stripe().v1.checkout.sessions
    assert (await client.retrieve_async(forgotten.id)).status == "expired"
    assert (await client.retrieve_async(waiting.id)).payment_status == "paid"
    await world.webhooks("checkout.session.expired", "checkout.session.async_payment_succeeded")
    assert (await world.buy()).status == "open"


async def test_troubles_and_what_waits_survive_a_restart(tmp_path):
    first = World.at(tmp_path)
    async with serve(first):
        await first.control("rules", hold=True)
        await first.control("faults", kind="reset", path="/v1/events", method="GET")
        await first.choose(await first.buy(), "paid")
        before = await state(first)
    second = World.at(tmp_path)
    async with serve(second):
        assert await state(second) == before
        with pytest.raises(stripe.APIConnectionError):
            await second.stripe().v1.events.list_async()
        await second.control("reset")
        await arrived(second, 2)
        assert (await state(second))["rules"]["hold"] is False


async def test_the_endpoint_is_listed_and_gets_only_what_it_is_subscribed_to(world: World):
    client = world.stripe().v1.webhook_endpoints
    (endpoint,) = (await client.list_async()).data
    assert endpoint.url == f"{world.settings.backend_url}{deliveries.WEBHOOK_PATH}"
    assert (endpoint.status, endpoint.api_version) == ("enabled", stripe.api_version)
    assert "refund.failed" in endpoint.enabled_events
    await world.control("rules", enabled_events=["checkout.session.completed"])
    assert (await client.retrieve_async(endpoint.id)).enabled_events == ["checkout.session.completed"]
    await world.choose(await world.buy(), "paid")
    await arrived(world, 1)
    assert world.kinds() == ["checkout.session.completed"]
    listed = await world.stripe().v1.events.list_async({"types": ["payment_intent.*", "charge.succeeded"]})
    assert [one.type for one in listed.data] == [
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]
    newer = await world.stripe().v1.events.list_async({"ending_before": listed.data[-1].id, "limit": 2})
    assert [one.type for one in newer.data] == ["payment_intent.succeeded", "charge.succeeded"]


@pytest.mark.parametrize(
    ("to", "asked"),
    [
        ("rules", {"duplicates": -1}),
        ("rules", {"delay_seconds": 1e308}),
        ("rules", {"reorder": "sideways"}),
        ("rules", {"unknown": 1}),
        ("rules", {"enabled_events": ["x' OR 1=1"]}),
        ("faults", {"kind": "418"}),
        ("clock", {"seconds": 0}),
        ("refunds", {"payment_intent": "pi_nothing"}),
        ("disputes", {}),
        ("disputes/du_nothing/won", {}),
        ("disputes/du_nothing/sideways", {}),
        ("events/evt_nothing/redeliver", {}),
    ],
)
async def test_what_cannot_be_done_is_a_4xx_in_words_and_changes_nothing(world: World, to, asked):
    before = await state(world)
    answer = await world.browser().post(f"{world.url}/sandbox/control/api/{to}", json=asked)
    assert answer.status_code in (400, 404, 422)
    assert answer.json()["error"]["message"]
    assert await state(world) == before


@pytest.mark.parametrize("body", [b"\xff", b"[]", b'{"seconds": NaN}', b"x" * 300_000, b"[" * 100_000])
async def test_a_body_that_cannot_be_read_is_a_4xx(world: World, body):
    answer = await world.browser().post(f"{world.url}/sandbox/control/api/clock", content=body)
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example:3000"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_a_post_from_another_sites_page_is_refused(world: World, headers):
    intent = await world.paid()
    browser = world.browser()
    for to, sent in (("api/refunds", {"json": {"payment_intent": intent.id}}), ("refund", {"data": {"a": "b"}})):
        answer = await browser.post(f"{world.url}/sandbox/control/{to}", headers=headers, **sent)
        assert answer.status_code == 403
    assert (await world.stripe().v1.refunds.list_async()).data == []
    own = {"origin": world.settings.backend_url, "sec-fetch-site": "same-origin"}
    address = f"{world.url}/sandbox/control/api/refunds"
    assert (await browser.post(address, headers=own, json={"payment_intent": intent.id})).status_code == 200


async def press(world: World, name: str, **fields: str) -> httpx.Response:
    """Post a form of the page as a browser does; the page that it leads to."""
    address = f"{world.url}/sandbox/control/{name}"
    answer = await world.browser().post(address, data=fields, headers={"origin": world.settings.backend_url})
    assert answer.status_code == 303
    return await world.browser().get(f"{world.url}{answer.headers['location']}")


async def test_the_page_does_everything_with_forms_alone(world: World):
    intent = await world.paid()
    page = await press(world, "refund", payment_intent=intent.id, amount="500", course="pending")
    refund = re.search(r"re_\w+", page.text)
    assert refund
    assert f"Refund {refund[0]} is pending." in page.text
    assert "The refund has failed." in (await press(world, "fail", refund=refund[0])).text
    page = await press(world, "dispute", payment_intent=intent.id, withdraw="true")
    dispute = re.search(r"du_\w+", page.text)
    assert dispute
    assert "The dispute is won." in (await press(world, "move", dispute=dispute[0], step="won")).text
    assert "no such step" in (await press(world, "move", dispute=dispute[0], step="sideways")).text
    page = await press(world, "rules", duplicates="2", drop_types="refund.failed refund.created", hold="true")
    asked = (await state(world))["rules"]
    assert (asked["duplicates"], asked["hold"]) == (2, True)
    assert asked["drop_types"] == ["refund.failed", "refund.created"]
    assert "duplicates" in (await press(world, "rules", duplicates="many")).text
    await press(world, "faults", kind="429", path="/v1/refunds", method="POST", times="3")
    assert "429 too many requests" in (await press(world, "clock", seconds="600")).text
    event = (await world.stripe().v1.events.list_async({"type": "refund.failed"})).data[0]
    for do in ("redeliver", "twin"):
        assert "Done." in (await press(world, "event", event=event.id, do=do)).text
    for name in ("settle", "release", "clear-faults", "reset"):
        await press(world, name)
    assert (await state(world))["rules"]["hold"] is False
    assert (await world.browser().post(f"{world.url}/sandbox/control/nothing")).status_code == 404


async def test_the_page_loads_nothing_runs_nothing_and_shows_what_was_said_as_text(world: World):
    await world.paid()
    page = await world.browser().get(f"{world.url}/sandbox/control", params={"said": "<script>alert(1)</script>"})
    assert page.status_code == 200
    assert "<script" not in page.text
    # With "no-referrer" a browser would post this page's forms with the origin "null".
    assert page.headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text
    assert "Sandbox" in page.text
