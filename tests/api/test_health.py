"""What machines ask: a server that lives, one that is ready, and figures for the operator alone."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from projectloom import db, limits
from projectloom.api.app import create_api
from projectloom.config import settings
from projectloom.operating.readiness import newest_revision, readiness
from tests.api.conftest import fresh_email
from tests.live import LiveServer, free_port

TOKEN = "a-token-of-the-tests"


def families(exposition: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+)", exposition, re.MULTILINE))


def value(client: httpx.Client, sample: str) -> float:
    """One sample by its name and labels, zero where there is none yet."""
    for line in client.get("/metrics").raise_for_status().text.splitlines():
        if line.startswith(f"{sample} "):
            return float(line.rpartition(" ")[2])
    return 0.0


def test_a_server_that_has_started_is_alive_and_ready(server: LiveServer):
    client = server.client()
    assert client.get("/healthz").json() == {"alive": True}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "troubles": {}})


def test_a_server_on_another_release_s_schema_is_alive_and_not_ready(server: LiveServer, inside: None):
    client = server.client()

    def become(revision: str | None) -> None:
        with db.transaction() as session:
            session.connection().execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
        time.sleep(limits.READY_FRESH_SECONDS + 0.1)

    become("0001")
    try:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["troubles"]) == (503, {"migrations": "another release's"})
        assert client.get("/healthz").status_code == 200
    finally:
        become(newest_revision())
    assert client.get("/readyz").status_code == 200


@contextmanager
def without_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    monkeypatch.setattr(limits, "FIGURES_FRESH_SECONDS", 0)
    settings.cache_clear()
    db.engine.cache_clear()
    with TestClient(create_api()) as client:
        yield client


def test_without_its_database_a_server_says_quickly_that_it_is_alive_and_not_ready(monkeypatch: pytest.MonkeyPatch):
    with without_database(monkeypatch) as client:
        monkeypatch.setattr(readiness, "_answer", None)
        monkeypatch.setattr(readiness, "stopping", False)
        assert client.get("/healthz").status_code == 200
        began = time.monotonic()
        answer = client.get("/readyz")
        assert time.monotonic() - began < limits.READY_SECONDS + 2
        assert answer.status_code == 503
        assert answer.json()["troubles"]["database"] == "no answer"
        shown = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert shown.status_code == 200
        assert "loom_database_up 0.0" in shown.text
        assert "loom_holds_open" not in shown.text


def test_a_server_that_is_asked_to_stop_asks_for_nobody_new(server: LiveServer, monkeypatch: pytest.MonkeyPatch):
    with TestClient(create_api()) as client:
        monkeypatch.setattr(readiness, "stopping", True)
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["troubles"]) == (503, {"server": "stopping"})


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_without_a_token_the_metrics_are_for_this_machine_alone(server: LiveServer, header: str):
    client = server.client()
    assert client.get("/metrics").status_code == 200
    # A proxy on this machine speaks for somebody else.
    assert client.get("/metrics", headers={header: "203.0.113.9"}).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:3000", 200),
        ("[::1]:3000", 200),
        ("loom.example.com", 404),
        ("localhost.example.com", 404),
        ("127.0.0.1.example.com", 404),
        ("203.0.113.9", 404),
        ("[bad", 404),
    ],
)
def test_a_proxy_on_this_machine_that_does_not_say_so_publishes_no_metrics(server: LiveServer, host: str, status: int):
    assert server.client().get("/metrics", headers={"Host": host}).status_code == status


def test_with_a_token_the_metrics_are_for_whoever_shows_it(monkeypatch: pytest.MonkeyPatch, books):
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    monkeypatch.setattr(limits, "FIGURES_FRESH_SECONDS", 0)
    settings.cache_clear()
    with TestClient(create_api()) as client:
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"}):
            assert client.get("/metrics", headers=wrong).status_code == 401
        shown = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.9"})
    assert shown.status_code == 200
    assert "loom_holds_open 0.0" in shown.text


def test_a_reply_and_a_refusal_for_want_of_a_price_are_counted(server: LiveServer):
    person = server.sign_up(fresh_email(), mode="own")
    turns = 'loom_turns_total{completion="complete",funding="own_key",provider="openai"}'
    words = 'loom_turn_first_word_seconds_count{provider="openai"}'
    refusals = 'loom_unpriced_refusals_total{what="model"}'
    before = [value(person, name) for name in (turns, words, refusals, "loom_turn_settle_seconds_count")]
    hello = {"messages": [{"role": "user", "content": "Hello"}]}
    key = {"x-openai-api-key": "sk-sandbox-mine"}
    person.post("/api/chat", json=hello | {"model": "gpt-5.4-mini"}, headers=key).raise_for_status()
    assert person.post("/api/chat", json=hello | {"model": "gpt-nobody-knows"}, headers=key).status_code == 400
    after = [value(person, name) for name in (turns, words, refusals, "loom_turn_settle_seconds_count")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1, 1]


def test_forged_and_unreadable_webhooks_are_counted(server: LiveServer):
    client = server.client()
    before = value(client, 'loom_webhook_events_total{outcome="forged"}')
    forged = client.post("/api/stripe/webhook", content=b"{}", headers={"stripe-signature": "t=1,v1=00"})
    assert forged.status_code == 400
    assert value(client, 'loom_webhook_events_total{outcome="forged"}') == before + 1


def test_every_job_that_ran_is_told_with_its_age(server: LiveServer):
    client = server.client()
    deadline = time.monotonic() + 30
    while 'loom_leased_job_age_seconds{job="count debt"}' not in client.get("/metrics").text:
        assert time.monotonic() < deadline, "the job never ran"
        time.sleep(0.5)
    assert value(client, 'loom_leased_job_failures{job="count debt"}') == 0
    assert value(client, 'loom_job_success_timestamp_seconds{job="recover turns"}') > time.time() - 60
