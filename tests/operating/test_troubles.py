"""What waits is listed, and tried again with the jobs' own functions: two at once make one effect."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from projectloom import limits
from projectloom.billing.models import OrderStatus, StripeEvent
from projectloom.billing.refunds import request_refund
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import NotFound, PaymentUnavailable
from projectloom.ledger import holds
from projectloom.ledger.credits import grant
from projectloom.metering.models import Turn, TurnState
from projectloom.money import from_usd
from projectloom.operating.actions import read_actions
from projectloom.operating.troubles import read_troubles, retry_event, retry_order, retry_refund, retry_turn
from projectloom.workspace.identity import Person
from tests.billing.conftest import Shop
from tests.stripe_double import session_of


def set_aside(shop: Shop) -> str:
    """An order whose payment came in the wrong amount; at Stripe it has been put right since."""
    order_id = shop.order()
    shop.deliver(shop.completed(order_id, amount_subtotal=100, amount_total=100))
    shop.stripe.sessions[f"cs_{order_id}"] = session_of(order_id)
    return order_id


async def test_an_order_that_was_set_aside_is_credited_once_when_two_ask_stripe_at_once(operator: Person, shop: Shop):
    order_id = await asyncio.to_thread(set_aside, shop)
    (waits,) = read_troubles().orders
    assert (waits.id, waits.user_id, waits.amount_nanos) == (order_id, shop.person, from_usd(25))
    assert "cents, not 2500" in waits.why
    said = await asyncio.gather(retry_order(operator, order_id), retry_order(operator, order_id))
    assert sorted(said) == ["It is credited already.", "It is paid and agrees with the order: it was credited."]
    assert shop.balance == "27.00"
    assert read_troubles().count == 0
    assert [(line.action, line.subject, line.user_id) for line in read_actions()] == [
        ("retry_order", order_id, shop.person)
    ] * 2


async def test_an_order_that_still_differs_stays_set_aside(operator: Person, shop: Shop):
    order_id = await asyncio.to_thread(set_aside, shop)
    shop.stripe.sessions[f"cs_{order_id}"] = session_of(order_id, amount_subtotal=100, amount_total=100)
    assert await retry_order(operator, order_id) == "Nothing changed: it still differs from the order."
    assert (shop.balance, len(read_troubles().orders)) == ("0.00", 1)


async def test_a_stripe_out_of_reach_is_said_and_the_press_stands_in_the_record(operator: Person, shop: Shop):
    order_id = await asyncio.to_thread(set_aside, shop)
    shop.stripe.answers += [(500, b"{}")] * 10
    with pytest.raises(PaymentUnavailable):
        await retry_order(operator, order_id)
    assert [line.subject for line in read_actions()] == [order_id]


async def test_a_refund_that_stripe_has_not_made_is_asked_for_again(operator: Person, shop: Shop):
    order_id = await asyncio.to_thread(shop.order)
    await asyncio.to_thread(shop.deliver, shop.completed(order_id))
    shop.stripe.answers += [(500, b"{}")] * 10
    with pytest.raises(PaymentUnavailable):
        await request_refund(shop.person, order_id)
    shop.stripe.answers.clear()
    assert [one.id for one in read_troubles().refunds] == [order_id]
    assert await retry_refund(operator, order_id) == "The refund is made."
    assert await retry_refund(operator, order_id) == "No refund of this order waits any more."
    assert (shop.balance, shop.row(order_id).status, read_troubles().count) == ("0.00", OrderStatus.REFUNDED, 0)


def test_an_event_that_failed_is_handled_once_when_two_press_at_once(operator: Person, shop: Shop, monkeypatch):
    order_id = shop.order()

    def failing(*_args):
        raise RuntimeError("a mistake of ours")

    with monkeypatch.context() as broken:
        broken.setattr("projectloom.billing.inbox.fulfill_checkout", failing)
        shop.deliver(shop.completed(order_id))
    (waits,) = read_troubles().events
    assert waits.what == "checkout.session.completed"
    assert waits.why == "RuntimeError. It failed 1 times."
    with monkeypatch.context() as broken:
        broken.setattr("projectloom.billing.inbox.fulfill_checkout", failing)
        assert retry_event(operator, waits.id) == "It could not be handled: RuntimeError."
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: retry_event(operator, waits.id), range(2)))
    assert said == ["It is handled."] * 2
    assert (shop.balance, read_troubles().count) == ("27.00", 0)
    assert len(read_actions()) == 3


def stuck(person: str) -> str:
    """A reply with half a sentence, whose process has been gone for a while."""
    with transaction() as session:
        grant(session, user_id=person, reason="gift", amount_nanos=from_usd(1))
        hold = holds.authorize(
            session,
            user_id=person,
            amount_nanos=from_usd(1),
            idempotency_key="hold:turn_1",
            cause="turn_1",
            expires_at=now() + timedelta(hours=1),
        )
        session.add(
            Turn(
                id="turn_1",
                user_id=person,
                input_hash="",
                source="chat",
                provider="openai",
                model="gpt-6.1-sol",
                funding="credits",
                price_version=1,
                state=TurnState.STREAMING,
                max_output_tokens=100,
                input_estimate=10,
                hold_id=hold.id,
                held_nanos=from_usd(1),
                text="Half a sentence",
                lease_until=now() - timedelta(seconds=2 * limits.STUCK_TURN_SECONDS),
            )
        )
    return "turn_1"


def test_a_stuck_reply_is_settled_once_when_two_press_at_once(operator: Person, person: str):
    turn_id = stuck(person)
    (waits,) = read_troubles().turns
    assert (waits.id, waits.what, waits.amount_nanos) == (turn_id, "gpt-6.1-sol", from_usd(1))
    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(lambda _: retry_turn(operator, turn_id), range(2)))
    settled = "It is settled: what had come is kept and charged, and the rest of its hold is free."
    assert set(said) == {"It has ended by itself.", settled}
    assert read_troubles().count == 0
    assert retry_turn(operator, turn_id) == "It has ended by itself."
    assert [line.action for line in read_actions(user_id=person)] == ["retry_turn"] * 3


def test_a_reply_whose_server_lives_is_none_that_waits(operator: Person, person: str):
    turn_id = stuck(person)
    with transaction() as session:
        lives = update(Turn).where(col(Turn.id) == turn_id).values(lease_until=now() + timedelta(seconds=10))
        session.connection().execute(lives)
    assert read_troubles().turns == []
    assert retry_turn(operator, turn_id) == "It could not be settled. The server's log says why."


async def test_what_is_not_there_is_not_tried_and_leaves_no_trace(operator: Person):
    for retry in (retry_turn, retry_event):
        with pytest.raises(NotFound):
            retry(operator, "nothing")
    for ask in (retry_order, retry_refund):
        with pytest.raises(NotFound):
            await ask(operator, "nothing")
    assert read_actions() == []


def test_events_that_wait_for_their_first_try_or_are_handled_are_no_failures(operator: Person, books):
    with transaction() as session:
        for name, handled_at, error in (
            ("evt_due", None, None),
            ("evt_done", now(), "not one of our orders"),
            ("evt_bad", None, "No object"),
        ):
            kept = StripeEvent(id=name, type="t", livemode=False, payload="{}", handled_at=handled_at, error=error)
            session.add(kept)
    assert [(one.id, one.why) for one in read_troubles().events] == [("evt_bad", "No object.")]


def test_orders_of_other_states_do_not_wait(operator: Person, shop: Shop):
    order_id = shop.order()
    shop.deliver(shop.completed(order_id))
    shop.order(10)
    assert {row.status for row in shop.orders()} == {OrderStatus.COMPLETED, OrderStatus.PENDING}
    assert read_troubles().count == 0
