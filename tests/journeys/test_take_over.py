"""A server that starts where another died takes over at once, and only where nobody else can be alive."""

import time

from projectloom import limits
from projectloom.metering.models import OPEN_STATES, TurnState
from tests.journeys.chatting import Chatter, servers, shared_database
from tests.journeys.held_provider import Call, HeldProvider
from tests.live import LiveServer

TEN_DOLLARS = 10 * 10**9


def begin(chatter: Chatter, provider: HeldProvider) -> Call:
    assert chatter.ask().status_code == 200
    call = provider.await_call()
    call.begin()
    call.say("Hello")
    chatter.await_checkpoint("Hello")
    return call


def test_on_sqlite_a_killed_server_s_reply_is_settled_as_soon_as_it_starts_again(request, tmp_path, zygote):
    with (
        HeldProvider() as provider,
        shared_database(request, "sqlite", tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote) as (server,),
    ):
        chatter = Chatter(server, nanos=TEN_DOLLARS)
        begin(chatter, provider)
        server.kill()
        killed = time.monotonic()
        server.start()
        turn = chatter.await_end()
        assert (turn.state, turn.text) == (TurnState.SETTLED, "Hello")
        assert time.monotonic() - killed < limits.TURN_LEASE_SECONDS / 2
        assert chatter.check_books() > 0


def test_a_second_server_on_the_same_file_leaves_the_first_one_s_replies_alone(request, tmp_path, zygote):
    with (
        HeldProvider() as provider,
        shared_database(request, "sqlite", tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote) as (first,),
    ):
        chatter = Chatter(first, nanos=TEN_DOLLARS)
        call = begin(chatter, provider)
        with LiveServer(environment, zygote) as second:
            # Nor does the second one, killed and started again, find itself alone.
            time.sleep(1)
            assert chatter.turn().state in OPEN_STATES
            call.say(" there")
            chatter.await_checkpoint("Hello there")
            second.kill()
            second.start()
            time.sleep(1)
            assert chatter.turn().state in OPEN_STATES
        call.report()
        call.end()
        assert chatter.await_end().completion == "complete"
        chatter.check_books()
