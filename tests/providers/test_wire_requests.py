"""What is read of a program's request before it costs anything, and what is sent of it."""

import json
from typing import Any

import pytest

from projectloom.errors import InvalidInput, TooLarge
from projectloom.providers import Path, plain_headers, read_wire_request, sent_body
from projectloom.providers.wire_requests import WireRequest

CHAT: Path = "/chat/completions"
MESSAGES: Path = "/messages"
VECTORS: Path = "/embeddings"
HI = [{"role": "user", "content": "Hi"}]
PICTURE = "iVBORw0KGgo" * 1_000


def asked(path: Path = CHAT, **changes: Any) -> WireRequest:
    body = {"model": "a-model", "messages": HI, "max_tokens": 100} | changes
    return read_wire_request(path, json.dumps({name: value for name, value in body.items() if value != ...}).encode())


def sent(request: WireRequest, *, max_tokens: int | None = None, ordinary_tier: bool = False) -> dict[str, Any]:
    return json.loads(sent_body(request, max_tokens=max_tokens, ordinary_tier=ordinary_tier))


BAD = {
    "nothing": b"",
    "half of it": b'{"model": "a-model"',
    "a list": b"[]",
    "a text": b'"model"',
    "null": b"null",
    "no text of any encoding": b"\xff\xfe\xfd",
    "NaN, which is no JSON": b'{"model": "a-model", "max_tokens": 1, "temperature": NaN}',
    "infinity, which is no JSON": b'{"model": "a-model", "max_tokens": 1, "temperature": -Infinity}',
    "a number without an end": b'{"model": "a-model", "max_tokens": ' + b"9" * 10_000 + b"}",
    "too many levels": b'{"model": "a-model", "max_tokens": 1, "x": ' + b"[" * 300 + b"]" * 300 + b"}",
    "levels without an end": b'{"model": "a-model", "max_tokens": 1, "x": ' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "a number that is no number any more": b'{"model": "a-model", "max_tokens": 1, "temperature": 1e400}',
    "an encoding that spells texts shorter": '{"model": "a-model", "max_tokens": 1, "x": "\ua015"}'.encode("utf-16"),
    "no model": b'{"max_tokens": 1}',
    "a model that is no text": b'{"model": ["a-model"], "max_tokens": 1}',
    "an empty model": b'{"model": "", "max_tokens": 1}',
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES, VECTORS])
@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
def test_a_body_that_nobody_could_use_is_refused(path: Path, raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_wire_request(path, raw)


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "100", [], {}, 1e300])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "n"])
def test_a_field_that_decides_what_it_costs_must_be_what_the_provider_takes(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked(CHAT, **{name: value})
    assert caught.value.data["param"] == name


@pytest.mark.parametrize("value", ["true", 1, [], {}])
def test_a_stream_is_wanted_or_not(value: object) -> None:
    with pytest.raises(InvalidInput):
        asked(stream=value)


def test_anthropic_takes_no_request_without_a_limit() -> None:
    with pytest.raises(InvalidInput):
        asked(MESSAGES, max_tokens=...)


def test_the_limit_has_two_names_and_the_smaller_counts() -> None:
    assert asked(max_tokens=...).max_tokens is None
    assert asked(max_tokens=50, max_completion_tokens=None).max_tokens == 50
    both = asked(max_tokens=50, max_completion_tokens=40)
    assert both.max_tokens == 40
    assert sent(both, max_tokens=30)["max_tokens"] == sent(both, max_tokens=30)["max_completion_tokens"] == 30
    assert sent(asked(max_tokens=50), max_tokens=30)["max_tokens"] == 30
    assert "max_completion_tokens" not in sent(asked(max_tokens=50), max_tokens=30)
    assert sent(asked(max_tokens=...), max_tokens=30)["max_completion_tokens"] == 30
    assert sent(asked(MESSAGES), max_tokens=30)["max_tokens"] == 30


def test_a_limit_of_the_other_providers_name_does_not_reach_past_what_was_held() -> None:
    request = asked(MESSAGES, max_completion_tokens=100_000)
    assert sent(request, max_tokens=30)["max_tokens"] == 30


def test_copies_are_counted_where_there_are_any() -> None:
    assert asked(n=3).copies == 3
    assert asked(n=None).copies == asked().copies == asked(MESSAGES, n=3).copies == 1
    with pytest.raises(InvalidInput):
        asked(n=129)


def test_thinking_that_the_limit_has_room_for_needs_that_room() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2_000}
    assert asked(MESSAGES, max_tokens=4_000, thinking=thinking).least_tokens == 2_001
    # Its provider refuses it: that is not for want of money.
    assert asked(MESSAGES, max_tokens=1_000, thinking=thinking).least_tokens == 1_000
    for odd in (None, [], "on", {"budget_tokens": True}, {"budget_tokens": "2"}, {"budget_tokens": -1}):
        assert asked(MESSAGES, thinking=odd).least_tokens == 0


