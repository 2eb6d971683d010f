"""Every refusal by its real cause, as each provider's SDK raises it, and what it costs: nothing."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest

from projectloom import limits
from projectloom.accounts.keys import store_key
from projectloom.accounts.users import find_user
from projectloom.config import settings
from projectloom.db import transaction
from tests.api.v1.programs import CLAUDE, GPT, HI, LONG, VECTORS, Program, events
from tests.live import LiveServer

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True, scope="module")

Make = Callable[..., Program]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": GPT, "messages": HI},
    "/v1/messages": {"model": CLAUDE, "max_tokens": 300, "messages": HI},
}
PATHS = pytest.mark.parametrize("path", BODIES)
STREAMED = pytest.mark.parametrize("stream", [False, True])


def ask(program: Program, path: str, **changes: Any) -> Any:
    """Ask by the SDK of the path's provider."""
    body: Any = BODIES[path] | changes
    if "messages" in path.rsplit("/", 1):
        return program.anthropic.messages.create(**body)
    return program.openai.chat.completions.create(**body)


def assert_enveloped(answer: httpx.Response, path: str, status: int) -> str:
    """The envelope of the path's provider, and its type."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert body["error"]["message"]
    if "messages" in path.rsplit("/", 1):
        assert body["type"] == "error"
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
    return body["error"]["type"]


@PATHS
def test_no_key_a_wrong_one_and_a_revoked_one_are_401(server: LiveServer, program: Make, path: str) -> None:
    one = program(dollars=0)
    one.person.delete(f"/api/keys/{one.key_id}").raise_for_status()
    with httpx.Client(base_url=server.url) as nobody:
        for headers in ({}, {"x-api-key": "loom-sk-wrong"}, {"authorization": "Bearer sk-other"}):
            assert_enveloped(nobody.post(path, json=BODIES[path], headers=headers), path, 401)
    with pytest.raises((openai.AuthenticationError, anthropic.AuthenticationError)) as caught:
        ask(one, path)
    assert caught.value.status_code == 401
    assert "settings" in str(caught.value)


@PATHS
def test_a_key_that_may_not_generate_is_403(program: Make, path: str) -> None:
    with pytest.raises((openai.PermissionDeniedError, anthropic.PermissionDeniedError)):
        ask(program(dollars=0, scopes=["read"]), path)


@PATHS
def test_no_credit_is_402(program: Make, path: str) -> None:
    one = program(dollars=0)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        ask(one, path)
    assert caught.value.status_code == 402
    kind = assert_enveloped(one.http.post(path, json=BODIES[path]), path, 402)
    assert kind in ("insufficient_quota", "billing_error")


@PATHS
def test_a_keys_own_limit_is_402_and_leaves_the_balance_alone(program: Make, path: str) -> None:
    one = program(limits={"total": "0.01"})
    dear = {"model": "gpt-6-astra" if "chat" in path else "claude-opus-5-5"}
    answer = one.http.post(path, json=BODIES[path] | dear | {"messages": [{"role": "user", "content": "x" * 9_000}]})
    assert_enveloped(answer, path, 402)


def test_a_model_at_another_providers_door_is_404(ada: Program) -> None:
    for path, model in (
        ("/v1/chat/completions", CLAUDE),
        ("/v1/chat/completions", VECTORS),
        ("/v1/chat/completions", "gpt-none"),
        ("/v1/messages", GPT),
        ("/v1/messages", "claude-none"),
        ("/v1/messages/count_tokens", GPT),
    ):
        body = BODIES[path.removesuffix("/count_tokens")] | {"model": model}
        assert_enveloped(ada.http.post(path, json=body), path.removesuffix("/count_tokens"), 404)
    with pytest.raises(openai.NotFoundError) as missing:
        ask(ada, "/v1/chat/completions", model=CLAUDE)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        ada.openai.embeddings.create(model=GPT, input="a")
    with pytest.raises(anthropic.NotFoundError):
        ask(ada, "/v1/messages", model=GPT)


@PATHS
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"a": NaN}', b"\xff", b'{"x":' + b"[" * 9_000 + b"]" * 9_000 + b"}"]
)
def test_what_is_no_request_is_400(ada: Program, path: str, raw: bytes) -> None:
    assert_enveloped(ada.http.post(path, content=raw), path, 400)


@PATHS
def test_what_has_no_price_is_400_on_credits(ada: Program, path: str) -> None:
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught:
        ask(ada, path, extra_body={"tools": [{"type": "web_search_20250305", "name": "web_search"}]})
    assert "web_search_20250305" in str(caught.value)


@PATHS
def test_what_the_provider_refuses_comes_in_its_own_words(ada: Program, path: str) -> None:
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught:
        ask(ada, path, messages=[{"role": "wizard", "content": "Hi"}])
    assert "role" in str(caught.value)


@PATHS
def test_a_body_beyond_all_size_is_413(ada: Program, path: str) -> None:
    big = {"messages": [{"role": "user", "content": "x" * (limits.MAX_WIRE_BODY_BYTES + 1_000_000)}]}
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        ask(ada, path, **big)
    assert caught.value.status_code == 413


def test_an_address_that_is_none_is_404_in_the_envelope(ada: Program) -> None:
    assert_enveloped(ada.http.get("/v1/chat/completions"), "/v1/chat/completions", 404)
    assert_enveloped(ada.http.post("/v1/responses", json={}), "/v1/chat/completions", 404)
    headers = {"anthropic-version": "2023-06-01"}
    assert_enveloped(ada.http.post("/v1/complete", json={}, headers=headers), "/v1/messages", 404)


@STREAMED
@PATHS
def test_a_provider_that_gets_too_many_requests_is_429_and_says_when_to_come_back(
    ada: Program, path: str, *, stream: bool
) -> None:
    ada.arm("status", status=429, retry_after=17)
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError)) as caught:
        ask(ada, path, stream=stream)
    assert caught.value.response.headers["retry-after"] == "17"
    assert caught.value.response.headers["x-should-retry"] == "true"


@PATHS
@pytest.mark.parametrize(
    ("status", "becomes"), [(500, 502), (502, 502), (503, 503), (529, 503), (504, 504), (408, 504)]
)
def test_a_provider_in_trouble_is_5xx_and_worth_another_try(ada: Program, path: str, status: int, becomes: int) -> None:
    ada.arm("status", status=status)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as caught:
        ask(ada, path)
    assert caught.value.status_code == becomes
    assert caught.value.response.headers["x-should-retry"] == "true"


@PATHS
@pytest.mark.parametrize("kind", ["html_502", "not_json", "no_answer", "reset", "cut"])
def test_an_answer_that_is_none_is_502(ada: Program, path: str, kind: str) -> None:
    ada.arm(kind, seconds=0)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as caught:
        ask(ada, path)
    assert caught.value.status_code == 502


@PATHS
@pytest.mark.parametrize(
    ("status", "code"), [(401, ""), (403, ""), (402, "billing_error"), (429, "insufficient_quota")]
)
def test_trouble_with_the_operators_account_is_503_and_nothing_is_said_of_it(
    ada: Program, path: str, status: int, code: str
) -> None:
    ada.arm("status", status=status, code=code)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as caught:
        ask(ada, path)
    assert caught.value.status_code == 503
    assert caught.value.response.headers["x-should-retry"] == "false"
    told = caught.value.response.text.lower()
    assert not any(word in told for word in ("api key", "billing", "quota", "funds", "account"))


@STREAMED
@PATHS
def test_a_provider_that_fails_in_mid_answer_is_an_error_of_the_sdk(ada: Program, path: str, *, stream: bool) -> None:
    ada.arm("error_event", after_tokens=3)
    with pytest.raises((openai.APIError, anthropic.APIError)):
        list(ask(ada, path, stream=True)) if stream else ask(ada, path)
    ada.released()


@PATHS
@pytest.mark.parametrize("kind", ["cut", "reset", "terminal_missing"])
def test_a_stream_that_breaks_off_ends_with_an_error_and_not_as_if_it_were_whole(
    ada: Program, path: str, kind: str
) -> None:
    ada.arm(kind, after_tokens=5)
    data = events(ada.http.post(path, json=BODIES[path] | {"stream": True}).text.split("\n"))
    assert "broke off" in json.loads(data[-1])["error"]["message"]
    assert "[DONE]" not in data
    ada.released()


def test_too_many_at_once_are_429(program: Make) -> None:
    one = program()
    held = []
    with httpx.Client(base_url=one.server.url, headers=one.http.headers, timeout=30) as many:
        body = BODIES["/v1/chat/completions"] | {"messages": LONG, "stream": True, "max_tokens": 2_000}
        one.arm("stall", times=limits.MAX_RUNNING_TURNS_PER_PERSON, after_tokens=1, seconds=30)
        for _ in range(limits.MAX_RUNNING_TURNS_PER_PERSON):
            held.append(many.send(many.build_request("POST", "/v1/chat/completions", json=body), stream=True))
            assert held[-1].status_code == 200
        with pytest.raises(openai.RateLimitError) as caught:
            ask(one, "/v1/chat/completions")
        assert int(caught.value.response.headers["retry-after"]) > 0
        with pytest.raises(anthropic.RateLimitError):
            ask(one, "/v1/messages")
        for answer in held:
            answer.close()


def test_own_keys_pass_the_providers_own_words_and_never_touch_credits(program: Make) -> None:
    one = program(mode="own")
    headers = {"x-openai-api-key": "sk-sandbox", "x-anthropic-api-key": "sk-ant-sandbox"}
    number = 0
    for path, body in BODIES.items():
        assert_enveloped(one.http.post(path, json=body), path, 400)
        for stream in (False, True):
            answer = one.http.post(path, json=body | {"stream": stream}, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-loom-funding"] == "own_key"
            assert "x-loom-balance" not in answer.headers
            number += 1
        one.arm("status", status=429, retry_after=3)
        refused = one.http.post(path, json=body, headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
        assert "limit" in refused.json()["error"]["message"].lower()
        one.arm("status", status=401)
        assert one.http.post(path, json=body, headers=headers).status_code == 401
    receipts = one.settled(number)
    assert {(receipt["funding"], receipt["chargedUsd"]) for receipt in receipts} == {("own_key", "0.00")}
    assert one.balance == one.begun


@pytest.mark.usefixtures("inside")
def test_a_stored_key_of_ones_own_pays_as_well_and_takes_what_has_no_price_here(program: Make) -> None:
    one = program(mode="own")
    with transaction() as session:
        user = find_user(session, email=one.email)
        assert user is not None
        for provider, key in (("openai", "sk-sandbox"), ("anthropic", "sk-ant-sandbox")):
            secret = settings().master_secret
            store_key(session, user_id=user.id, provider=provider, api_key=key, master_secret=secret)
    assert ask(one, "/v1/chat/completions", service_tier="flex").usage.prompt_tokens
    assert ask(one, "/v1/messages", extra_headers={"anthropic-beta": "context-1m-2025-08-07"}).usage.input_tokens
    assert one.openai.embeddings.create(model=VECTORS, input="a").data
    assert one.anthropic.messages.count_tokens(model=CLAUDE, messages=HI).input_tokens
    assert {receipt["funding"] for receipt in one.settled(3)} == {"own_key"}
    assert one.balance == one.begun


def test_a_program_has_only_so_many_prompts_counted_in_a_minute_at_the_operators_cost(
    server: LiveServer, program: Make
) -> None:
    one, asked = program(), {"model": CLAUDE, "messages": HI}
    with httpx.Client(base_url=server.url, headers={"x-api-key": one.key}) as client:
        for _ in range(limits.PROGRAM_COUNTS_PER_MINUTE):
            assert client.post("/v1/messages/count_tokens", json=asked).status_code == 200
        answer = client.post("/v1/messages/count_tokens", json=asked)
    assert assert_enveloped(answer, "/v1/messages", 429) == "rate_limit_error"
    assert answer.headers["retry-after"]
