"""FAULTS, row Concurrency: fifty calls at once, to one real server and to two on the same database."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import ENGINES
from tests.journeys.chatting import Chatter, servers, shared_database
from tests.journeys.held_provider import MODEL, HeldProvider

FIFTY = 50
PROCESSES = (1, 2)
TWELVE_CENTS = 120_000_000


class Answers:
    """What fifty requests were answered, as they come in."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()
        self.turns: set[str] = set()
        self.texts: list[str] = []
        self._changed = threading.Condition()

    def ask(self, client: httpx.Client, body: dict[str, Any]) -> None:
        with client.stream("POST", "/api/chat", json=body, timeout=60) as answer:
            if answer.status_code != 200:
                answer.read()
                self._note(answer.status_code, code=answer.json()["code"])
                return
            text = ""
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    part = json.loads(line[6:])
                    if part["type"] == "start":
                        self._note(200, turn=part["messageId"])
                    elif part["type"] == "text-delta":
                        text += part["delta"]
        self.texts.append(text)

    def _note(self, status: int, *, code: str = "", turn: str = "") -> None:
        with self._changed:
            self.statuses[status] += 1
            self.codes[code] += 1
            self.turns |= {turn} - {""}
            self._changed.notify_all()

    def await_all(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.statuses.total() == FIFTY, 60), self.statuses


def ask_fifty_times(chatter: Chatter, provider: HeldProvider, **more: Any) -> Answers:
    """All at once, over all servers. The provider answers only when all have been told whether they are served."""
    answers = Answers()
    body = {"messages": [{"role": "user", "content": "Hello there"}], "model": MODEL, **more}
    with ThreadPoolExecutor(FIFTY) as threads:
        jobs = [
            threads.submit(answers.ask, chatter.clients[number % len(chatter.clients)], body) for number in range(FIFTY)
        ]
        try:
            answers.await_all()
        finally:
            for call in provider.calls:
                call.answer("Hello to all of you!")
        for job in jobs:
            job.result()
    return answers


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("engine", ENGINES)
def test_of_fifty_calls_on_a_balance_for_one_exactly_one_reaches_the_provider(
    request, tmp_path, zygote, engine: str, processes: int
):
    with (
        HeldProvider() as provider,
        shared_database(request, engine, tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote, processes) as running,
    ):
        chatter = Chatter(*running, nanos=TWELVE_CENTS)
        answers = ask_fifty_times(chatter, provider)
        assert answers.statuses == {200: 1, 402: FIFTY - 1}, (answers.statuses, answers.codes)
        assert answers.codes["insufficient_credits"] == FIFTY - 1
        assert answers.texts == ["Hello to all of you!"]
        assert len(provider.calls) == 1
        turn = chatter.await_end()
        assert chatter.check_books() > 0
        assert turn.clamped


@pytest.mark.parametrize("engine", ENGINES)
def test_one_client_request_id_fifty_times_at_once_in_two_processes_is_one_turn_and_one_call_that_all_can_read(
    request, tmp_path, zygote, engine: str
):
    with (
        HeldProvider() as provider,
        shared_database(request, engine, tmp_path / "live", provider.environment) as environment,
        servers(environment, zygote, 2) as running,
    ):
        chatter = Chatter(*running, nanos=20 * 10**9)
        answers = ask_fifty_times(chatter, provider, clientRequestId="once")
        assert answers.statuses == {200: FIFTY}, (answers.statuses, answers.codes)
        assert answers.turns == {chatter.await_end().id}
        assert answers.texts == ["Hello to all of you!"] * FIFTY
        assert len(provider.calls) == 1
        assert chatter.check_books() > 0
