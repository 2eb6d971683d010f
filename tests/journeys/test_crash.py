"""``kill -9`` of a real server in the middle of a reply: what came is shown, charged once, and the books are right."""

import json
import signal
import time
from decimal import Decimal

import httpx
import pytest

from projectloom.ids import new_id
from tests.conftest import ENGINES, fresh_database
from tests.live import LiveServer, await_balance, buy

RECOVERY_SECONDS = 30


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_is_killed_in_mid_reply_charges_what_it_showed_and_frees_the_hold(request, tmp_path, engine: str):
    with (
        fresh_database(request, engine, tmp_path / "live") as environment,
        LiveServer({**environment, "LOOM_SANDBOX_SPEED": "3"}) as server,
    ):
        client = server.sign_up(f"{new_id('p').lower()}@example.org", mode="credits")
        buy(client, 10)
        await_balance(client, "10.00")
        turn_id = kill_in_mid_reply(server, client)
        server.start()

        text, receipt = watch(client, turn_id)
        assert receipt["completion"] == "partial"
        assert len(text) > 100
        charge = Decimal(receipt["chargeUsd"])
        assert 0 < charge <= Decimal(receipt["heldUsd"])
        after = client.get("/api/credits/balance").json()
        assert (Decimal(after["balanceUsd"]), after["held"]) == (10 - charge, 0)
        server.audit()


def kill_in_mid_reply(server: LiveServer, client: httpx.Client) -> str:
    body = {"messages": [{"role": "user", "content": "Write a long essay of 1000 words about rivers"}]}
    first, turn_id = None, ""
    with client.stream("POST", "/api/chat", json=body) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                part = json.loads(line.removeprefix("data: "))
                turn_id = turn_id or part["messageId"]
                if part["type"] == "text-delta":
                    first = first or time.monotonic()
            # Past a checkpoint that has words: a second's worth of them may be lost.
            if first is not None and time.monotonic() > first + 2:
                server.kill()
                return turn_id
    raise AssertionError("the reply ended before the server was killed")


def watch(client: httpx.Client, turn_id: str) -> tuple[str, dict]:
    lines = client.get(f"/api/turns/{turn_id}/stream", timeout=RECOVERY_SECONDS).raise_for_status().text.splitlines()
    parts = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    text = "".join(part["delta"] for part in parts if part["type"] == "text-delta")
    return text, parts[-1]["messageMetadata"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_payment_made_just_before_a_kill_is_credited_once_after_the_restart(request, tmp_path, engine: str):
    with fresh_database(request, engine, tmp_path / "live") as environment, LiveServer(environment) as server:
        client = server.sign_up(f"{new_id('p').lower()}@example.org", mode="credits")
        buy(client, 50)
        server.kill()
        server.start()
        await_balance(client, "55.00", seconds=20)
        server.audit()


def test_a_server_that_is_asked_to_stop_ends_its_replies_well_and_loses_not_a_word(request, tmp_path):
    with (
        fresh_database(request, "sqlite", tmp_path / "live") as environment,
        LiveServer({**environment, "LOOM_SANDBOX_SPEED": "3"}) as server,
    ):
        client = server.sign_up(f"{new_id('p').lower()}@example.org", mode="credits")
        buy(client, 10)
        await_balance(client, "10.00")
        body = {"messages": [{"role": "user", "content": "Write a long essay of 1000 words about rivers"}]}
        parts: list[dict] = []
        with client.stream("POST", "/api/chat", json=body) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    parts.append(json.loads(line.removeprefix("data: ")))
                if len(parts) == 12:
                    assert server.process is not None
                    server.process.send_signal(signal.SIGINT)
        # The reader was told the end and the cost, not cut off.
        assert parts[-1]["type"] == "finish"
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() < begun + 6
        server.audit()
        server.start()
        text, receipt = watch(client, parts[0]["messageId"])
        assert text == "".join(part["delta"] for part in parts if part["type"] == "text-delta")
        assert receipt == parts[-1]["messageMetadata"]
        assert client.get("/api/credits/balance").json()["held"] == 0
