"""What goes through the door for programs, what goes the long way, and what a program hears when we break."""

import json
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from projectloom.api.v1 import door
from projectloom.api.v1.door import with_door_for_programs
from tests.conftest import forget_settings


async def the_long_way(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("the long way")(scope, receive, send)


def client() -> AsyncClient:
    return AsyncClient(transport=ASGITransport(with_door_for_programs(the_long_way)), base_url="http://loom.example")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/models", {}),
        ("POST", "/v1/messages/count_tokens", {}),
        ("POST", "/v1/anything", {}),
        ("GET", "/v1/messages", {}),
        ("POST", "/api/chat", {}),
        ("POST", "/v1/chat/completions", {"origin": "https://elsewhere.example"}),
    ],
)
async def test_browsers_and_everything_but_replies_go_the_long_way(
    method: str, path: str, headers: dict[str, str]
) -> None:
    async with client() as http:
        assert (await http.request(method, path, headers=headers)).text == "the long way"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/chat/completions", ("/chat/completions", "openai")),
        ("/v1/messages", ("/messages", "anthropic")),
        ("/v1/embeddings", ("/embeddings", "openai")),
    ],
)
async def test_a_program_that_asks_for_a_reply_comes_in_by_the_door(
    monkeypatch: pytest.MonkeyPatch, path: str, named: tuple[str, str]
) -> None:
    async def answer(request: Request, *asked: Any) -> Response:
        return PlainTextResponse(f"{asked} {(await request.body()).decode()}")

    monkeypatch.setattr(door, "answer", answer)
    async with client() as http:
        assert (await http.post(path, content="hello")).text == f"{named} hello"


async def test_a_broken_promise_is_told_in_the_providers_envelope_and_tells_nothing_of_us(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(*_: Any) -> Response:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(door, "answer", answer)
    async with client() as http:
        openai = await http.post("/v1/chat/completions")
        anthropic = await http.post("/v1/messages")
    assert (openai.status_code, anthropic.status_code) == (500, 500)
    assert openai.json()["error"]["type"] == "server_error"
    assert anthropic.json()["error"]["type"] == "api_error"
    assert "secret" not in json.dumps([openai.json(), anthropic.json()])
    assert "unexpected error" in caplog.text


async def test_the_door_knows_where_a_program_asks_from_as_the_long_way_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: Request, *_: Any) -> Response:
        assert request.client is not None
        return PlainTextResponse(request.client.host)

    monkeypatch.setattr(door, "answer", answer)
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    forget_settings()
    async with client() as http:
        told = await http.post("/v1/messages", headers={"x-forwarded-for": "203.0.113.9"})
    assert told.text == "203.0.113.9"
