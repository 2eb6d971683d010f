"""Charges, refunds and disputes, through the official SDK."""

import asyncio
import time

import pytest
import stripe

from projectloom.sandbox import stripe_refunds

from .world import STRIPES_OWN_WARNING, World

pytestmark = STRIPES_OWN_WARNING


async def test_a_paid_intent_has_a_charge_with_a_receipt(world: World):
    intent = await world.paid()
    charge = intent.latest_charge
    assert charge.id.startswith("ch_")
    assert (charge.amount, charge.amount_refunded, charge.refunded, charge.disputed) == (2_500, 0, False, False)
    assert (charge.status, charge.paid, charge.payment_intent) == ("succeeded", True, intent.id)
    assert charge.metadata["order_id"] == "ord_1"
    assert charge.payment_method_details.card.last4 == "4242"
    client = world.stripe().v1
    again = await client.charges.retrieve_async(charge.id, {"expand": ["balance_transaction", "payment_intent"]})
    assert (again.balance_transaction.amount, again.balance_transaction.fee) == (2_500, 103)
    assert again.payment_intent.id == intent.id
    assert [one.id for one in (await client.charges.list_async({"payment_intent": intent.id})).data] == [charge.id]
    page = await world.browser().get(world.local(charge.receipt_url))
    assert page.status_code == 200
    assert "$25.00" in page.text
    assert "4242" in page.text


async def test_a_declined_attempt_leaves_a_failed_charge(world: World):
    session = await world.buy()
    await world.choose(session, "declined")
    await world.choose(session, "paid")
    client = world.stripe().v1
    paid = await client.checkout.sessions.retrieve_async(session.id)
    charges = await client.charges.list_async({"payment_intent": paid.payment_intent})
    assert [one.status for one in charges.data] == ["succeeded", "failed"]
    assert charges.data[1].failure_code == "card_declined"


async def test_a_session_expands_down_to_its_charge_and_no_further_than_is_allowed(world: World):
    intent = await world.paid()
    client = world.stripe().v1
    page = await client.checkout.sessions.list_async({"expand": ["data.payment_intent.latest_charge"]})
    assert page.data[0].payment_intent.latest_charge.id == intent.latest_charge.id
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await client.payment_intents.retrieve_async(intent.id, {"expand": ["nonsense"]})


