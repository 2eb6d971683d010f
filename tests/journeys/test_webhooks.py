"""Webhooks at a real server: quick one by one, and bounded when they come all at once."""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from stripe import WebhookSignature

from projectloom.config import SANDBOX_WEBHOOK_SECRET
from projectloom.ids import new_id
from tests.live import LiveServer
from tests.yardstick import slowness

BURST = 500
AT_ONCE = 25


def event(kind: str = "customer.updated") -> bytes:
    subject = {"id": new_id("cus"), "object": "customer", "description": "x" * 2_000}
    envelope = {"id": new_id("evt"), "object": "event", "type": kind, "livemode": False, "data": {"object": subject}}
    return json.dumps(envelope).encode()


def deliver(client: httpx.Client, body: bytes) -> tuple[int, float]:
    signature = WebhookSignature.generate_signature_header(body.decode(), SANDBOX_WEBHOOK_SECRET)
    begun = time.perf_counter()
    answer = client.post("/api/stripe/webhook", content=body, headers={"stripe-signature": signature})
    return answer.status_code, time.perf_counter() - begun


def resident_mb(server: LiveServer) -> float:
    assert server.process is not None
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.alone
def test_a_webhook_is_answered_within_fifty_milliseconds_in_the_median(server: LiveServer):
    client = server.client()
    outcomes = [deliver(client, event()) for _ in range(60)]
    assert {status for status, _ in outcomes} == {200}
    assert statistics.median(seconds for _, seconds in outcomes) < 0.05 * slowness()


@pytest.mark.alone
def test_a_burst_of_five_hundred_events_is_all_recorded_and_keeps_memory_bounded(server: LiveServer):
    client = server.client()
    deliver(client, event())
    before = resident_mb(server)
    bodies = [event() for _ in range(BURST)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = list(threads.map(lambda body: deliver(client, body), bodies))
    # What is not recorded is told so, and Stripe sends it again.
    again = [body for body, (status, _) in zip(bodies, outcomes, strict=True) if status == 503]
    assert {status for status, _ in outcomes} <= {200, 503}
    assert {deliver(client, body)[0] for body in again} <= {200}
    assert max(seconds for _, seconds in outcomes) < 20
    assert resident_mb(server) - before < 50
