"""Whatever a client sends, the answer is JSON with the right 4xx, and nothing is half written."""

import json
import socket
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from projectloom import limits
from projectloom.db import reading
from tests.api.conftest import fresh_email
from tests.live import LiveServer
from tests.stripe_double import event, session_of, sign

WEBHOOK_SECRET = "whsec_sandbox"
PASSWORD = "correct horse battery"
JSON_ROUTES = (
    ("POST", "/api/auth/sign-up"),
    ("POST", "/api/auth/sign-in"),
    ("PUT", "/api/preferences"),
    ("POST", "/api/stripe/create-checkout"),
    ("POST", "/api/chat"),
)
ROUTES = (
    *JSON_ROUTES,
    ("POST", "/api/auth/demo"),
    ("POST", "/api/auth/sign-out"),
    ("GET", "/api/preferences"),
    ("GET", "/api/credits/balance"),
    ("POST", "/api/stripe/webhook"),
    ("GET", "/api/turns/turn_x/stream"),
    ("GET", "/api/turns/turn_x/text"),
    ("POST", "/api/turns/turn_x/stop"),
)
NO_OBJECT = (
    b"",
    b"x",
    b"{",
    b"[]",
    b"null",
    b"1e309",
    b'"{}"',
    b"\xff\xfe{}",
    b"[" * 16_000,
    b'{"a":' * 3_000,
    b'{"amount": ' + b"9" * 5_000 + b"}",
    b"\x00",
)
NOT_SOLD = (
    *("0", "-1", "-25", "NaN", "1e309", "-1e309", "0.1", "25.5", "11", "2500", "9" * 400, "9" * 4_400),
    *("true", "null", "[25]", "{}", '"10"', '"٢٥"', '"\\ud800"'),
)
WRITTEN = ("users", "orders", "conversations", "messages", "turns", "holds", "journal_entries", "stripe_events")


def error_of(answer: httpx.Response, *statuses: int) -> str:
    """The error of an answer, which must be JSON with one of these statuses (any 4xx by default)."""
    assert answer.status_code in statuses or (not statuses and 400 <= answer.status_code < 500), answer.text[:300]
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json()["error"]
    assert isinstance(error, str)
    assert error
    assert "Traceback" not in answer.text
    return error


def rows() -> dict[str, int]:
    with reading() as session:
        run = session.connection().execute
        return {name: run(text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in WRITTEN}


@pytest.fixture
def unchanged(inside: None):
    """Nothing that the test does may write a row."""
    before = rows()
    yield
    assert rows() == before


def test_what_is_no_json_object_is_told_on_every_route(ada: httpx.Client, unchanged: None):
    for method, path in JSON_ROUTES:
        for body in NO_OBJECT:
            error_of(ada.request(method, path, content=body), 400)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"email": None, "password": PASSWORD},
        {"email": "ada@example.org"},
        {"email": "ada@example.org", "password": None},
        {"email": "ada@example.org", "password": 12345678},
        {"email": "ada@example.org", "password": ["12345678"]},
        {"email": {"a": 1}, "password": PASSWORD},
        {"email": "ada", "password": PASSWORD},
        {"email": "ada\x00@example.org", "password": PASSWORD},
        {"email": "\ud800@example.org", "password": PASSWORD},
        {"email": "a" * 10_000 + "@example.org", "password": PASSWORD},
    ],
    ids=lambda values: json.dumps(values)[:50],
)
def test_bad_credentials_are_told(ada: httpx.Client, unchanged: None, values: dict):
    for path in ("/api/auth/sign-up", "/api/auth/sign-in"):
        error_of(ada.post(path, content=json.dumps(values)), 400)


def test_a_bad_password_makes_no_account_and_opens_none(server: LiveServer, unchanged: None):
    client = server.client()
    for password in ("", "short", "x" * 500, "\ud800" * 10):
        body = json.dumps({"email": fresh_email(), "password": password})
        error_of(client.post("/api/auth/sign-up", content=body), 400)
        error_of(client.post("/api/auth/sign-in", content=body), 401)
    assert client.cookies == {}


def test_an_address_that_is_taken_is_told_as_a_conflict(server: LiveServer, ada: httpx.Client):
    values = {"email": fresh_email(), "password": PASSWORD}
    server.client().post("/api/auth/sign-up", json=values).raise_for_status()
    error_of(server.client().post("/api/auth/sign-up", json=values), 409)


