"""Clerk at the HTTP doors: one identity for a Bearer and a cookie, and nobody else's things."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import fresh_email
from tests.clerk_double import ClerkDouble, clerk_double, event, signed
from tests.conftest import ENGINES, fresh_database
from tests.live import LiveServer, await_balance, buy

PROMPT = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def clerk() -> Iterator[ClerkDouble]:
    with clerk_double() as double:
        yield double


@pytest.fixture(params=ENGINES, scope="module")
def server(
    request: pytest.FixtureRequest, clerk: ClerkDouble, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A real server that this instance signs people in to, once on each engine."""
    folder = tmp_path_factory.mktemp("live")
    with (
        fresh_database(request, request.param, folder) as environment,
        LiveServer(environment | clerk.environment | {"SIGN_UP_BONUS_USD": "2"}) as live,
    ):
        yield live
        live.audit()


class Someone:
    """A person of Clerk's with clients of theirs."""

    def __init__(self, server: LiveServer, clerk: ClerkDouble) -> None:
        self.server, self.clerk, self.clerk_id = server, clerk, clerk.enter(fresh_email())

    def token(self, **changes: Any) -> str:
        return self.clerk.token(self.clerk_id, self.server.url, **changes)

    def bearer(self, **changes: Any) -> httpx.Client:
        return self.server.client(headers={"authorization": f"Bearer {self.token(**changes)}"})


@pytest.fixture
def ada(server: LiveServer, clerk: ClerkDouble) -> Someone:
    return Someone(server, clerk)


@pytest.fixture
def eve(server: LiveServer, clerk: ClerkDouble) -> Someone:
    return Someone(server, clerk)


def test_a_bearer_and_the_cookie_of_clerk_s_script_are_one_person_with_one_welcome(server: LiveServer, ada: Someone):
    by_bearer = ada.bearer()
    by_bearer.put("/api/preferences", json={"apiKeyMode": "credits"}).raise_for_status()
    by_cookie = server.client(cookies={"__session": ada.token(sid="sess_2")})
    assert by_cookie.get("/api/preferences").json() == {"apiKeyMode": "credits"}
    assert by_cookie.get("/api/credits/balance").json()["balanceUsd"] == "2.00"
    again = ada.bearer(sid="sess_3").get("/api/credits/balance").json()
    assert again["balanceUsd"] == "2.00"


def test_a_reply_is_bought_and_written_as_for_everybody(ada: Someone):
    client = ada.bearer()
    client.put("/api/preferences", json={"apiKeyMode": "credits"})
    buy(client, 10)
    await_balance(client, "12.00")
    answer = client.post("/api/chat", json=PROMPT)
    assert answer.status_code == 200
    assert '"type":"finish"' in answer.text.replace(" ", "")


@pytest.mark.parametrize(
    "row", ["no token", "expired", "not yet valid", "alg none", "HS256 with the public key", "wrong azp", "wrong iss",
            "no exp", "pending session"]
)  # fmt: skip
def test_identity_row_is_401_and_changes_nothing(server: LiveServer, ada: Someone, clerk: ClerkDouble, row: str):
    ada.bearer().put("/api/preferences", json={"apiKeyMode": "credits"}).raise_for_status()
    good = clerk.claims(ada.clerk_id, server.url)
    token = {
        "no token": lambda: "",
        "expired": lambda: ada.token(exp=good["iat"] - 30),
        "not yet valid": lambda: ada.token(nbf=good["iat"] + 30),
        "alg none": lambda: clerk.unsigned(ada.clerk_id, server.url),
        "HS256 with the public key": lambda: clerk.forged_with_the_public_key(ada.clerk_id, server.url),
        "wrong azp": lambda: ada.token(azp="https://evil.example"),
        "wrong iss": lambda: ada.token(iss="https://evil.example"),
        "no exp": lambda: ada.token(exp=None),
        "pending session": lambda: ada.token(sts="pending"),
    }[row]()
    shown = f"Bearer {token}".strip()
    for carried in ({"headers": {"authorization": shown}}, {"cookies": {"__session": token}}):
        client = server.client(**carried)
        for method, path, body in (
            ("GET", "/api/credits/balance", None),
            ("PUT", "/api/preferences", {"apiKeyMode": "own"}),
            ("POST", "/api/stripe/create-checkout", {"amount": 25}),
            ("POST", "/api/chat", PROMPT),
            ("POST", "/v1/chat/completions", PROMPT),
        ):
            assert client.request(method, path, json=body).status_code == 401, path
    assert ada.bearer().get("/api/preferences").json() == {"apiKeyMode": "credits"}


