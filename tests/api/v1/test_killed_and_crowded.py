"""FAULTS through these doors with a provider outside: ``kill -9``, fifty at once, and a client that reads nothing."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ENGINES
from tests.journeys.chatting import Chatter, servers, shared_database
from tests.journeys.held_provider import MODEL, Call, HeldProvider
from tests.live import LiveServer
from tests.providers.dialects import o_chunk
from tests.zygote import Zygote

BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Hello there"}], "stream": True}
# $10 and $50 a million.
EXACT = 25 * 10_000 + 40 * 50_000
FIFTY = 50
# What the sockets of four ends take as their kernel grows them, and little more.
MOST_MEGABYTES = 32


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path, zygote: Zygote) -> Iterator[tuple[HeldProvider, LiveServer]]:
    with (
        HeldProvider() as provider,
        shared_database(request, request.param, tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote) as (server,),
    ):
        yield provider, server


@contextmanager
def program_of(chatter: Chatter) -> Iterator[httpx.Client]:
    key = chatter.clients[0].post("/api/keys", json={"name": "program"}).raise_for_status().json()["key"]
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=chatter.servers[0].url, headers=headers, timeout=60) as client:
        yield client


def test_a_server_that_is_killed_in_mid_stream_settles_once_what_had_come(world: tuple[HeldProvider, LiveServer]):
    provider, server = world
    chatter = Chatter(server, nanos=10**9)
    with program_of(chatter) as client, client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
        call = provider.await_call()
        call.begin()
        call.say("Once upon a time ")
        chatter.await_checkpoint("Once upon a time ")
        server.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            list(answer.iter_raw())
    server.start()
    chatter.let_the_lease_run_out()
    turn = chatter.await_end()
    assert turn.completion == "partial"
    # Its words at four bytes a token.
    assert chatter.check_books() >= 5 * 50_000
    assert len(provider.calls) == 1


def test_of_fifty_calls_on_a_balance_for_one_exactly_one_reaches_the_provider(world: tuple[HeldProvider, LiveServer]):
    provider, server = world
    chatter = Chatter(server, nanos=120_000_000)
    statuses: Counter[int] = Counter()
    changed = threading.Condition()

    def ask(client: httpx.Client) -> bytes:
        with client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
            with changed:
                statuses[answer.status_code] += 1
                changed.notify_all()
            return b"".join(answer.iter_raw())

    with program_of(chatter) as client, ThreadPoolExecutor(FIFTY) as crowd:
        asked = [crowd.submit(ask, client) for _ in range(FIFTY)]
        with changed:
            assert changed.wait_for(lambda: statuses.total() == FIFTY, 60), statuses
        provider.await_call().answer()
        bodies = [one.result() for one in asked]
    assert statuses == {200: 1, 402: FIFTY - 1}
    assert sum(b"[DONE]" in body for body in bodies) == 1
    assert chatter.await_end().completion == "complete"
    assert chatter.check_books() == EXACT
    assert len(provider.calls) == 1


def say_until_stuck(call: Call) -> int:
    """How many megabytes go out before nobody takes any more."""
    for written in range(2 * MOST_MEGABYTES):
        try:
            call.say("x" * 1_000_000, patience=1)
        except AssertionError:
            return written
    return 2 * MOST_MEGABYTES


def test_a_client_that_reads_nothing_holds_its_provider_back_and_is_let_go_when_it_leaves(
    world: tuple[HeldProvider, LiveServer],
):
    provider, server = world
    chatter = Chatter(server, nanos=10**10)
    with program_of(chatter) as client:
        head = "".join(f"{name}: {value}\r\n" for name, value in client.headers.items() if name != "connection")
        raw = json.dumps(BODY | {"max_tokens": 100_000})
        with socket.create_connection(("127.0.0.1", server.port)) as sleeper:
            sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            asked = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(raw)}\r\n\r\n{raw}"
            sleeper.sendall(asked.encode())
            call = provider.await_call()
            call.begin()
            assert say_until_stuck(call) <= MOST_MEGABYTES
    turn = chatter.await_end()
    assert turn.completion == "stopped"
    assert 0 < chatter.check_books() <= turn.held_nanos


def test_who_leaves_between_the_last_word_and_the_count_pays_by_the_count(world: tuple[HeldProvider, LiveServer]):
    provider, server = world
    chatter = Chatter(server, nanos=10**9)
    with program_of(chatter) as client:
        with client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
            call = provider.await_call()
            call.begin()
            call.say("Four")
            call._put(o_chunk({}, "stop"))
            seen = b""
            for piece in answer.iter_raw():
                seen += piece
                if b'"stop"' in seen:
                    break
        # Long enough for the server to see that it is gone.
        time.sleep(0.3)
        call.report()
        call.end()
    assert chatter.await_end().completion == "complete"
    assert chatter.check_books() == EXACT
