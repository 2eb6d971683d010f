"""Bursts at the doors: 429 with Retry-After, each in its own envelope, before anything is held."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.conftest import fresh_email
from tests.conftest import ENGINES, fresh_database
from tests.live import OPEN_DOORS, LiveServer, await_balance, buy

PROXY = {"TRUSTED_PROXIES": "127.0.0.1"}


@pytest.fixture(params=ENGINES, scope="module")
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with most of its usual limits, behind a proxy that tells who comes."""
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(request, request.param, folder) as environment:
        live = LiveServer({**environment, **PROXY, "RATE_PROGRAM": "5/minute", "RATE_SIGN_IN": "5/minute"})
        for name in OPEN_DOORS:
            if name not in ("RATE_PROGRAM", "RATE_SIGN_IN"):
                del live.environment[name]
        with live:
            yield live
            live.audit()


@pytest.fixture
def client(strict: LiveServer, request: pytest.FixtureRequest) -> httpx.Client:
    """Somebody new on credits, from an address of their own, with $10."""
    address = f"192.0.2.{abs(hash(request.node.nodeid)) % 250 + 1}"
    client = strict.client(headers={"x-forwarded-for": address})
    answer = client.post("/api/auth/sign-up", json={"email": fresh_email(), "password": "correct horse battery"})
    assert answer.status_code == 200, answer.text
    client.put("/api/preferences", json={"apiKeyMode": "credits"}).raise_for_status()
    buy(client, 10)
    await_balance(client, "10.00")
    return client


def refused(answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 429, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= 3_600
    return answer.json()


def nothing_is_held(client: httpx.Client) -> None:
    balance = client.get("/api/credits/balance").json()
    assert (balance["heldUsd"], balance["balanceUsd"]) == ("0.00", "10.00")


def test_the_61st_chat_request_of_a_minute_is_refused_before_any_hold(client: httpx.Client) -> None:
    for _ in range(60):
        assert client.post("/api/chat", json={}).status_code == 400
    body = refused(client.post("/api/chat", json={"messages": [{"role": "user", "content": "Hello"}]}))
    assert body["code"] == "too_many_requests"
    assert client.get("/api/usage").json()["usage"] == []
    nothing_is_held(client)
    # Reading goes on.
    assert client.get("/api/conversations").json()["conversations"] == []


def test_the_21st_agent_run_of_a_minute_is_refused_before_any_hold(client: httpx.Client) -> None:
    for _ in range(20):
        assert client.post("/api/agent", json={}).status_code == 400
    refused(client.post("/api/agent", json={"task": "Tidy up."}))
    nothing_is_held(client)


def test_the_eleventh_checkout_of_an_hour_is_refused(client: httpx.Client) -> None:
    for _ in range(9):  # one was opened to begin with
        assert client.post("/api/stripe/create-checkout", json={"amount": 10}).status_code == 200
    body = refused(client.post("/api/stripe/create-checkout", json={"amount": 10}))
    assert "You have not been charged." in str(body["error"])
    refused(client.post("/api/auto-top-up/card"))


@pytest.mark.parametrize("envelope", ["openai", "anthropic"])
def test_a_program_is_refused_in_its_own_envelope_before_any_hold(client: httpx.Client, envelope: str) -> None:
    key = client.post("/api/keys", json={"name": "burst"}).json()["key"]
    path, version = ("/v1/messages", {"anthropic-version": "2023-06-01"}) if envelope == "anthropic" else (
        "/v1/chat/completions", {})  # fmt: skip
    client.cookies.clear()
    headers = {"authorization": f"Bearer {key}", **version}
    for _ in range(5):
        assert client.post(path, json={}, headers=headers).status_code == 400
    model = "claude-haiku-5-5" if envelope == "anthropic" else "gpt-6-luna"
    wanted = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    body = refused(client.post(path, json=wanted, headers=headers))
    error = body["error"]
    assert isinstance(error, dict)
    assert error["type"] == "rate_limit_error"
    if envelope == "anthropic":
        assert body["type"] == "error"
    else:
        assert error["code"] == "rate_limit_exceeded"
    balance = client.get("/api/credits/balance", headers=headers).json()
    assert balance["heldUsd"] == "0.00"


def test_many_accounts_from_one_address_are_refused(strict: LiveServer) -> None:
    def join(address: str, claimed: str = "") -> httpx.Response:
        forwarded = f"{claimed}, {address}" if claimed else address
        credentials = {"email": fresh_email(), "password": "correct horse battery"}
        return httpx.post(f"{strict.url}/api/auth/sign-up", json=credentials, headers={"x-forwarded-for": forwarded})

    for _ in range(20):
        assert join("198.51.100.7").status_code == 200
    refused(join("198.51.100.7"))
    # An address that the client only claims to have is no way around.
    refused(join("198.51.100.7", claimed="203.0.113.5"))
    assert join("198.51.100.8").status_code == 200


def test_many_tries_to_sign_in_from_one_address_are_refused(strict: LiveServer) -> None:
    def enter() -> httpx.Response:
        credentials = {"email": fresh_email(), "password": "wrong horse battery"}
        headers = {"x-forwarded-for": "198.51.100.9"}
        return httpx.post(f"{strict.url}/api/auth/sign-in", json=credentials, headers=headers, timeout=30)

    for _ in range(5):
        assert enter().status_code == 401
    refused(enter())


def test_the_121st_upload_of_a_minute_is_refused_before_it_is_read(client: httpx.Client) -> None:
    for _ in range(120):
        assert client.post("/api/attachments", content=b"").status_code == 400
    assert refused(client.post("/api/attachments", content=b"words"))["code"] == "too_many_requests"


def test_files_that_are_brought_in_are_counted_and_come_one_after_the_other(client: httpx.Client) -> None:
    begun, finish = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b"{"
        begun.set()
        finish.wait(30)
        yield b"}"

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(lambda: client.post("/api/conversations/import", content=slowly()))
        try:
            assert begun.wait(30)
            deadline = time.monotonic() + 30
            # The first is known to the server a moment after its first byte has left.
            while (second := client.post("/api/conversations/import", content=b"{}")).status_code != 429:
                assert time.monotonic() < deadline
            assert "being brought in" in str(refused(second)["error"])
        finally:
            finish.set()
        assert first.result().status_code == 400
    for _ in range(120):
        answer = client.post("/api/conversations/import", content=b"{}")
        if answer.status_code == 429:
            break
    assert refused(answer)["code"] == "too_many_requests"
