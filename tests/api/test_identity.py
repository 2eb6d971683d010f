"""Who may do what: cookies, tokens, other sites, and other people's things."""

import json
from http.cookies import SimpleCookie

import httpx
import pytest

from projectloom.ids import new_id
from tests.api.conftest import fresh_email
from tests.conftest import fresh_database
from tests.live import LiveServer, await_balance, buy

CREDENTIALS = {"password": "correct horse battery"}
PROMPT = {"messages": [{"role": "user", "content": "Hello"}]}
EVIL = ("https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1", "", "https://127.0.0.1:1")


def cookie_of(answer: httpx.Response):
    return SimpleCookie(answer.headers["set-cookie"])["loom_session"]


def test_signing_up_and_in_gives_a_token_and_a_cookie_that_scripts_cannot_read(server: LiveServer):
    values = CREDENTIALS | {"email": fresh_email()}
    for path in ("/api/auth/sign-up", "/api/auth/sign-in"):
        answer = server.client().post(path, json=values)
        assert answer.status_code == 200
        cookie = cookie_of(answer)
        assert cookie.value == answer.json()["token"]
        assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (True, "lax", "/")
        assert not cookie["secure"]  # served over plain http here
        assert int(cookie["max-age"]) == 30 * 86_400


def test_the_token_works_as_a_bearer_and_as_a_cookie(server: LiveServer):
    token = server.client().post("/api/auth/sign-up", json=CREDENTIALS | {"email": fresh_email()}).json()["token"]
    spelled = [{"authorization": f"{scheme} {token}"} for scheme in ("Bearer", "bearer", "BEARER ")]
    for headers in (*spelled, {"cookie": f"other=1; loom_session={token}"}):
        assert server.client().get("/api/preferences", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer " + "x" * 5_000},
        {"authorization": b"Bearer \xff\xfe"},
        {"cookie": "loom_session="},
        {"cookie": "loom_session=x; loom_session=y"},
        {"cookie": b"loom_session=\xff"},
        {"cookie": ";;;=;"},
    ],
    ids=repr,
)
def test_who_is_nobody_is_401_in_the_words_of_the_contract(server: LiveServer, headers: dict):
    answer = server.client().get("/api/credits/balance", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == "Unauthorized"


def test_signing_out_ends_the_session_at_once_and_takes_the_cookie_away(server: LiveServer):
    client = server.sign_up(fresh_email())
    token = client.cookies["loom_session"]
    assert client.get("/api/preferences").status_code == 200
    answer = client.post("/api/auth/sign-out")
    assert answer.status_code == 200
    assert cookie_of(answer)["max-age"] == "0"
    assert "loom_session" not in client.cookies
    stolen = {"authorization": f"Bearer {token}"}
    assert server.client().get("/api/preferences", headers=stolen).status_code == 401
    assert server.client().post("/api/auth/sign-out", headers=stolen).status_code == 200


def test_a_bearer_can_sign_out_too(server: LiveServer):
    token = server.client().post("/api/auth/sign-up", json=CREDENTIALS | {"email": fresh_email()}).json()["token"]
    bearer = {"authorization": f"Bearer {token}"}
    server.client().post("/api/auth/sign-out", headers=bearer).raise_for_status()
    assert server.client().get("/api/preferences", headers=bearer).status_code == 401


def test_another_site_s_page_changes_nothing_with_a_person_s_cookie(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    for origin in EVIL:
        headers = {"origin": origin}
        for method, path, body in (
            ("PUT", "/api/preferences", {"apiKeyMode": "own"}),
            ("POST", "/api/stripe/create-checkout", {"amount": 25}),
            ("POST", "/api/chat", PROMPT),
            ("POST", "/api/turns/turn_x/stop", None),
            ("POST", "/api/auth/sign-out", None),
            ("POST", "/api/auth/sign-in", CREDENTIALS | {"email": fresh_email()}),
            ("POST", "/api/auth/sign-up", CREDENTIALS | {"email": fresh_email()}),
            ("POST", "/api/auth/demo", None),
        ):
            answer = client.request(method, path, json=body, headers=headers)
            assert answer.status_code == 403, (origin, path, answer.text)
            assert answer.json()["error"]
            assert "set-cookie" not in answer.headers
    assert client.get("/api/preferences").json() == {"apiKeyMode": "credits"}


def test_our_own_pages_may(server: LiveServer):
    client = server.sign_up(fresh_email())
    for origin in (server.url, server.url.upper().replace("HTTP", "http")):
        answer = client.put("/api/preferences", json={"apiKeyMode": "credits"}, headers={"origin": origin})
        assert answer.status_code == 200


def test_a_bearer_is_no_cookie_so_its_origin_does_not_matter(server: LiveServer):
    token = server.client().post("/api/auth/sign-up", json=CREDENTIALS | {"email": fresh_email()}).json()["token"]
    headers = {"authorization": f"Bearer {token}", "origin": "https://a-client.example"}
    answer = server.client().put("/api/preferences", json={"apiKeyMode": "credits"}, headers=headers)
    assert answer.status_code == 200


def test_no_other_site_is_told_that_it_may_read_the_answers(server: LiveServer):
    client = server.sign_up(fresh_email())
    answer = client.get("/api/credits/balance", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert client.options("/api/chat", headers={"origin": "https://evil.example"}).status_code in (404, 405)


def test_another_person_s_conversation_and_reply_are_not_found(server: LiveServer):
    ada, eve = server.sign_up(fresh_email(), mode="credits"), server.sign_up(fresh_email(), mode="credits")
    for client in (ada, eve):
        buy(client, 10)
        await_balance(client, "10.00")
    lines = [line for line in ada.post("/api/chat", json=PROMPT).text.splitlines() if line.startswith("data: {")]
    start = json.loads(lines[0].removeprefix("data: "))["messageMetadata"]
    for conversation in (start["conversationId"], new_id("conv")):
        answer = eve.post("/api/chat", json=PROMPT | {"conversationId": conversation})
        assert answer.status_code == 404
        assert answer.json()["error"] == "There is no such conversation."
    for method, path in (("GET", "stream"), ("GET", "text"), ("POST", "stop")):
        answers = [eve.request(method, f"/api/turns/{turn}/{path}") for turn in (start["turnId"], new_id("turn"))]
        assert [answer.status_code for answer in answers] == [404, 404]
        # Somebody else's and nobody's are told alike.
        assert answers[0].text == answers[1].text
    assert eve.get("/api/credits/balance").json()["balanceUsd"] == "10.00"


def test_behind_https_the_cookie_is_marked_secure_and_the_public_origin_may_write(
    request: pytest.FixtureRequest, tmp_path
):
    with fresh_database(request, "sqlite", tmp_path / "live") as environment:
        secure = LiveServer(environment | {"BASE_URL": "https://loom.example"})
        with secure:
            origin = {"origin": "https://loom.example"}
            values = CREDENTIALS | {"email": fresh_email()}
            answer = secure.client().post("/api/auth/sign-up", json=values, headers=origin)
            cookie = cookie_of(answer)
            assert (cookie["secure"], cookie["httponly"], cookie["samesite"].lower()) == (True, True, "lax")
            bearer = {"authorization": f"Bearer {cookie.value}"}
            out = secure.client().post("/api/auth/sign-out", headers=bearer)
            assert cookie_of(out)["secure"] is True
            evil = {"origin": "https://evil.example", "cookie": f"loom_session={cookie.value}"}
            assert secure.client().post("/api/auth/sign-out", headers=evil).status_code == 403
