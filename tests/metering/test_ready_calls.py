"""A call that is made ready while its hold is being written: nothing of it leaves before the hold is there."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
import pytest
from sqlalchemy import Engine

from projectloom import limits
from projectloom.errors import DatabaseUnavailable, MissingApiKey
from projectloom.group_commit import hurry
from projectloom.metering.models import Completion, TurnState
from projectloom.metering.relays import Relayed, leave_relay, start_relay
from projectloom.metering.requests import TurnRequest
from projectloom.metering.running import runner
from projectloom.metering.turn import await_receipt, open_request
from projectloom.providers import ReadyCall, WireCall, close_wires, read_wire_request
from projectloom.workspace.preferences import set_api_key_mode
from tests.metering.conftest import MODEL, World
from tests.providers.dialects import KEY, O_START, WHOLE, o_text
from tests.providers.scripted_server import HANG, RESET, ScriptedServer, cut, stream

REPLY = stream(*WHOLE["openai"])
# Long enough for all that could happen while a hold is being written.
A_WHILE = 0.3


def request_of(person: str, max_tokens: int = 100) -> TurnRequest:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    wire = read_wire_request("/chat/completions", json.dumps({**body, "max_completion_tokens": max_tokens}).encode())
    return TurnRequest(user_id=person, model=MODEL, messages=(), kept=False, wire=wire)


async def relay(person: str, max_tokens: int = 100) -> Relayed:
    return await start_relay(request_of(person, max_tokens), lambda told: {"turn_id": told.turn_id})


async def read(relayed: Relayed) -> bytes:
    got = b"".join([piece async for piece in relayed.feed.pieces()])
    await hurry()
    await relayed.feed.settled()
    return got


async def one_plain_reply(world: World) -> None:
    """After which the person's next call is made ready."""
    assert b"Hello" in await read(await relay(world.person))


