"""Leaving a stream before its provider counted anything: it ends, until somebody makes a habit of it."""

import json

from projectloom.accounts.attempts import Attempts
from projectloom.metering import relays
from projectloom.metering.models import Completion
from projectloom.metering.relays import Relayed, leave_relay, start_relay
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import await_receipt
from projectloom.providers import read_wire_request
from tests.metering.conftest import MODEL
from tests.providers.dialects import O_WHOLE
from tests.providers.scripted_server import cut, stream


def request_of(person: str) -> TurnRequest:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    wire = read_wire_request("/chat/completions", json.dumps(body).encode())
    return TurnRequest(user_id=person, model=MODEL, messages=(), kept=False, wire=wire)


async def left(person: str) -> Relayed:
    """A stream that is left as soon as its first words have come."""
    relayed = await start_relay(request_of(person), lambda told: {"turn_id": told.turn_id})
    async for _ in relayed.feed.pieces():
        leave_relay(relayed)
        leave_relay(relayed)
        break
    return relayed


async def test_who_leaves_often_has_the_rest_read_and_pays_for_its_count(world, monkeypatch):
    monkeypatch.setattr(relays, "_leaving", Attempts(most=1, seconds=60, refusal="Too many."))
    slow = cut(*O_WHOLE[:2], end=0.3) + stream(*O_WHOLE)[1:]
    async with world(slow) as w:
        first = await await_receipt(w.person, (await left(w.person)).turn_id)
        assert (first.completion, first.estimated) == (Completion.STOPPED, True)
        second = await await_receipt(w.person, (await left(w.person)).turn_id)
        assert (second.completion, second.estimated) == (Completion.COMPLETE, False)
        assert second.usage.output_tokens > 0
        assert w.balances.held_nanos == 0
