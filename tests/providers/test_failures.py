"""What providers refuse and how they fail, for both: statuses, error events and events that make no sense."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from projectloom.providers import ProviderName, sse

from .dialects import (
    A_WHOLE,
    BEGUN,
    ECHO,
    O_WHOLE,
    WHOLE,
    assert_discreet,
    both,
    call_to,
    collect,
    is_complete,
    kind,
    named,
    text_of,
)
from .scripted_server import ScriptedServer, refusal, stream

pytestmark = pytest.mark.asyncio


@both
@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, "bad_request", False),
        (401, "unauthorized", False),
        (402, "unauthorized", False),
        (403, "unauthorized", False),
        (404, "bad_request", False),
        (408, "timeout", True),
        (413, "bad_request", False),
        (422, "bad_request", False),
        (429, "rate_limited", True),
        (500, "unavailable", True),
        (502, "unavailable", True),
        (503, "overloaded", True),
        (504, "timeout", True),
        (529, "overloaded", True),
    ],
)
async def test_each_status_has_its_kind_and_is_tried_once(
    provider: ProviderName, status: int, expected: str, retryable: bool
) -> None:
    body = {"type": "error", "error": {"type": "made_up_error", "message": ECHO}}
    async with ScriptedServer([refusal(status, body)]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert events == []
    assert kind(error) == expected
    assert error is not None
    assert error.data["retryable"] is retryable
    assert error.data["status"] == status
    assert len(server.asked) == 1
    assert_discreet(error)


@both
@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7), ("1.2", 2), ("0", 0), ("-3", 0), ("soon", None), ("nan", None), ("999999999", None), ("", None)],
)
async def test_retry_after_is_whole_seconds_or_nothing(
    provider: ProviderName, header: str, expected: int | None
) -> None:
    async with ScriptedServer([refusal(429, {"error": {}}, retry_after=header)]) as server:
        _, error = await collect(provider, call_to(server.url))
    assert error is not None
    assert error.data["retry_after"] == expected


async def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    async with ScriptedServer([refusal(429, {"error": {}}, retry_after=later)]) as server:
        _, error = await collect("openai", call_to(server.url))
    assert error is not None
    assert error.data["retry_after"] in range(55, 62)


@pytest.mark.parametrize(
    ("provider", "status", "body", "expected"),
    [
        ("openai", 429, {"code": "insufficient_quota", "type": "insufficient_quota"}, "unauthorized"),
        ("openai", 400, {"code": "content_policy_violation", "type": "invalid_request_error"}, "blocked"),
        ("openai", 400, {"code": "context_length_exceeded", "type": "invalid_request_error"}, "bad_request"),
        ("anthropic", 403, {"type": "permission_error"}, "unauthorized"),
        ("anthropic", 400, {"type": "invalid_request_error"}, "bad_request"),
    ],
)
async def test_the_providers_error_code_refines_the_status(
    provider: ProviderName, status: int, body: dict[str, str], expected: str
) -> None:
    async with ScriptedServer([refusal(status, {"error": body | {"message": ECHO}})]) as server:
        _, error = await collect(provider, call_to(server.url))
    assert kind(error) == expected


@both
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"x"', b'{"error": 5}', b"\xff\xfe"])
async def test_an_error_body_of_any_shape_is_survived(provider: ProviderName, body: bytes) -> None:
    head = f"HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with ScriptedServer([[head + body]]) as server:
        _, error = await collect(provider, call_to(server.url))
    assert kind(error) == "unavailable"


@both
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(provider: ProviderName, status: int) -> None:
    async with ScriptedServer([stream(*WHOLE[provider])]) as elsewhere:
        async with ScriptedServer([refusal(status, {}, location=elsewhere.url)]) as server:
            events, error = await collect(provider, call_to(server.url))
        assert elsewhere.asked == []
    assert events == []
    assert kind(error) == "unavailable"
    assert error is not None
    assert error.data["retryable"] is False
    assert_discreet(error)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("overloaded_error", "overloaded"),
        ("rate_limit_error", "rate_limited"),
        ("api_error", "unavailable"),
        ("invalid_request_error", "bad_request"),
        ("authentication_error", "unauthorized"),
        ("something_new", "broken_stream"),
    ],
)
async def test_an_error_event_of_anthropics_ends_the_reply_with_its_kind(word: str, expected: str) -> None:
    event = named("error", {"type": "error", "error": {"type": word, "message": ECHO}})
    async with ScriptedServer([stream(*BEGUN["anthropic"], event, *A_WHOLE)]) as server:
        events, error = await collect("anthropic", call_to(server.url))
    assert text_of(events) == "Hel"
    assert kind(error) == expected
    assert_discreet(error)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"type": "server_error", "code": None}, "unavailable"),
        ({"code": "rate_limit_exceeded"}, "rate_limited"),
        ({"code": "insufficient_quota"}, "unauthorized"),
        ({"message": ECHO}, "broken_stream"),
    ],
)
async def test_an_error_chunk_of_openais_ends_the_reply_with_its_kind(body: dict[str, str], expected: str) -> None:
    event = b"data: " + repr({"error": body}).replace("'", '"').replace("None", "null").encode() + b"\n\n"
    async with ScriptedServer([stream(*BEGUN["openai"], event, *O_WHOLE)]) as server:
        events, error = await collect("openai", call_to(server.url))
    assert text_of(events) == "Hel"
    assert kind(error) == expected
    assert_discreet(error)


BAD_DATA = [
    f"{{bad {ECHO}",
    "[]",
    '"text"',
    "7",
    '{"type": "message_start", "choices": 7}',
    '{"type": "content_block_delta", "delta": 7, "choices": [7]}',
    '{"n": ' + "9" * 5_000 + "}",
    '{"a":' * 100_000,
]


@both
@pytest.mark.parametrize("data", BAD_DATA, ids=lambda data: data[:20])
async def test_a_malformed_event_is_a_broken_stream(provider: ProviderName, data: str) -> None:
    async with ScriptedServer([stream(*BEGUN[provider], f"data: {data}\n\n".encode(), *WHOLE[provider])]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert text_of(events) == "Hel"
    assert kind(error) == "broken_stream"
    assert_discreet(error)


@both
@pytest.mark.parametrize("line", [b"data: x\n", b"x"], ids=["an event without end", "a line without end"])
async def test_an_event_beyond_all_size_is_a_broken_stream(
    provider: ProviderName, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1_000)
    async with ScriptedServer([stream(*BEGUN[provider], *[line * 100] * 30)]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert text_of(events) == "Hel"
    assert kind(error) == "broken_stream"


@both
async def test_bytes_that_are_no_text_do_not_break_the_reply(provider: ProviderName) -> None:
    events_out = [event.replace(b"Hello", b"H\xff") for event in WHOLE[provider]]
    async with ScriptedServer([stream(*events_out)]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert error is None
    assert text_of(events) == "H\ufffd!"
    assert is_complete(events)
