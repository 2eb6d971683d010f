"""Idempotency keys, as Stripe keeps them."""

import asyncio
from typing import Any

import pytest
import stripe

from .world import STRIPES_OWN_WARNING, World, session_params

pytestmark = STRIPES_OWN_WARNING


def create(world: World, key: str, **changes: Any):
    return world.stripe().v1.checkout.sessions.create_async(session_params(**changes), {"idempotency_key": key})


async def sessions(world: World) -> int:
    return len((await world.stripe().v1.checkout.sessions.list_async()).data)


async def test_the_same_key_gives_the_same_session_and_says_that_it_is_a_replay(world: World):
    first, again = await create(world, "k"), await create(world, "k")
    assert first.id == again.id
    assert "idempotent-replayed" not in first.last_response.headers
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert again.last_response.headers["original-request"] == first.last_response.headers["request-id"]


async def test_a_key_that_is_in_flight_is_a_409_and_the_work_is_done_once(world: World):
    made = await asyncio.gather(*(create(world, "k") for _ in range(5)), return_exceptions=True)
    refused = [one for one in made if isinstance(one, stripe.APIError)]
    assert {(one.http_status, one.error.code) for one in refused} <= {(409, "idempotency_key_in_use")}
    assert len({one.id for one in made if not isinstance(one, Exception)}) == 1
    assert await sessions(world) == 1


async def test_a_slow_call_holds_its_key_until_it_ends(world: World):
    await world.control("faults", kind="lost", path="/v1/checkout/sessions", seconds=0.5)
    slow = asyncio.create_task(create(world, "k"))
    await asyncio.sleep(0.2)
    with pytest.raises(stripe.APIError) as busy:
        await create(world, "k")
    assert (busy.value.http_status, busy.value.error.code) == (409, "idempotency_key_in_use")
    with pytest.raises(stripe.APIConnectionError):
        await slow
    assert (await create(world, "k")).last_response.headers["idempotent-replayed"] == "true"
    assert await sessions(world) == 1


async def test_a_key_used_for_other_parameters_is_refused(world: World):
    await create(world, "k")
    with pytest.raises(stripe.IdempotencyError):
        await create(world, "k", client_reference_id="other")


async def test_a_request_refused_before_it_began_does_not_use_up_its_key(world: World):
    with pytest.raises(stripe.InvalidRequestError):
        await create(world, "k", mode=None)
    assert (await create(world, "k")).id


async def test_a_saved_500_is_replayed_and_another_key_succeeds(world: World):
    await world.control("faults", kind="500")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            await create(world, "k")
        assert broken.value.http_status == 500
    assert broken.value.headers["idempotent-replayed"] == "true"
    assert await sessions(world) == 0
    assert (await create(world, "k2")).id


async def test_a_decline_is_replayed_without_a_second_attempt(world: World):
    customer, method = await world.saved_card("declines")
    asked = {
        "amount": 2_500,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await world.stripe().v1.payment_intents.create_async(asked, {"idempotency_key": "k"})
    intents = await world.stripe().v1.payment_intents.list_async({"customer": customer})
    assert [one.status for one in intents.data] == ["requires_payment_method", "succeeded"]


async def test_a_key_is_forgotten_after_24_hours_and_then_acts_again(world: World):
    first = await create(world, "k")
    await world.control("clock", seconds=23 * 3_600)
    assert (await create(world, "k")).id == first.id
    await world.control("clock", seconds=3_601)
    assert (await create(world, "k")).id != first.id