@pytest.mark.parametrize("mode", [None, "", "OWN", "both", 1, True, ["own"], {"own": 1}, "\x00", "\ud800"], ids=repr)
def test_another_mode_is_told_and_changes_nothing(ada: httpx.Client, mode: Any):
    error_of(ada.put("/api/preferences", content=json.dumps({"apiKeyMode": mode})), 400)
    assert ada.get("/api/preferences").json() == {"apiKeyMode": "credits"}


@pytest.mark.parametrize("amount", NOT_SOLD, ids=lambda amount: amount[:10])
def test_an_amount_that_is_not_sold_is_told_in_the_words_of_the_contract(
    ada: httpx.Client, unchanged: None, amount: str
):
    answer = ada.post("/api/stripe/create-checkout", content=f'{{"amount": {amount}}}')
    assert error_of(answer, 400) == "Invalid amount"


USER = {"role": "user", "content": "Hello"}
MESSAGES: tuple[Any, ...] = (
    None,
    [],
    {},
    "Hello",
    7,
    [None],
    ["Hello"],
    [[USER]],
    [{}],
    [{"role": "user"}],
    [{"role": "user", "content": None}],
    [{"role": "user", "content": 7}],
    [{"role": "user", "content": {"text": "x"}}],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": " \n\t"}],
    [{"role": "user", "content": []}],
    [{"role": "user", "content": [None]}],
    [{"role": "user", "content": ["Hello"]}],
    [{"role": "user", "parts": [{"type": "file", "url": "data:,"}]}],
    [{"role": "user", "parts": [{"type": "text"}]}],
    [{"role": "user", "parts": [{"type": "text", "text": 7}]}],
    [{"role": "user", "parts": [{"type": ["text"], "text": "x"}]}],
    [{"role": "user", "content": "nul \x00"}],
    [{"role": "user", "content": "half \ud83e"}],
    [{"role": "tool", "content": "x"}],
    [{"role": None, "content": "x"}],
    [{"role": [], "content": "x"}],
    [{"role": {}, "content": "x"}],
    [{"role": 1, "content": "x"}],
    [USER, {"role": "assistant", "content": "Hi"}],
    [{"role": "system", "content": "x"}],
)


@pytest.mark.parametrize("messages", MESSAGES, ids=lambda messages: json.dumps(messages)[:45])
def test_a_prompt_that_is_none_is_told(ada: httpx.Client, unchanged: None, messages: Any):
    error_of(ada.post("/api/chat", content=json.dumps({"messages": messages})), 400)


@pytest.mark.parametrize("text", ["x" * 10_000_000, "𓀀" * 2_500_000], ids=["letters", "hieroglyphs"])
def test_a_prompt_of_ten_megabytes_is_too_large_for_every_door(ada: httpx.Client, unchanged: None, text: str):
    asked = {"messages": [{"role": "user", "content": text}], "task": text, "input": text}
    for path in ("/api/chat", "/api/agent", "/api/embeddings"):
        error_of(ada.post(path, json=asked), 413)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("model", ["", 7, [], {}, True, "gpt-unheard-of", "text-embedding-3-small", "\x00", "\ud800", "m" * 5_000]),
        ("maxTokens", [0, -1, 0.5, True, "100", [], {}, float("nan"), float("inf"), -(10**300)]),
        ("clientRequestId", ["", 7, [], {}, True, "\x00", "\ud800", "r" * 5_000]),
    ],
    ids=("model", "maxTokens", "clientRequestId"),
)
def test_a_field_that_cannot_be_used_is_told(ada: httpx.Client, unchanged: None, name: str, values: list[Any]):
    for value in values:
        error_of(ada.post("/api/chat", content=json.dumps({"messages": [USER], name: value})), 400)


def test_a_conversation_that_nobody_has_is_told(ada: httpx.Client, unchanged: None):
    for value in ("", 7, [], {}, True, "\x00", "\ud800", "c" * 5_000, "conv\x00"):
        error_of(ada.post("/api/chat", content=json.dumps({"messages": [USER], "conversationId": value})), 400)


def test_an_absurd_limit_is_a_limit_like_another(ada: httpx.Client, unchanged: None):
    body = json.dumps({"messages": [USER], "maxTokens": 10**300})
    assert error_of(ada.post("/api/chat", content=body), 402) == "Insufficient credits. Please purchase more."


