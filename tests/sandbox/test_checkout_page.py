"""The page a person pays on."""

import asyncio
import re
from collections import Counter

import pytest

from projectloom.sandbox import checkout

from .world import STRIPES_OWN_WARNING, World, session_params

pytestmark = STRIPES_OWN_WARNING


async def test_the_page_shows_what_is_bought_and_that_no_money_is_real(world: World):
    session = await world.buy()
    page = await world.browser().get(world.local(session.url))
    assert page.status_code == 200
    assert "Sandbox" in page.text
    assert "no real money" in page.text
    assert "ProjectLoom Credits ($27)" in page.text
    assert "$25 + $2 bonus" in page.text
    assert "$25.00" in page.text
    assert re.findall(r'name="outcome" value="(\w+)"', page.text) == [
        "paid",
        "declined",
        "later_paid",
        "later_failed",
        "cancel",
    ]


async def test_the_page_loads_nothing_and_runs_nothing(world: World):
    page = await world.browser().get(world.local((await world.buy()).url))
    policy = page.headers["content-security-policy"]
    nonce = re.search(r"style-src 'nonce-([^']+)'", policy)
    assert nonce
    assert f'<style nonce="{nonce[1]}">' in page.text
    assert "default-src 'none'" in policy
    assert "<script" not in page.text
    assert "http" not in page.text
    assert "form-action 'self' http://localhost:3000;" in policy


async def test_what_the_seller_writes_is_shown_as_text(world: World):
    items = session_params()["line_items"]
    items[0]["price_data"]["product_data"] = {"name": "<script>alert(1)</script>", "description": "<img src=x>"}
    page = await world.browser().get(world.local((await world.buy(line_items=items)).url))
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_paying_completes_the_session_and_returns_to_the_success_address(world: World):
    session = await world.buy()
    answer = await world.choose(session, "paid")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://localhost:3000/?purchase=success&session={session.id}"
    paid = await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    completed, succeeded = await world.webhooks("checkout.session.completed", "payment_intent.succeeded")
    assert completed["data"]["object"] == paid.to_dict()
    assert succeeded["data"]["object"]["id"] == paid.payment_intent


async def test_a_declined_card_keeps_the_session_open_for_another_try(world: World):
    session = await world.buy()
    answer = await world.choose(session, "declined")
    assert answer.status_code == 200
    assert "Your card was declined" in answer.text
    (failed,) = await world.webhooks("payment_intent.payment_failed")
    assert failed["data"]["object"]["last_payment_error"]["code"] == "card_declined"
    still = await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
    assert (still.status, still.payment_status) == ("open", "unpaid")

    assert (await world.choose(session, "paid")).status_code == 303
    (succeeded,) = await world.webhooks("payment_intent.succeeded")
    assert succeeded["data"]["object"]["id"] == failed["data"]["object"]["id"]
    assert succeeded["data"]["object"]["last_payment_error"] is None


async def test_cancelling_goes_back_and_leaves_the_session_open(world: World):
    session = await world.buy()
    answer = await world.choose(session, "cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, "http://localhost:3000/?purchase=cancelled")
    assert (await world.stripe().v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert world.received == []


@pytest.mark.parametrize(
    ("outcome", "event", "statuses"),
    [
        ("later_paid", "checkout.session.async_payment_succeeded", ("paid", "succeeded")),
        ("later_failed", "checkout.session.async_payment_failed", ("unpaid", "requires_payment_method")),
    ],
)
async def test_a_bank_answers_a_few_seconds_after_the_session_completes_unpaid(
    world: World, monkeypatch, outcome, event, statuses
):
    monkeypatch.setattr(checkout, "BANK_ANSWER_SECONDS", 0.6)
    session = await world.buy()
    answer = await world.choose(session, outcome)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://localhost:3000/?purchase=success")
    (completed,) = await world.webhooks("checkout.session.completed", within=0.5)
    assert completed["data"]["object"]["status"] == "complete"
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    assert event not in {one.event["type"] for one in world.received}

    (answered,) = await world.webhooks(event)
    assert answered["data"]["object"]["payment_status"] == statuses[0]
    after = await world.stripe().v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (after.status, after.payment_status, after.payment_intent.status) == ("complete", *statuses)


async def test_posts_at_the_same_moment_pay_once(world: World):
    session = await world.buy()
    answers = await asyncio.gather(*(world.choose(session, "paid") for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {303: 1, 200: 5}
    await world.webhooks("checkout.session.completed", "payment_intent.succeeded")
    await asyncio.sleep(0.2)
    assert Counter(one.event["type"] for one in world.received) == {
        "checkout.session.completed": 1,
        "payment_intent.succeeded": 1,
    }


async def test_a_finished_session_says_so_and_changes_no_more(world: World):
    session = await world.buy()
    await world.choose(session, "paid")
    page = await world.browser().get(world.local(session.url))
    assert "complete" in page.text
    assert "<form" not in page.text
    for outcome in ("declined", "cancel", "later_failed"):
        assert "complete" in (await world.choose(session, outcome)).text
    again = await world.stripe().v1.checkout.sessions.retrieve_async(session.id)
    assert (again.status, again.payment_status) == ("complete", "paid")


async def test_an_expired_session_cannot_be_paid(world: World):
    session = await world.buy()
    await world.stripe().v1.checkout.sessions.expire_async(session.id)
    answer = await world.choose(session, "paid")
    assert answer.status_code == 200
    assert "expired" in answer.text
    assert (await world.stripe().v1.checkout.sessions.retrieve_async(session.id)).payment_status == "unpaid"


@pytest.mark.parametrize("body", [b"", b"outcome=free", b"outcome=", b"\xff=\xfe", b"outcome=paid&outcome=free"])
async def test_an_unknown_outcome_is_a_400_and_does_nothing(world: World, body):
    session = await world.buy()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await world.browser().post(world.local(session.url), content=body, headers=headers)
    assert answer.status_code == 400
    assert "Sandbox" in answer.text
    assert (await world.stripe().v1.checkout.sessions.retrieve_async(session.id)).status == "open"


async def test_an_unknown_session_is_a_404_page(world: World):
    address = f"{world.url}/sandbox/checkout/cs_test_nothing"
    assert (await world.browser().get(address)).status_code == 404
    answer = await world.browser().post(address, data={"outcome": "paid"})
    assert answer.status_code == 404
    assert "There is no such checkout" in answer.text