@contextmanager
def nobody_writes(books: Engine) -> Iterator[None]:
    """Keeps every hold from being judged and written until its block ends."""
    if books.dialect.name == "sqlite":
        other = sqlite3.connect(books.url.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()
    else:
        with books.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE ledger_accounts IN EXCLUSIVE MODE")
            yield


def made_ready() -> list[str]:
    """The calls that wait for something."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "call made ready"]


async def test_nothing_of_a_call_leaves_before_its_hold_is_committed(world, books: Engine):
    async with world(REPLY) as w:
        await one_plain_reply(w)
        with nobody_writes(books):
            starting = asyncio.create_task(relay(w.person))
            await asyncio.sleep(A_WHILE)
            assert made_ready()
            # Not even its head, which has the operator's key.
            assert w.provider.begun == 1
        relayed = await starting
        assert b"Hello" in await read(relayed)
        assert len(w.provider.asked) == 2
        # The connection of the first one carried the second.
        assert w.provider.connections == 1
        receipt = await await_receipt(w.person, relayed.turn_id)
        assert (receipt.state, receipt.completion) == (TurnState.SETTLED, Completion.COMPLETE)


async def test_the_first_call_of_somebody_waits_for_its_hold(world, books: Engine):
    async with world(REPLY) as w:
        with nobody_writes(books):
            starting = asyncio.create_task(relay(w.person))
            await asyncio.sleep(A_WHILE)
            assert not made_ready()
            assert w.provider.connections == 0
        assert b"Hello" in await read(await starting)


async def test_a_hold_that_is_more_than_the_balance_leaves_the_readied_call_unmade(world, books: Engine):
    async with world(REPLY, nanos=10**9) as w:
        await one_plain_reply(w)
        with nobody_writes(books):
            starting = asyncio.create_task(relay(w.person, max_tokens=100_000))
            await asyncio.sleep(A_WHILE)
            assert made_ready()
        relayed = await starting
        assert relayed.clamped
        assert b"Hello" in await read(relayed)
        asked = [one.body["max_completion_tokens"] for one in w.provider.asked]
        assert len(asked) == 2
        assert asked[1] == relayed.max_output_tokens < 100_000
        # And whoever is not plain has nothing made ready again.
        with nobody_writes(books):
            again = asyncio.create_task(relay(w.person))
            await asyncio.sleep(A_WHILE)
            assert not made_ready()
        await read(await again)


async def test_a_payer_who_changed_meanwhile_leaves_the_readied_call_unmade(
    world, books: Engine, monkeypatch: pytest.MonkeyPatch
):
    # This process believes for a while that credits pay.
    monkeypatch.setattr(limits, "QUICK_FRESH_SECONDS", 60)
    async with world(REPLY) as w:
        await one_plain_reply(w)
        set_api_key_mode(w.person, "own")
        with nobody_writes(books):
            starting = asyncio.create_task(relay(w.person))
            await asyncio.sleep(A_WHILE)
            assert made_ready()
        with pytest.raises(MissingApiKey):
            await starting
        await asyncio.sleep(A_WHILE)
        assert w.provider.begun == 1
        assert not made_ready()
        set_api_key_mode(w.person, "credits")


async def test_while_the_database_is_away_no_more_than_one_call_is_made_ready(
    world, books: Engine, monkeypatch: pytest.MonkeyPatch
):
    if books.dialect.name != "sqlite":
        pytest.skip("what waits for a lock there goes the slower way")
    monkeypatch.setattr(limits, "QUICK_FRESH_SECONDS", 60)
    monkeypatch.setattr(limits, "SQLITE_BUSY_SECONDS", 2 * A_WHILE)
    async with world(REPLY) as w:
        await one_plain_reply(w)
        with nobody_writes(books):
            for is_first in (True, False):
                starting = asyncio.create_task(relay(w.person))
                await asyncio.sleep(A_WHILE)
                assert bool(made_ready()) == is_first
                with pytest.raises(DatabaseUnavailable):
                    await starting
        assert w.provider.begun == 1


@pytest.mark.parametrize("how", [ScriptedServer.drop_connections, ScriptedServer.speak_up])
@pytest.mark.parametrize("before_the_hold", [A_WHILE, 0])
async def test_a_connection_that_its_provider_closes_meanwhile_is_replaced(
    world, books: Engine, how: Callable[[ScriptedServer], None], before_the_hold: float
):
    async with world(REPLY) as w:
        await one_plain_reply(w)
        with nobody_writes(books):
            starting = asyncio.create_task(relay(w.person))
            await asyncio.sleep(A_WHILE)
            how(w.provider)
            await asyncio.sleep(before_the_hold)
        assert b"Hello" in await read(await starting)
        assert (len(w.provider.asked), w.provider.connections) == (2, 2)


async def test_a_provider_that_breaks_off_after_the_call_has_left_is_not_called_again(world):
    async with world(REPLY, [RESET]) as w:
        await one_plain_reply(w)
        relayed = await relay(w.person)
        assert relayed.feed.ready is not None
        assert await read(relayed) == b""
        assert len(w.provider.asked) == 2
        receipt = await await_receipt(w.person, relayed.turn_id)
        assert (receipt.state, receipt.charged_nanos) == (TurnState.VOIDED, 0)


async def test_leaving_ends_a_call_that_was_made_ready(world):
    async with world(REPLY, [*cut(O_START, o_text("Hello")), HANG]) as w:
        await one_plain_reply(w)
        relayed = await relay(w.person)
        assert relayed.feed.ready is not None
        async for _ in relayed.feed.pieces():
            break
        leave_relay(relayed)
        await asyncio.wait_for(w.provider.left_by_client.wait(), 5)
        await read(relayed)


async def test_a_call_whose_reading_ends_before_its_first_step_does_not_wait_for_its_settlement(world, books: Engine):
    async with world(REPLY, [*cut(O_START, o_text("Hello")), HANG]) as w:
        await one_plain_reply(w)
        opened = await open_request(request_of(w.person))
        assert isinstance(opened.call, WireCall)
        assert opened.ready is not None
        with nobody_writes(books):
            runner.relay(opened.turn, opened.card, opened.call, lambda _: {}, opened.ready)
            runner.stop(opened.turn.id)
            await asyncio.wait_for(w.provider.left_by_client.wait(), 5)
            assert runner.feed(opened.turn.id) is not None
        receipt = await await_receipt(w.person, opened.turn.id)
        assert (receipt.state, receipt.completion) == (TurnState.VOIDED, Completion.STOPPED)


def readied(provider_url: str) -> ReadyCall:
    wire = request_of("usr_x").wire
    assert wire is not None
    return ReadyCall(WireCall(wire, json.dumps(wire.body).encode(), 100, KEY, provider_url))


async def test_an_answer_that_nobody_came_to_read_is_closed():
    async with ScriptedServer([[*cut(*WHOLE["openai"][:2]), HANG]]) as provider:
        ready = readied(provider.url)
        ready.let_go()
        await asyncio.sleep(A_WHILE)
        assert len(provider.asked) == 1
        ready.drop()
        await asyncio.wait_for(provider.left_by_client.wait(), 5)
        await close_wires()


async def test_a_provider_that_cannot_be_reached_is_not_tried_again():
    async with ScriptedServer([REPLY]) as provider:
        gone = provider.url
    ready = readied(gone)
    ready.let_go()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ready.response()
    await close_wires()