async def test_a_refund_in_parts_ends_when_nothing_is_left(world: World):
    intent = await world.paid()
    client = world.stripe().v1
    asked = {"payment_intent": intent.id, "amount": 1_000, "reason": "requested_by_customer", "metadata": {"o": "1"}}
    first = await client.refunds.create_async(asked, {"idempotency_key": "r1"})
    assert (first.status, first.amount, first.charge) == ("succeeded", 1_000, intent.latest_charge.id)
    assert (first.reason, first.metadata["o"], first.payment_intent) == ("requested_by_customer", "1", intent.id)
    assert (await client.refunds.create_async(asked, {"idempotency_key": "r1"})).id == first.id
    with pytest.raises(stripe.InvalidRequestError, match=r"\$15.01\) is greater than unrefunded amount") as too_much:
        await client.refunds.create_async({"payment_intent": intent.id, "amount": 1_501})
    assert (too_much.value.http_status, too_much.value.param) == (400, "amount")
    second = await client.refunds.create_async({"charge": intent.latest_charge.id})
    assert second.amount == 1_500
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        await client.refunds.create_async({"payment_intent": intent.id})
    assert (nothing_left.value.http_status, nothing_left.value.code) == (400, "charge_already_refunded")

    charge = await client.charges.retrieve_async(intent.latest_charge.id, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (2_500, True)
    assert [one.id for one in charge.refunds.data] == [second.id, first.id]
    for by in ({"payment_intent": intent.id}, {"charge": charge.id}, {"created": {"gte": int(time.time()) - 60}}):
        assert [one.id for one in (await client.refunds.list_async(by)).data] == [second.id, first.id]
    assert (await client.refunds.retrieve_async(first.id)).amount == 1_000
    created, refunded = await world.webhooks("refund.created", "charge.refunded")
    assert created["data"]["object"]["id"] == first.id
    assert refunded["data"]["object"]["amount_refunded"] == 1_000
    assert refunded["data"]["previous_attributes"] == {"amount_refunded": 0}


@pytest.mark.parametrize("amount", ["0", "-1", "2.5", "NaN", "1e309", "٢٥"])
async def test_a_refund_is_of_a_whole_number_of_cents(world: World, amount):
    intent = await world.paid()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await world.stripe().v1.refunds.create_async({"payment_intent": intent.id, "amount": amount})
    assert (refused.value.http_status, refused.value.param) == (400, "amount")


async def test_more_than_the_charge_is_refused_and_so_is_what_was_not_paid(world: World):
    intent = await world.paid()
    client = world.stripe().v1
    with pytest.raises(stripe.InvalidRequestError, match=r"greater than charge amount \(\$25.00\)"):
        await client.refunds.create_async({"payment_intent": intent.id, "amount": 2_501})
    session = await world.buy()
    await world.choose(session, "later_paid")
    waiting = (await client.checkout.sessions.retrieve_async(session.id)).payment_intent
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        await client.refunds.create_async({"payment_intent": waiting})
    with pytest.raises(stripe.InvalidRequestError, match="One of the following params"):
        await client.refunds.create_async({})


@pytest.mark.parametrize(("course", "kind"), [("succeeds_later", "refund.updated"), ("fails_later", "refund.failed")])
async def test_a_pending_refund_is_settled_or_failed_by_the_bank(world: World, monkeypatch, course, kind):
    monkeypatch.setattr(stripe_refunds, "REFUND_ANSWER_SECONDS", 0.3)
    await world.control("rules", refunds=course)
    intent = await world.paid()
    client = world.stripe().v1
    refund = await client.refunds.create_async({"payment_intent": intent.id, "amount": 700})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    assert (await client.charges.retrieve_async(intent.latest_charge.id)).amount_refunded == 700
    (last,) = await world.webhooks(kind)
    after = await client.refunds.retrieve_async(refund.id)
    assert last["data"]["object"] == after.to_dict()
    failed = course == "fails_later"
    assert (after.status, after.failure_reason) == (("failed", "unknown") if failed else ("succeeded", None))
    charge = await client.charges.retrieve_async(intent.latest_charge.id)
    assert (charge.amount_refunded, charge.refunded) == (0 if failed else 700, False)


async def test_a_refund_from_the_dashboard_waits_until_it_is_settled_and_may_still_fail(world: World):
    intent = await world.paid()
    refund = await world.control("refunds", payment_intent=intent.id, course="pending")
    assert refund["status"] == "pending"
    assert (await world.control(f"refunds/{refund['id']}/settle"))["status"] == "succeeded"
    failed = await world.control(f"refunds/{refund['id']}/fail", reason="expired_or_canceled_card")
    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    assert (await world.stripe().v1.refunds.create_async({"payment_intent": intent.id})).amount == 2_500
    kinds = [*["refund.created"] * 2, "refund.updated", "refund.updated", "refund.failed", *["charge.refunded"] * 2]
    await world.webhooks(*kinds)
    await asyncio.sleep(0.2)
    assert sorted(kind for kind in world.kinds() if "refund" in kind) == sorted(kinds)


async def test_refunds_at_the_same_moment_never_give_back_more_than_was_paid(world: World):
    intent = await world.paid()
    client = world.stripe().v1
    made = await asyncio.gather(
        *(client.refunds.create_async({"payment_intent": intent.id, "amount": 1_000}) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, stripe.Refund) for one in made) == 2


async def test_a_dispute_is_withdrawn_reinstated_and_won(world: World):
    intent = await world.paid()
    made = await world.control("disputes", payment_intent=intent.id, reason="product_not_received")
    assert (made["status"], made["amount"], made["reason"]) == ("needs_response", 2_500, "product_not_received")
    client = world.stripe().v1
    assert (await client.charges.retrieve_async(intent.latest_charge.id)).disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"

    for step in ("withdraw", "review", "won"):
        await world.control(f"disputes/{made['id']}/{step}")
    dispute = await client.disputes.retrieve_async(made["id"], {"expand": ["charge", "payment_intent"]})
    assert (dispute.status, dispute.payment_intent.id) == ("won", intent.id)
    assert [(one.amount, one.fee) for one in dispute.balance_transactions] == [(-2_500, 1_500), (2_500, -1_500)]
    steps = ["created", "funds_withdrawn", "updated", "funds_reinstated", "closed"]
    await world.webhooks(*(f"charge.dispute.{step}" for step in steps))
    for by in ({"payment_intent": intent.id}, {"charge": dispute.charge.id}, {"created": {"gte": 1}}):
        assert [one.id for one in (await client.disputes.list_async(by)).data] == [made["id"]]
    assert (await client.refunds.create_async({"payment_intent": intent.id})).status == "succeeded"


async def test_a_lost_dispute_keeps_its_money_and_takes_no_wrong_step(world: World):
    intent = await world.paid()
    made = await world.control("disputes", charge=intent.latest_charge.id, amount=1_200, withdraw=True)
    assert (made["amount"], len(made["balance_transactions"])) == (1_200, 1)
    lost = await world.stripe().v1.disputes.close_async(made["id"])
    assert lost.status == "lost"
    for step in ("withdraw", "won", "review", "warning_closed"):
        answer = await world.browser().post(f"{world.url}/sandbox/control/api/disputes/{made['id']}/{step}")
        assert answer.status_code == 400, step
    assert (await world.control(f"disputes/{made['id']}/reinstate"))["status"] == "lost"


async def test_an_inquiry_withdraws_nothing_and_may_become_a_dispute(world: World):
    intent = await world.paid()
    first = await world.control("disputes", payment_intent=intent.id, inquiry=True)
    assert (first["status"], first["is_charge_refundable"]) == ("warning_needs_response", True)
    assert (await world.control(f"disputes/{first['id']}/review"))["status"] == "warning_under_review"
    assert (await world.control(f"disputes/{first['id']}/warning_closed"))["status"] == "warning_closed"
    second = await world.control("disputes", payment_intent=intent.id, inquiry=True)
    assert (await world.control(f"disputes/{second['id']}/escalate"))["status"] == "needs_response"
    assert (await world.control(f"disputes/{second['id']}/withdraw"))["balance_transactions"][0]["amount"] == -2_500
