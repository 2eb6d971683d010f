"""Webhooks: signed, prompt, repeated until accepted, and not lost with the process."""

import asyncio
import json
import subprocess
import sys
import time
from itertools import pairwise

import stripe

from projectloom.config import SANDBOX_WEBHOOK_SECRET
from projectloom.sandbox import deliveries, store
from projectloom.sandbox.app import create_sandbox, start_deliveries, stop_deliveries
from projectloom.sandbox.events import emit

from .world import STRIPES_OWN_WARNING, World, serve, session_params

pytestmark = STRIPES_OWN_WARNING


async def test_an_event_is_signed_in_stripes_envelope_and_comes_within_a_tenth_of_a_second(world: World):
    delays = []
    for _ in range(3):
        world.received.clear()
        session = await world.buy()
        await world.choose(session, "paid")
        chosen = asyncio.get_running_loop().time()
        (event,) = await world.webhooks("checkout.session.completed")
        delays.append(max(one.at for one in world.received) - chosen)
    assert min(delays) < 0.1
    assert event["id"].startswith("evt_")
    assert (event["object"], event["livemode"], event["pending_webhooks"]) == ("event", False, 1)
    assert event["api_version"] == stripe.api_version
    assert event["request"] == {"id": None, "idempotency_key": None}
    assert abs(event["created"] - time.time()) < 5


async def test_the_sdk_makes_an_event_of_the_body(world: World):
    await world.choose(await world.buy(), "paid")
    await world.webhooks("checkout.session.completed")
    one = world.received[0]
    event = stripe.Webhook.construct_event(one.payload, one.signature, SANDBOX_WEBHOOK_SECRET)
    assert event.id == one.event["id"]


async def test_a_refused_event_comes_again_with_growing_pauses_until_it_is_accepted(world: World, monkeypatch):
    monkeypatch.setattr(deliveries, "FIRST_RETRY_SECONDS", 0.1)
    session = await world.buy()
    world.answers = [500, 302, 404]
    await world.stripe().v1.checkout.sessions.expire_async(session.id)
    await asyncio.sleep(1.5)
    assert len(world.received) == 4
    assert len({one.event["id"] for one in world.received}) == 1
    times = [one.at for one in world.received]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] >= 0.09
    assert pauses[1] >= 0.19
    assert pauses[2] >= 0.39
    event = await world.stripe().v1.events.retrieve_async(world.received[0].event["id"])
    assert event.pending_webhooks == 0


async def test_an_event_is_given_up_after_its_last_try(world: World, monkeypatch):
    monkeypatch.setattr(deliveries, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(deliveries, "MAX_ATTEMPTS", 3)
    world.answers = [500] * 10
    await world.stripe().v1.checkout.sessions.expire_async((await world.buy()).id)
    await asyncio.sleep(0.6)
    assert len(world.received) == 3


async def test_pauses_double_from_one_second_to_a_minute_and_tries_are_counted(tmp_path):
    kept = store.Store(tmp_path / "sandbox.db")
    pauses = []
    with kept.transaction() as db:
        body = {"id": "evt_1", "object": "event", "created": 1}
        store.insert(db, body)
        db.execute("INSERT INTO deliveries (event_id, next_attempt_at) VALUES ('evt_1', 0)")
        for attempt in range(deliveries.MAX_ATTEMPTS):
            deliveries._record(db, deliveries.Delivery("evt_1", "{}", attempt), 500, None)
            row = db.execute("SELECT * FROM deliveries").fetchone()
            pauses.append(round(row["next_attempt_at"] - time.time()))
        assert (row["state"], row["attempts"]) == ("given_up", 12)
    kept.close()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]


async def test_events_wait_on_disk_for_a_server_that_is_not_there_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(deliveries, "FIRST_RETRY_SECONDS", 0.1)
    world = World.at(tmp_path)
    with world.sandbox.state.store.transaction() as db:
        emit(db, "checkout.session.completed", {"id": "cs_test_1", "object": "checkout.session"})
    await start_deliveries(world.sandbox)
    await asyncio.sleep(0.3)
    await stop_deliveries(world.sandbox)
    assert world.received == []

    async with serve(world):
        await world.webhooks("checkout.session.completed")


async def test_a_new_process_sends_what_a_dead_one_had_claimed(tmp_path):
    world = World.at(tmp_path)
    dead = store.Store(tmp_path / "sandbox.db")
    with dead.transaction() as db:
        emit(db, "checkout.session.expired", {"id": "cs_test_1", "object": "checkout.session"})
        due, _ = deliveries._claim_due(db)
        assert len(due) == 1
        assert deliveries._claim_due(db)[0] == []
    async with serve(world):
        await world.webhooks("checkout.session.expired", within=1)
    dead.close()


async def test_what_was_asked_for_survives_a_restart(tmp_path):
    first = World.at(tmp_path)
    async with serve(first):
        session = await first.stripe().v1.checkout.sessions.create_async(session_params(), {"idempotency_key": "k"})
    second = World.at(tmp_path)
    async with serve(second):
        again = await second.stripe().v1.checkout.sessions.create_async(session_params(), {"idempotency_key": "k"})
    assert again.id == session.id


def test_what_was_committed_survives_kill_9_and_nothing_half_done_does(tmp_path):
    script = """
import os, sys
from pathlib import Path
from projectloom.sandbox.events import emit
from projectloom.sandbox.store import Store
kept = Store(Path(sys.argv[1]))
with kept.transaction() as db:
    emit(db, "refund.created", {"id": "cs_test_1"})
with kept.transaction() as db:
    emit(db, "refund.failed", {"id": "cs_test_2"})
    os.kill(os.getpid(), 9)
"""
    path = tmp_path / "sandbox.db"
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30).returncode == -9
    kept = store.Store(path)
    with kept.transaction() as db:
        due, _ = deliveries._claim_due(db)
    kept.close()
    assert [json.loads(one.payload)["type"] for one in due] == ["refund.created"]


async def test_making_the_sandbox_touches_no_disk(tmp_path):
    create_sandbox(World.at(tmp_path).settings)
    assert list(tmp_path.iterdir()) == []