UNPRICED: dict[str, tuple[Path, dict[str, Any]]] = {
    "audio": (CHAT, {"audio": {"voice": "alloy"}}),
    "web_search_options": (CHAT, {"web_search_options": {"search_context_size": "low"}}),
    "modalities": (CHAT, {"modalities": ["text", "audio"]}),
    "service_tier": (CHAT, {"service_tier": "priority"}),
    "a tier that is no text": (CHAT, {"service_tier": ["priority"]}),
    "tools: web_search": (CHAT, {"tools": [{"type": "web_search"}]}),
    "input_audio": (CHAT, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
    "mcp_servers": (MESSAGES, {"mcp_servers": [{"url": "https://example.com"}]}),
    "container": (MESSAGES, {"container": "c"}),
    "speed": (MESSAGES, {"speed": "fast"}),
    "tools: web_search_20250305": (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    "tools: code_execution_20250522": (MESSAGES, {"tools": [{}, {"type": "code_execution_20250522"}]}),
}


@pytest.mark.parametrize("name", UNPRICED)
def test_what_has_no_price_is_named(name: str) -> None:
    path, changes = UNPRICED[name]
    assert asked(path, **changes).unpriced == ("service_tier" if name == "a tier that is no text" else name,)


def test_what_costs_nothing_but_tokens_is_not() -> None:
    tools = [{"type": "function"}, {"type": "custom"}, {"name": "typeless"}, "odd", {"type": None}]
    for tier in ("auto", "default", "standard_only", None):
        assert asked(service_tier=tier, tools=tools, modalities=["text"], audio=None).unpriced == ()
    own = [{"type": kind} for kind in ("bash_20250124", "text_editor_20250728", "computer_20250124", "memory_20250818")]
    assert asked(MESSAGES, tools=own).unpriced == ()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_unknown_fields_pass_untouched(path: Path) -> None:
    extra = {"seed": 10**30, "metadata": {"a": [None, 0.1, "\ud83d", "ç"]}, "new_field": {"type": "x"}, "": ""}
    request = asked(path, **extra)
    kept = sent(request)
    assert kept == {"model": "a-model", "messages": HI, "max_tokens": 100} | extra
    assert '"\\ud83d"' in sent_body(request, max_tokens=None, ordinary_tier=False).decode()


def test_of_a_field_that_comes_twice_the_one_that_was_counted_is_sent() -> None:
    raw = b'{"model": "a-model", "max_tokens": 1, "max_tokens": 900, "n": 1, "n": 7, "messages": []}'
    request = read_wire_request(CHAT, raw)
    body = sent_body(request, max_tokens=None, ordinary_tier=False)
    assert (request.max_tokens, request.copies) == (900, 7)
    assert (body.count(b"max_tokens"), body.count(b'"n"')) == (1, 1)


def test_only_a_stream_of_chat_is_asked_for_its_usage() -> None:
    plain = asked(stream=True)
    assert (plain.wants_usage, sent(plain)["stream_options"]) == (False, {"include_usage": True})
    kept = asked(stream=True, stream_options={"include_usage": False, "include_obfuscation": False})
    assert sent(kept)["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert asked(stream=True, stream_options={"include_usage": True}).wants_usage
    for request in (asked(), asked(VECTORS, stream=True), asked(MESSAGES, stream=True)):
        assert "stream_options" not in sent(request)


def test_the_tier_of_the_card_is_asked_for_only_where_there_are_tiers() -> None:
    assert sent(asked(service_tier="auto"), ordinary_tier=True)["service_tier"] == "default"
    assert sent(asked(MESSAGES), ordinary_tier=True)["service_tier"] == "standard_only"
    assert "service_tier" not in sent(asked(VECTORS), ordinary_tier=True)


def test_betas_that_may_change_the_price_are_left_out_on_credits() -> None:
    headers = (
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "context-1m-2025-08-07, interleaved-thinking-2025-05-14,fast-mode"),
    )
    request = read_wire_request(MESSAGES, b'{"model": "a-model", "max_tokens": 1}', headers)
    assert plain_headers(request) == (headers[0], ("anthropic-beta", " interleaved-thinking-2025-05-14"))


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (CHAT, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}),
        (MESSAGES, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}),
        (
            MESSAGES,
            {
                "type": "tool_result",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
                ],
            },
        ),
    ],
)
def test_a_picture_counts_as_one_and_not_by_its_bytes(path: Path, part: dict[str, Any]) -> None:
    size = asked(path, messages=[{"role": "user", "content": [part, {"type": "text", "text": "What is it?"}]}]).size
    assert (size.images, size.unbounded) == (1, False)
    assert len("What is it?") < size.text_bytes < 400