def test_another_person_s_conversation_order_key_and_turn_are_not_found(ada: Someone, eve: Someone):
    mine, theirs = ada.bearer(), eve.bearer()
    for client in (mine, theirs):
        client.put("/api/preferences", json={"apiKeyMode": "credits"})
    start = mine.post("/api/chat", json=PROMPT).text
    conversation, turn = (start.split(f'"{name}":"')[1].split('"')[0] for name in ("conversationId", "turnId"))
    order = mine.post("/api/stripe/create-checkout", json={"amount": 10})
    assert order.status_code == 200
    key = mine.post("/api/keys", json={"name": "Mine"}).raise_for_status().json()["id"]
    listed = mine.get("/api/statement").json()
    assert listed
    for method, path in (
        ("GET", f"/api/conversations/{conversation}"),
        ("GET", f"/api/turns/{turn}/stream"),
        ("POST", f"/api/turns/{turn}/stop"),
        ("GET", f"/api/usage/{turn}"),
        ("DELETE", f"/api/keys/{key}"),
        ("POST", "/api/orders/ord_unknown/refund"),
    ):
        assert theirs.request(method, path).status_code == 404, path
    assert mine.get(f"/api/conversations/{conversation}").status_code == 200


def test_a_cross_site_post_with_the_cookie_of_clerk_s_script_is_refused(server: LiveServer, ada: Someone):
    client = server.client(cookies={"__session": ada.token()})
    for origin in ("https://evil.example", "null", "http://127.0.0.1"):
        answer = client.put("/api/preferences", json={"apiKeyMode": "credits"}, headers={"origin": origin})
        assert answer.status_code == 403
    assert client.put("/api/preferences", json={"apiKeyMode": "own"}, headers={"origin": server.url}).status_code == 200


def test_a_deleted_user_is_nobody_from_then_on_and_the_books_hold(server: LiveServer, ada: Someone, clerk: ClerkDouble):
    client = ada.bearer()
    key = client.post("/api/keys", json={"name": "Mine"}).raise_for_status().json()["key"]
    assert client.get("/api/credits/balance").status_code == 200
    del clerk.people[ada.clerk_id]
    body = event("user.deleted", {"id": ada.clerk_id, "deleted": True})
    for _ in range(2):
        told = server.client().post("/api/clerk/webhook", content=body, headers=signed(body, f"msg_{ada.clerk_id}"))
        assert (told.status_code, told.json()) == (200, {"received": True})
    for gone in (client, server.client(headers={"authorization": f"Bearer {key}"})):
        assert gone.get("/api/credits/balance").status_code == 401
    server.audit()


def test_what_clerk_did_not_send_is_400_and_too_much_is_413(server: LiveServer, ada: Someone):
    body = event("user.deleted", {"id": ada.clerk_id, "deleted": True})
    client = server.client()
    assert ada.bearer().get("/api/preferences").status_code == 200
    assert client.post("/api/clerk/webhook", content=body).status_code == 400
    other = signed(body, "msg_x", secret="whsec_b3RoZXI=")
    assert client.post("/api/clerk/webhook", content=body, headers=other).status_code == 400
    large = b" " * 300_000
    assert client.post("/api/clerk/webhook", content=large, headers=signed(large, "msg_x")).status_code == 413
    assert ada.bearer().get("/api/preferences").status_code == 200


def test_local_ways_in_are_closed(server: LiveServer):
    credentials = {"email": fresh_email(), "password": "correct horse battery"}
    for path in ("sign-up", "sign-in"):
        answer = server.client().post(f"/api/auth/{path}", json=credentials)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert server.client().post("/api/auth/demo").status_code == 404


def test_while_clerk_does_not_answer_who_is_new_is_told_to_try_again(ada: Someone, clerk: ClerkDouble):
    clerk.down = True
    try:
        answer = ada.bearer().get("/api/credits/balance")
    finally:
        clerk.down = False
    assert (answer.status_code, answer.json()["code"]) == (503, "sign_in_unavailable")
    assert int(answer.headers["retry-after"]) > 0
