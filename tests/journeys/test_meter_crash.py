"""FAULTS, row Crash, of a reply: ``kill -9`` of a real server at each named point, and what its next start makes of it.

The provider runs outside the server, so it tells what had been sent when. Points inside the server are held open from
outside: a provider that does not answer, or a database that somebody else has locked.
"""

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from projectloom import limits
from projectloom.metering.models import OPEN_STATES, TurnState
from tests.conftest import ENGINES
from tests.journeys.chatting import Chatter, await_waiter, locked, servers, shared_database
from tests.journeys.held_provider import Call, HeldProvider, provider_environment
from tests.live import LiveServer

both = pytest.mark.parametrize("engine", ENGINES)
TEN_DOLLARS = 10 * 10**9
# What may be lost, and as much again as a machine under load needs to write a checkpoint.
LOST_SECONDS = limits.CHECKPOINT_SECONDS + 0.5


class Scene:
    """One server, its provider, and somebody with credit."""

    def __init__(self, server: LiveServer, provider: HeldProvider) -> None:
        self.server, self.provider = server, provider
        self.chatter = Chatter(server, nanos=TEN_DOLLARS)

    def begin(self) -> Call:
        assert self.chatter.ask().status_code == 200
        call = self.provider.await_call()
        call.begin()
        return call

    def restart(self) -> None:
        """After so long that nobody may believe the dead process to be alive."""
        self.chatter.let_the_lease_run_out()
        self.server.start()

    def check_end(self, call: Call, *, least: str) -> int:
        """Partial, once: at least this text, no more than was sent, charged; what was charged."""
        turn = self.chatter.await_end()
        text, receipt = self.chatter.watch()
        assert text == turn.text
        assert call.text.startswith(text)
        assert text.startswith(least)
        assert (turn.state, receipt["completion"]) == (TurnState.SETTLED, "partial")
        assert len(self.provider.calls) == 1
        charged = self.chatter.check_books()
        assert 0 < charged <= turn.held_nanos
        return charged


@pytest.fixture
def scene(request, tmp_path: Path, zygote, engine: str) -> Iterator[Scene]:
    with (
        HeldProvider() as provider,
        shared_database(request, engine, tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote) as (server,),
    ):
        yield Scene(server, provider)


@contextmanager
def unreachable_port() -> Iterator[int]:
    """A port where connecting hangs: its queue is full and nobody takes a connection from it."""
    with ExitStack() as stack, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@both
def test_a_crash_between_hold_and_call_frees_the_hold_costs_nothing_and_calls_nobody(
    request, tmp_path, zygote, engine: str
):
    with (
        unreachable_port() as port,
        shared_database(request, engine, tmp_path / "live", provider_environment(port)) as environment,
        servers(environment, zygote) as (server,),
    ):
        chatter = Chatter(server, nanos=TEN_DOLLARS)
        assert chatter.ask().status_code == 200
        assert chatter.balances.held_nanos == chatter.turn().held_nanos > 0
        server.kill()
        chatter.let_the_lease_run_out()
        server.start()
        turn = chatter.await_end()
        assert (turn.state, turn.completion) == (TurnState.VOIDED, "failed")
        assert chatter.check_books() == 0


@both
def test_a_crash_after_the_call_and_before_its_first_token_frees_the_hold_and_costs_nothing(scene: Scene):
    scene.begin()
    scene.server.kill()
    scene.restart()
    assert scene.chatter.await_end().state == TurnState.VOIDED
    assert scene.chatter.check_books() == 0
    assert len(scene.provider.calls) == 1


@both
def test_a_crash_in_mid_stream_loses_at_most_a_second_of_text_and_charges_what_is_shown(scene: Scene):
    call, dice = scene.begin(), random.SystemRandom()
    ends = time.monotonic() + dice.uniform(1.5, 3.5)
    while time.monotonic() < ends:
        call.say(f"word{len(call.sent)} ")
        time.sleep(0.02)
    killed = time.monotonic()
    scene.server.kill()
    scene.restart()
    scene.check_end(call, least=call.text_before(killed - LOST_SECONDS))


@both
def test_a_crash_during_a_checkpoint_keeps_the_one_before_and_charges_what_it_shows(scene: Scene):
    call = scene.begin()
    call.say("Once upon a time ")
    scene.chatter.await_checkpoint(call.text)
    with locked("turns"):
        call.say("there was a river")
        await_waiter()
        scene.server.kill()
    scene.restart()
    scene.check_end(call, least="Once upon a time ")


@both
def test_a_crash_between_the_provider_s_end_and_the_capture_charges_the_reply_once(scene: Scene):
    call = scene.begin()
    call.say("Once upon a time ")
    scene.chatter.await_checkpoint(call.text)
    with locked("ledger_accounts"):
        call.say("there was a river.")
        call.report(output_tokens=40)
        call.end()
        await_waiter()
        assert scene.chatter.turn().state in OPEN_STATES
        scene.server.kill()
    scene.restart()
    scene.check_end(call, least="Once upon a time ")


@both
def test_a_crash_with_the_provider_s_count_in_the_checkpoint_charges_exactly_that_count(scene: Scene):
    call = scene.begin()
    call.say("Once upon a time there was a river.")
    call.report(input_tokens=25, output_tokens=40)
    turn = scene.chatter.await_turn("no final count", lambda turn: '"final": true' in (turn.usage_json or ""))
    scene.server.kill()
    scene.restart()
    # $10 and $50 a million.
    assert turn.model == "gpt-6-astra"
    assert scene.check_end(call, least=call.text) == 25 * 10_000 + 40 * 50_000


@both
def test_a_crash_during_recovery_itself_is_recovered_from_once(scene: Scene):
    call, dice = scene.begin(), random.SystemRandom()
    call.say("Once upon a time there was a river.")
    scene.chatter.await_checkpoint(call.text)
    scene.server.kill()
    for _ in range(4):
        scene.chatter.let_the_lease_run_out()
        scene.server.spawn()
        time.sleep(dice.uniform(0.1, 0.5))
        scene.server.kill()
    scene.restart()
    scene.check_end(call, least=call.text)


@pytest.mark.parametrize("engine", ["postgres"])
def test_a_crash_while_recovery_waits_for_the_books_is_recovered_from_once(scene: Scene):
    call = scene.begin()
    call.say("Once upon a time there was a river.")
    scene.chatter.await_checkpoint(call.text)
    scene.server.kill()
    scene.chatter.let_the_lease_run_out()
    # SQLite has one lock for all, and without it a server does not even start.
    with locked("ledger_accounts"):
        scene.server.start()
        await_waiter()
        scene.server.kill()
    scene.restart()
    scene.check_end(call, least=call.text)
