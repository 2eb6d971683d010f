"""What every answer tells a browser, and which writes are taken for another site's."""

from typing import Any

import httpx
import pytest

from projectloom.api.front import FrontDoor, is_foreign_write
from tests.api.conftest import fresh_email
from tests.live import LiveServer, free_port


def scope(method: str = "POST", path: str = "/api/chat", **headers: str) -> dict[str, Any]:
    named = {"host": "loom.example.com", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "type": "http", "method": method, "path": path, "scheme": "https", "query_string": b"", "server": ("x", 443),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }  # fmt: skip


@pytest.mark.parametrize(("status", "told"), [(200, True), (304, False), (404, True)])
async def test_a_page_that_has_not_changed_keeps_the_policy_that_it_came_with(status: int, told: bool):
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    await FrontDoor(app)(scope("GET", "/"), receive, send)
    (start,) = sent
    names = {name for name, _ in start["headers"]}
    assert (b"content-security-policy" in names, b"x-content-type-options" in names) == (told, True)


@pytest.mark.parametrize(
    ("asked", "foreign"),
    [
        (scope(), False),
        (scope(origin="https://loom.example.com"), False),
        (scope(origin="https://evil.example"), True),
        (scope(origin="https://loom.example.com.evil.example"), True),
        (scope(origin="http://loom.example.com"), True),
        (scope(origin="null"), True),
        (scope(sec_fetch_site="same-origin"), False),
        (scope(sec_fetch_site="none"), False),
        (scope(sec_fetch_site="cross-site"), True),
        (scope(sec_fetch_site="same-site"), True),
        (scope("DELETE", "/api/keys/key_1", origin="https://evil.example"), True),
        (scope("POST", "/v1/messages", origin="https://evil.example"), True),
        (scope("POST", "/v1/messages", origin="https://evil.example", x_api_key="loom-sk-x"), False),
        (scope("POST", "/v1/messages", origin="https://evil.example", x_api_key="x"), True),
        (scope(origin="https://evil.example", authorization="Basic eDp5"), True),
        (scope(origin="https://evil.example", authorization="Bearer "), True),
        (scope(origin="https://evil.example", authorization="Bearer x"), False),
        (scope("GET", origin="https://evil.example"), False),
    ],
)
def test_a_write_that_a_cookie_may_authorise_comes_from_our_own_pages(asked: dict[str, Any], foreign: bool) -> None:
    assert is_foreign_write(asked) is foreign


def test_every_kind_of_answer_carries_the_headers(server: LiveServer) -> None:
    client = server.sign_up(fresh_email())
    prompt = {"messages": [{"role": "user", "content": "Hello"}]}
    keys = {"x-openai-api-key": "sk-own-0123456789abcdef", "x-anthropic-api-key": "sk-ant-own-0123456789abcdef"}
    answers = [
        client.get("/api/credits/balance"),
        client.get("/api/statement.csv"),
        client.get("/api/nowhere"),
        client.post("/api/chat", json=prompt, headers=keys),
        client.post("/api/chat", json=prompt, headers={"origin": "https://evil.example"}),
        client.post("/v1/messages", json={}),
        client.post("/api/stripe/webhook", content=b"{}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 403, 400, 400]
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff", answer.url
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
    assert len({answer.headers["x-loom-request-id"] for answer in answers}) == len(answers)


def test_a_foreign_write_below_v1_is_refused_in_the_program_s_envelope(server: LiveServer) -> None:
    client = server.sign_up(fresh_email(), mode="credits")
    foreign = {"origin": "https://evil.example"}
    answer = client.post("/v1/chat/completions", json={}, headers=foreign)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    answer = client.post("/v1/messages", json={}, headers={**foreign, "anthropic-version": "2023-06-01"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_a_stream_comes_piece_by_piece_through_the_front_door(server: LiveServer) -> None:
    client = server.sign_up(fresh_email())
    keys = {"x-openai-api-key": "sk-own-0123456789abcdef", "x-anthropic-api-key": "sk-ant-own-0123456789abcdef"}
    prompt = {"messages": [{"role": "user", "content": "Write a long essay about rivers"}], "maxTokens": 2_000}
    with client.stream("POST", "/api/chat", json=prompt, headers=keys) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) > 10
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


def test_under_https_browsers_are_told_to_stay_there(tmp_path) -> None:
    with LiveServer({"LOOM_DATA_DIR": str(tmp_path), "BASE_URL": f"https://localhost:{free_port()}"}) as live:
        headers = httpx.get(f"{live.url}/api/credits/balance").headers
    assert headers["strict-transport-security"].startswith("max-age=31536000")
