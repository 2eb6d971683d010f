"""Two server processes on one Postgres and one Redis: either shows a reply, and either may die or be replaced.

Whatever happens to whichever, the reply is kept, charged once and for no more than what came, and the books prove it.
"""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from projectloom import limits
from projectloom.metering.models import OPEN_STATES, TurnState
from tests.journeys.chatting import WAIT_SECONDS, Chatter, servers, shared_database
from tests.journeys.held_provider import Call, HeldProvider
from tests.live import LiveServer

TEN_DOLLARS = 10 * 10**9
SHARED = {"SECRET_KEY": "a secret that both of the servers share"}


class Watcher:
    """Somebody who reads a reply's text at one server, as a page does, in a thread of its own."""

    def __init__(self, client: httpx.Client, turn_id: str) -> None:
        self.text, self.ended = "", False
        self._client, self._turn_id = client, turn_id
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event = ""
        # Its server may be killed meanwhile.
        with (
            suppress(httpx.TransportError),
            self._client.stream("GET", f"/api/turns/{self._turn_id}/text", timeout=60) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    event = line.removeprefix("event:")
                elif line.startswith("data:") and not event:
                    self.text += json.loads(line.removeprefix("data:"))
        self.ended = event == "end"

    def await_text(self, text: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while self.text != text:
            assert time.monotonic() < deadline, f"read {self.text!r}, not {text!r}"
            time.sleep(0.02)

    def await_end(self) -> None:
        self._thread.join(WAIT_SECONDS)
        assert self.ended


class Pair:
    """Two servers, somebody with credit at both, and a reply that has begun at the first."""

    def __init__(self, first: LiveServer, second: LiveServer, provider: HeldProvider) -> None:
        self.first, self.second = first, second
        self.chatter = Chatter(first, second, nanos=TEN_DOLLARS)
        assert self.chatter.ask().status_code == 200
        self.call: Call = provider.await_call()
        self.call.begin()
        self.call.say("Hello")
        self.chatter.await_checkpoint("Hello")

    def watch(self, at: int) -> Watcher:
        return Watcher(self.chatter.clients[at], self.chatter.turn().id)


@contextmanager
def pairs(request, tmp_path, zygote, redis_url: str, **more: str) -> Iterator[Pair]:
    with (
        HeldProvider() as provider,
        shared_database(
            request, "postgres", tmp_path / "live", {**provider.environment, **SHARED, "REDIS_URL": redis_url, **more}
        ) as environment,
        servers(environment, zygote, 2) as (first, second),
    ):
        yield Pair(first, second, provider)


@pytest.fixture
def pair(request, tmp_path, zygote, redis_url: str) -> Iterator[Pair]:
    with pairs(request, tmp_path, zygote, redis_url) as found:
        yield found


def test_a_reply_is_watched_and_stopped_at_a_server_that_does_not_run_it(pair: Pair):
    watcher = pair.watch(1)
    watcher.await_text("Hello")
    pair.call.say(" there")
    watcher.await_text("Hello there")
    turn_id = pair.chatter.turn().id
    assert pair.chatter.clients[1].post(f"/api/turns/{turn_id}/stop").is_success
    watcher.await_end()
    turn = pair.chatter.turn()
    assert (turn.state, turn.completion, turn.text) == (TurnState.SETTLED, "stopped", "Hello there")
    assert pair.chatter.check_books() > 0


def test_the_server_that_writes_a_reply_is_killed_and_the_other_ends_it(pair: Pair):
    watcher = pair.watch(1)
    watcher.await_text("Hello")
    pair.first.kill()
    # Nobody ends it before its process had the time of its lease to come back.
    time.sleep(1)
    assert pair.chatter.turn().state in OPEN_STATES
    pair.chatter.let_the_lease_run_out()
    watcher.await_end()
    turn = pair.chatter.turn()
    assert (turn.state, turn.completion, turn.text, watcher.text) == (TurnState.SETTLED, "partial", "Hello", "Hello")
    charged = pair.chatter.check_books()
    assert charged > 0
    # Back again, the first one finds the reply as the other left it, and charges nothing more.
    pair.first.start()
    again = pair.watch(0)
    again.await_end()
    assert again.text == "Hello"
    assert pair.chatter.check_books() == charged


def test_the_server_that_only_watches_is_killed_and_the_reply_never_notices(pair: Pair):
    pair.watch(1).await_text("Hello")
    pair.second.kill()
    pair.call.say(" there")
    pair.call.report()
    pair.call.end()
    turn = pair.chatter.await_end()
    assert (turn.state, turn.completion, turn.text) == (TurnState.SETTLED, "complete", "Hello there")
    charged = pair.chatter.check_books()
    pair.second.start()
    again = pair.watch(1)
    again.await_end()
    assert again.text == "Hello there"
    assert pair.chatter.check_books() == charged > 0


def test_both_are_killed_and_whichever_comes_back_ends_the_reply(pair: Pair):
    pair.first.kill()
    pair.second.kill()
    pair.chatter.let_the_lease_run_out()
    pair.second.start()
    turn = pair.chatter.await_end()
    assert (turn.state, turn.text) == (TurnState.SETTLED, "Hello")
    assert pair.chatter.check_books() > 0


def stopping(server: LiveServer) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGINT)


def test_a_server_that_is_replaced_lets_a_reply_end_by_itself_within_its_grace(request, tmp_path, zygote, redis_url):
    with pairs(request, tmp_path, zygote, redis_url, STOP_GRACE_SECONDS="20") as pair:
        watcher = pair.watch(1)
        stopping(pair.first)
        time.sleep(1)
        pair.call.say(" there")
        pair.call.report()
        pair.call.end()
        turn = pair.chatter.await_end()
        assert (turn.completion, turn.text) == ("complete", "Hello there")
        watcher.await_end()
        assert pair.first.process is not None
        assert pair.first.process.wait(WAIT_SECONDS) == 0
        assert pair.chatter.check_books() > 0


def test_a_server_that_is_replaced_ends_and_charges_what_does_not_end_by_itself(pair: Pair):
    began = time.monotonic()
    stopping(pair.first)
    assert pair.first.process is not None
    assert pair.first.process.wait(WAIT_SECONDS) == 0
    assert time.monotonic() - began < limits.DRAIN_SECONDS
    turn = pair.chatter.turn()
    assert (turn.state, turn.completion, turn.text) == (TurnState.SETTLED, "partial", "Hello")
    assert pair.chatter.check_books() > 0
    # The other one takes whoever comes.
    pair.chatter.ask(pair.chatter.clients[1])