@pytest.mark.parametrize("key", ["x", "with space 1234", "k" * 5_000, "schlüssel-12345678"], ids=lambda key: key[:12])
def test_a_header_that_is_no_key_is_told_without_repeating_it(ada: httpx.Client, unchanged: None, key: str):
    answer = ada.post("/api/chat", json={"messages": [USER]}, headers={"x-openai-api-key": key.encode()})
    assert key not in error_of(answer, 400)


@pytest.mark.parametrize(
    "turn", ["turn_x", "%00", "%ED%A0%80", "%FF", "..", "a" * 3_000, "turn_%00", "%2e%2e%2fx", "' OR 1=1"], ids=str
)
def test_a_reply_that_nobody_has_is_not_found(ada: httpx.Client, unchanged: None, turn: str):
    error_of(ada.get(f"/api/turns/{turn}/stream"), 404)
    error_of(ada.get(f"/api/turns/{turn}/text"), 404)
    error_of(ada.post(f"/api/turns/{turn}/stop"), 404)


def test_routes_that_are_not_there_and_methods_that_are_not_theirs_are_told_in_json(ada: httpx.Client):
    for path in ("/api/", "/api/nope", "/api/chat/", "/api/credits", "/api/%00", "/api/preferences/x"):
        error_of(ada.get(path), 404)
    for _, path in ROUTES:
        for method in ("PATCH", "DELETE", "OPTIONS", "BREW"):
            error_of(ada.request(method, path), 404, 405)
    assert ada.head("/api/credits/balance").status_code == 405


def test_who_is_not_signed_in_is_told_so_before_anything_is_read(server: LiveServer, unchanged: None):
    nobody = server.client()
    for method, path in ROUTES:
        if "auth" not in path and "webhook" not in path:
            answer = nobody.request(method, path, content=b"not json")
            assert error_of(answer, 401) == "Unauthorized"


def test_a_body_over_the_limit_is_413_on_every_route(ada: httpx.Client, unchanged: None):
    for method, path in JSON_ROUTES:
        limit = limits.MAX_CHAT_BODY_BYTES if path == "/api/chat" else limits.MAX_SMALL_BODY_BYTES
        error_of(ada.request(method, path, content=b" " * (limit + 1)), 413)
    error_of(ada.post("/api/stripe/webhook", content=b" " * (limits.MAX_WEBHOOK_BODY_BYTES + 1)), 413)


def test_a_body_that_hides_its_length_is_413_too(ada: httpx.Client, unchanged: None):
    for method, path in (*JSON_ROUTES, ("POST", "/api/stripe/webhook")):
        limit = limits.MAX_CHAT_BODY_BYTES if path == "/api/chat" else limits.MAX_WEBHOOK_BODY_BYTES
        answer = ada.request(method, path, content=(b" " * 50_000 for _ in range(limit // 50_000 + 2)))
        error_of(answer, 413)


def test_a_length_that_is_a_lie_is_no_way_in(server: LiveServer):
    # Where more is announced than ever comes, the server may also just wait for it or hang up.
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(
            b"POST /api/stripe/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n"
            b"Connection: close\r\n\r\n{}"
        )
        assert raw.recv(64).split()[1] in (b"400", b"413")


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, event("checkout.session.completed", session_of("ord_1"))],
    ids=lambda body: repr(body[:10]),
)
def test_an_unsigned_event_is_refused_in_the_words_of_the_contract(ada: httpx.Client, unchanged: None, body: bytes):
    for header in ({}, {"stripe-signature": "t=1,v1=0"}, {"stripe-signature": "ä".encode()}):
        answer = ada.post("/api/stripe/webhook", content=body, headers=header)
        assert error_of(answer, 400) == "Invalid signature"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"x", b"[" * 100_000, b'{"id": "\\ud800"}'], ids=lambda b: repr(b[:10]))
def test_a_signed_body_that_is_no_event_is_told(ada: httpx.Client, unchanged: None, body: bytes):
    headers = {"stripe-signature": sign(body, WEBHOOK_SECRET)}
    error_of(ada.post("/api/stripe/webhook", content=body, headers=headers), 400)


def test_a_client_that_goes_away_in_the_middle_of_its_body_breaks_nothing(
    server: LiveServer, ada: httpx.Client, unchanged: None
):
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            raw.sendall(b"POST /api/stripe/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert ada.get("/api/preferences").status_code == 200
