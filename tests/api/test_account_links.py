"""Links in mails over HTTP, from the sandbox's mailbox, as a person finds them."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import fresh_email
from tests.conftest import fresh_database
from tests.live import LiveServer, await_balance, buy

PASSWORD = "correct horse battery"
PROMPT = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that lets nobody spend who has not confirmed their address."""
    folder = tmp_path_factory.mktemp("live")
    with (
        fresh_database(request, "sqlite", folder) as environment,
        LiveServer(environment | {"CONFIRM_EMAIL": "spending"}) as live,
    ):
        yield live
        live.audit()


def mailed(server: LiveServer, email: str, page: str) -> str:
    """The secret of the newest link to this page that the mailbox shows for an address."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        letters = httpx.get(f"{server.url}/sandbox/mailbox").raise_for_status().text.split("<article")
        for letter in letters:
            found = re.search(rf'href="{server.url}/{page}#([\w-]+)"', letter)
            if email in letter and found:
                return found[1]
        time.sleep(0.2)
    raise AssertionError(f"no mail to {email} leads to {page}")


def test_credit_is_spent_once_the_address_is_confirmed_and_own_keys_wait_for_nothing(server: LiveServer):
    email = fresh_email()
    client = server.sign_up(email, mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    for path, body in (("/api/chat", PROMPT), ("/api/agent", {"task": "Tidy up"})):
        refused = client.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "email_unconfirmed"), path
    key = client.post("/api/keys", json={"name": "Mine"}).raise_for_status().json()["key"]
    program = server.client(headers={"authorization": f"Bearer {key}"})
    wired = {"model": "gpt-6.1-terra", **PROMPT}
    assert program.post("/v1/chat/completions", json=wired).status_code == 403
    assert client.get("/api/credits/balance").json()["availableUsd"] == "10.00"
    own = client.post("/api/chat", json=PROMPT | {"model": "gpt-6.1-terra"}, headers={"x-openai-api-key": "sk-own-key"})
    assert own.status_code in (200, 403)

    link = {"token": mailed(server, email, "confirm-email")}
    refused = server.client().post("/api/auth/confirm-email", json=link)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_unproven")
    wrong = server.client().post("/api/auth/confirm-email", json=link | {"password": "not theirs"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert server.client().post("/api/auth/confirm-email", json=link | {"password": 7}).status_code == 400
    told = client.post("/api/auth/confirm-email", json=link)
    assert (told.status_code, told.json()) == (200, {"email": email, "signedInAs": email})
    over = client.post("/api/auth/confirm-email", json=link)
    assert (over.status_code, over.json()["code"]) == (410, "link_over")
    assert "confirmed already" in over.json()["error"]
    assert client.post("/api/chat", json=PROMPT).status_code == 200
    assert program.post("/v1/chat/completions", json=wired).status_code == 200


def test_a_forgotten_password_over_http(server: LiveServer):
    email = fresh_email()
    client = server.sign_up(email)
    client.post("/api/keys", json={"name": "Mine"}).raise_for_status()
    assert client.post("/api/auth/forgot-password", json={"email": f" {email.upper()} "}).json() == {"ok": True}
    secret = mailed(server, email, "reset-password")
    stranger = server.client()
    answer = stranger.post("/api/auth/reset-password", json={"token": secret, "password": "short"})
    assert answer.status_code == 400
    answer = stranger.post("/api/auth/reset-password", json={"token": secret, "password": "another good one"})
    assert answer.status_code == 200
    ended = {"accessKeysRevoked": 1, "providerKeysDeleted": 0}
    assert answer.json() == {"ok": True, "email": email, "signedInAs": None, **ended}
    assert "set-cookie" not in answer.headers
    assert client.get("/api/preferences").status_code == 401
    again = stranger.post("/api/auth/reset-password", json={"token": secret, "password": "a third good one"})
    assert (again.status_code, again.json()["code"]) == (410, "link_over")
    signed_in = stranger.post("/api/auth/sign-in", json={"email": email, "password": "another good one"})
    assert signed_in.status_code == 200


def test_a_link_for_another_account_says_who_is_signed_in(server: LiveServer):
    email, other = fresh_email(), fresh_email()
    server.sign_up(email)
    client = server.sign_up(other)
    link = {"token": mailed(server, email, "confirm-email")}
    refused = client.post("/api/auth/confirm-email", json=link)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_unproven")
    assert f"signed in as {other}" in refused.json()["error"]
    told = client.post("/api/auth/confirm-email", json=link | {"password": PASSWORD})
    assert told.json() == {"email": email, "signedInAs": other}
    # Theirs is not, and the words for a link that is over say where another one is.
    over = client.post("/api/auth/confirm-email", json=link)
    assert (over.status_code, over.json()["error"].endswith("The settings send another one, under Profile.")) == (
        410,
        True,
    )
    assert "Sign in" in server.client().post("/api/auth/confirm-email", json=link).json()["error"]
    client.post("/api/auth/forgot-password", json={"email": email}).raise_for_status()
    changed = {"token": mailed(server, email, "reset-password"), "password": "another good one"}
    assert client.post("/api/auth/reset-password", json=changed).json()["signedInAs"] == other


def test_whether_an_address_has_an_account_is_told_by_neither_words_nor_status(server: LiveServer):
    known = fresh_email()
    server.sign_up(known)
    answers = [server.client().post("/api/auth/forgot-password", json={"email": one}) for one in (known, fresh_email())]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].content == answers[1].content
    assert answers[0].headers.keys() == answers[1].headers.keys()


@pytest.mark.parametrize("path", ["forgot-password", "reset-password", "confirm-email"])
def test_another_site_and_bad_input_change_nothing(server: LiveServer, path: str):
    client = server.client()
    values = {"email": "ada@example.org", "token": "x", "password": "another good one"}
    evil = client.post(f"/api/auth/{path}", json=values, headers={"origin": "https://evil.example"})
    assert evil.status_code == 403
    for body in (b"", b"[]", b"{}", b'{"email": 7, "token": 7}', b'{"email": "\\u0000", "token": "\\u0000"}'):
        assert client.post(f"/api/auth/{path}", content=body).status_code == 400


def test_after_a_few_wrong_passwords_there_is_a_wait_that_is_told(server: LiveServer):
    email, client = fresh_email(), server.client()
    server.sign_up(email)
    statuses = [
        client.post("/api/auth/sign-in", json={"email": email, "password": "not theirs"}).status_code for _ in range(6)
    ]
    assert statuses == [401] * 5 + [429]
    refused = client.post("/api/auth/sign-in", json={"email": email, "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