@pytest.mark.parametrize(
    ("path", "part", "unbounded"),
    [
        (CHAT, {"type": "file", "file": {"file_id": "f"}}, True),
        (MESSAGES, {"type": "document", "source": {"type": "base64", "data": "x"}}, True),
        (MESSAGES, {"type": "document", "source": {"type": "url", "url": "https://example.com"}}, True),
        (MESSAGES, {"type": "document", "source": {"type": "text", "data": "x"}}, False),
        (MESSAGES, {"type": "document", "source": {"type": "content", "content": [{"type": "file"}]}}, True),
        (MESSAGES, {"type": "document"}, True),
        (MESSAGES, {"type": "container_upload"}, True),
        (MESSAGES, {"type": ["file"]}, False),
    ],
)
def test_what_cannot_be_counted_from_here_says_so(path: Path, part: dict[str, Any], *, unbounded: bool) -> None:
    assert asked(path, messages=[{"role": "user", "content": [part]}]).size.unbounded is unbounded


@pytest.mark.parametrize(
    ("part", "images", "unbounded"),
    [
        ({"image_url": {"url": f"data:image/png;base64,{PICTURE}"}}, 1, False),
        ({"type": "text", "text": "x", "image_url": "https://example.com/a.png"}, 1, False),
        ({"type": "image", "image": "https://example.com/a.png"}, 1, False),
        ({"type": "image_url", "image_url": {"url": "https://a.example"}, "image": "https://b.example"}, 2, False),
        ({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}, 0, True),
        ({"type": "image_url", "image_url": {"url": "https://a.example"}, "video_url": {"url": "https://b"}}, 1, True),
        ({"type": "text", "text": "https://example.com/a.png"}, 0, False),
    ],
)
def test_the_hold_covers_pictures_that_a_part_does_not_call_so(
    part: dict[str, Any], images: int, *, unbounded: bool
) -> None:
    size = asked(CHAT, messages=[{"role": "user", "content": [part]}]).size
    assert (size.images, size.unbounded) == (images, unbounded)


def test_nothing_of_a_request_shows_in_its_repr() -> None:
    secret = "the-secret-prompt"
    raw = json.dumps({"model": "a-model", "max_tokens": 1, "messages": [{"content": secret}]}).encode()
    assert secret not in repr(read_wire_request(MESSAGES, raw, (("x", secret),)))


def test_a_body_of_too_many_parts_is_too_large_before_it_is_parsed() -> None:
    raw = b'{"model": "a-model", "max_tokens": 1, "x": [' + b"{}," * 300_000 + b"{}]}"
    with pytest.raises(TooLarge):
        read_wire_request(MESSAGES, raw)


def test_numbers_that_are_written_longer_than_they_came_count_as_they_are_sent() -> None:
    raw = b'{"model": "a-model", "messages": [], "x": [' + b",".join([b"1e15"] * 1_000) + b"]}"
    request = read_wire_request(CHAT, raw)
    assert request.size.text_bytes >= len(sent_body(request, max_tokens=None, ordinary_tier=False)) > len(raw)


@pytest.mark.parametrize("value", [{}, {"search_context_size": "low"}, []])
def test_asking_for_a_search_with_its_defaults_is_asking_for_a_search(value: object) -> None:
    body = {"model": "a-model", "messages": [], "web_search_options": value}
    assert read_wire_request(CHAT, json.dumps(body).encode()).unpriced == ("web_search_options",)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (CHAT, {"type": "file", "file": {"file_id": "file-1"}}),
        (MESSAGES, {"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        (MESSAGES, {"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
    ],
)
def test_credits_reach_no_file_that_is_kept_in_the_operators_account(path: Path, part: dict[str, object]) -> None:
    body = {"model": "a-model", "max_tokens": 1, "messages": [{"role": "user", "content": [part]}]}
    assert read_wire_request(path, json.dumps(body).encode()).unpriced == ("files kept at the provider",)


def test_a_files_bytes_are_no_text_and_what_a_providers_own_tools_found_has_no_bound() -> None:
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 60_000}}
    found = {"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result", "content": pdf}}
    cited = {"type": "document", "citations": {"enabled": True}, "source": {"type": "text", "data": "Words."}}
    for part, files in ((pdf, 1), (found, 1), (cited, 0)):
        body = {"model": "a-model", "max_tokens": 1, "messages": [{"role": "user", "content": [part]}]}
        size = read_wire_request(MESSAGES, json.dumps(body).encode()).size
        assert (size.unbounded, size.files, size.text_bytes < 1_000) == (True, files, True)


def test_vectors_come_in_one_piece_whatever_is_asked() -> None:
    request = read_wire_request(VECTORS, b'{"model": "a-model", "input": "x", "stream": true}')
    assert not request.stream
    assert "stream" not in json.loads(sent_body(request, max_tokens=None, ordinary_tier=True))
