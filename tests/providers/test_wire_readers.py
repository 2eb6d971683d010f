"""What passes through, what is kept back and what is counted, however the network cuts an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projectloom.errors import ProviderError
from projectloom.providers import ProviderName, wire_reader
from projectloom.providers.sse import MAX_EVENT_BYTES, EventTooLarge
from projectloom.tokens import Usage
from tests.pricing.golden_cases import STREAMED, Case
from tests.providers.dialects import (
    A_BLOCK,
    A_PING,
    A_STOP,
    CALLS,
    O_COUNTS,
    O_DONE,
    O_START,
    WHOLE,
    a_delta,
    a_start,
    a_text,
    both,
    named,
    o_chunk,
    o_text,
    o_usage,
)
from tests.providers.wire_streams import no_extras, read, request_for

COUNTED = Usage(input_tokens=25, output_tokens=15)
ODD = (
    b": a comment\n\n",
    b"event: shuttle.moved\ndata: {}\n\n",
    b"retry: 10\n\n",
    b"data:\n\n",
    b"data: not JSON {\n\n",
)
ESCAPED = (
    'He wrote "usage":{"prompt_tokens":1} and "finish_reason":"stop", "error":{} — data: [DONE]\n\ndata: [DONE]\n\n'
)
STREAMS: dict[str, tuple[ProviderName, bytes]] = {
    "OpenAI": ("openai", b"".join(WHOLE["openai"])),
    "OpenAI with CRLF": ("openai", b"".join(WHOLE["openai"]).replace(b"\n", b"\r\n")),
    "OpenAI with tools": ("openai", b"".join(CALLS["openai"](("a", '{"x": 1}'), ("b", "{}"), text="So:"))),
    "OpenAI with oddities": ("openai", b"".join((*ODD, O_START, o_text(ESCAPED), *ODD, *WHOLE["openai"][3:]))),
    "OpenAI with more behind its end": ("openai", b"".join((*WHOLE["openai"], o_text("late"), O_DONE))),
    "OpenAI, cut": ("openai", b"".join((O_START, o_text("Hel"), b'data: {"choices'))),
    "OpenAI, an error": (
        "openai",
        b"".join((O_START, o_text("Hel"), b'data: {"error": {"type": "server_error"}}\n\n')),
    ),
    "OpenAI, usage at the finish": ("openai", b"".join((o_text("a"), o_chunk({}, "stop", usage=O_COUNTS), O_DONE))),
    "Anthropic": ("anthropic", b"".join(WHOLE["anthropic"])),
    "Anthropic with CRLF": ("anthropic", b"".join(WHOLE["anthropic"]).replace(b"\n", b"\r\n")),
    "Anthropic with tools": ("anthropic", b"".join(CALLS["anthropic"](("a", '{"x": 1}'), ("b", "{}"), text="So:"))),
    "Anthropic with oddities": (
        "anthropic",
        b"".join((*ODD, a_start(), A_BLOCK, a_text(ESCAPED), *ODD, A_PING, a_delta(), A_STOP)),
    ),
    "Anthropic that starts from zero": (
        "anthropic",
        b"".join((a_start({"input_tokens": 25, "output_tokens": 0}), a_text("Hi"), a_delta(), A_STOP)),
    ),
    "Anthropic with more behind its end": ("anthropic", b"".join((*WHOLE["anthropic"], a_text("late"), A_STOP))),
    "Anthropic, cut": ("anthropic", b"".join((a_start(), a_text("Hel"), b"event: content_block_delta\ndata: {"))),
    "Anthropic, an error": (
        "anthropic",
        b"".join((a_start(), a_text("Hel"), named("error", {"type": "error", "error": {"type": "overloaded_error"}}))),
    ),
}


@pytest.mark.parametrize(
    ("name", "hides"),
    [(name, hides) for name, (provider, _) in STREAMS.items() for hides in {False, provider == "openai"}],
)
def test_it_does_not_matter_where_the_network_cuts_an_answer(name: str, *, hides: bool) -> None:
    provider, body = STREAMS[name]
    request = request_for(provider, **({"stream_options": None} if hides and provider == "openai" else {}))
    whole = read(request, [body])
    for cut in range(1, len(body)):
        halves = read(request, [body[:cut], body[cut:]])
        assert halves.__dict__ == whole.__dict__, cut
    bytewise = read(request, [body[at : at + 1] for at in range(len(body))])
    assert bytewise.__dict__ == whole.__dict__


@pytest.mark.parametrize("name", [name for name in STREAMS if "behind" not in name and "cut" not in name])
def test_a_stream_that_asked_for_its_usage_passes_byte_for_byte_but_for_what_is_added_to_it(name: str) -> None:
    provider, body = STREAMS[name]
    found = read(request_for(provider), [body[at : at + 7] for at in range(0, len(body), 7)])
    if found.error:
        assert body.startswith(found.out)
        return
    sent, got = _events(body), _events(found.out)
    assert len(sent) == len(got)
    changed = [(old, new) for old, new in zip(sent, got, strict=True) if old != new]
    for old, new in changed:
        assert _data(new) == _data(old)
    assert len(changed) <= 1


def test_usage_that_was_not_asked_for_is_taken_out_and_nothing_else_is() -> None:
    provider, body = STREAMS["OpenAI with oddities"]
    found = read(request_for(provider, stream_options=None), [body])
    assert found.out == body.replace(o_usage(O_COUNTS), b"")
    assert (found.usage, found.final, found.done) == (COUNTED, True, True)


def test_usage_on_the_chunk_that_ends_a_reply_is_taken_out_of_it_where_it_was_not_asked_for() -> None:
    provider, body = STREAMS["OpenAI, usage at the finish"]
    found = read(request_for(provider, stream_options={"include_usage": False}), [body])
    finish = _data(_events(found.out)[1])
    assert finish == _data(o_chunk({}, "stop"))
    assert (found.usage, found.final) == (COUNTED, True)


@both
def test_what_it_cost_is_added_to_the_usage_once(provider: ProviderName) -> None:
    body = b"".join(WHOLE[provider])
    seen: list[Usage] = []

    def extras(usage: Usage) -> dict[str, str]:
        seen.append(usage)
        return {"cost_usd": "0.25"}

    found = read(request_for(provider), [body], extras)
    usages = [
        _data(event).get("usage") or {} for event in _events(found.out) if event.startswith((b"data: {", b"event"))
    ]
    assert [usage.get("cost_usd") for usage in usages if "cost_usd" in usage] == ["0.25"]
    assert [usage.output_tokens for usage in seen] == [15]


@both
def test_a_telling_event_that_cannot_be_read_passes_and_only_spoils_the_count(provider: ProviderName) -> None:
    torn = {
        "openai": b'data: {"choices": [], "usage": {"prompt_tokens": 25,\n\n',
        "anthropic": b'event: message_delta\ndata: {"type": "message_delta", "usage": {"output\n\n',
    }[provider]
    events = list(WHOLE[provider])
    events[4 if provider == "openai" else 6] = torn
    found = read(request_for(provider), [b"".join(events)])
    assert found.error is None
    assert found.done
    assert torn in found.out
    assert not found.final


def test_an_end_without_a_reason_to_finish_is_no_end() -> None:
    found = read(request_for("openai"), [b"".join((O_START, o_text("Hel"), o_usage(O_COUNTS), O_DONE))])
    assert (found.done, found.final, found.usage) == (False, False, COUNTED)


@both
def test_an_event_beyond_all_size_ends_it_before_it_fills_the_memory(provider: ProviderName) -> None:
    reader = wire_reader(request_for(provider), no_extras)
    assert reader.feed(b"x" * MAX_EVENT_BYTES) == b""
    with pytest.raises(EventTooLarge):
        reader.feed(b"x")


@both
@pytest.mark.parametrize("counts", ["{}", "NaN", "-3", '"12"', "1e300", "true", "null", "[]", "99999999999999999999"])
def test_counts_that_cannot_be_true_are_none(provider: ProviderName, counts: str) -> None:
    start = a_start({"input_tokens": "?", "output_tokens": 1}).replace(b'"?"', counts.encode())
    usage = o_usage({"prompt_tokens": "?", "completion_tokens": 15}).replace(b'"?"', counts.encode())
    body = {
        "anthropic": b"".join((start, a_text("Hi"), a_delta(), A_STOP)),
        "openai": b"".join((o_text("Hi"), o_chunk({}, "stop"), usage, O_DONE)),
    }[provider]
    found = read(request_for(provider), [body])
    assert found.usage is None
    assert found.done


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
def test_every_golden_stream_is_counted_as_in_the_chat(case: Case) -> None:
    pieces = [] if case.raw.get("end") == "reset" else [b"".join(case.events())]
    for cut in (pieces or [b"".join(case.events())], case.events()):
        found = read(request_for(case.provider), cut)
        expected = case.expected
        if expected is None:
            assert found.usage is None or not found.spoke
            continue
        exact = found.usage is not None and found.final
        if not expected["estimated"]:
            assert exact or not expected["complete"]
            assert found.usage == case.usage
        assert found.spoke is expected["delivered"]
        if case.name != "malformed JSON in mid-stream":
            assert found.done is expected["complete"]
            assert found.error == (expected["error"] if expected["error"] != "broken_stream" else None)


@both
def test_an_answer_in_one_piece_passes_byte_for_byte_and_is_counted(provider: ProviderName) -> None:
    usage = {"openai": O_COUNTS, "anthropic": {"input_tokens": 25, "output_tokens": 15}}[provider]
    said = {
        "openai": {"choices": [{"message": {"content": "Hi \ud83d"}}], "object": "chat.completion"},
        "anthropic": {"content": [{"type": "text", "text": "Hi \ud83d"}], "type": "message"},
    }[provider]
    body = json.dumps(said | {"usage": usage, "unknown": [1.50, 1e2]}, indent=3).encode()
    found = read(request_for(provider, stream=False, stream_options=None), [body[:9], body[9:]])
    assert (found.out, found.usage, found.final, found.done, found.spoke) == (body, COUNTED, True, True, True)
    assert found.written.startswith("Hi ")


@both
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"<html>", b"\xff\xfe"])
def test_an_answer_in_one_piece_that_is_no_answer_is_none(provider: ProviderName, body: bytes) -> None:
    found = read(request_for(provider, stream=False, stream_options=None), [body])
    assert (found.error, found.done, found.out, found.written) == ("unreadable", False, b"", "")


def test_an_error_in_one_piece_keeps_the_providers_words_to_itself() -> None:
    reader = wire_reader(request_for("openai", stream=False, stream_options=None), no_extras)
    reader.feed(b'{"error": {"type": "server_error", "message": "the-secret-prompt"}}')
    with pytest.raises(ProviderError) as caught:
        reader.finish()
    assert "the-secret-prompt" not in str(caught.value)


def _events(body: bytes) -> list[bytes]:
    return [event for event in body.replace(b"\r\n", b"\n").split(b"\n\n") if event]


def _data(event: bytes) -> dict:
    data = next(line for line in event.split(b"\n") if line.startswith(b"data:"))
    return {} if data.endswith(b"[DONE]") else json.loads(data.removeprefix(b"data:"))


CHUNKS = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "delta": st.sampled_from(
                        [{"content": "so"}, {"content": '"usage": {"error": "[DONE]"}'}, {"content": "\n\n"}, {}]
                    ),
                    "finish_reason": st.sampled_from([None, None, None, "stop"]),
                }
            ),
            max_size=2,
        )
    },
    optional={"usage": st.sampled_from([None, None, O_COUNTS]), "obfuscation": st.just("x1")},
)


@given(
    chunks=st.lists(st.tuples(CHUNKS, st.booleans()), min_size=1, max_size=60),
    spelt=st.sampled_from([(",", ":"), (", ", ": ")]),
    end=st.sampled_from([b"\n\n", b"\r\n\r\n"]),
    size=st.integers(1, 5_000),
)
def test_a_stream_in_any_order_and_spelling_is_read_as_each_of_its_events_alone(
    chunks: list[tuple[dict[str, Any], bool]], spelt: tuple[str, str], end: bytes, size: int
) -> None:
    events = []
    for chunk, turned in chunks:
        values = dict(reversed(chunk.items())) if turned else chunk
        events.append(b"data: " + json.dumps(values, separators=spelt).encode() + end)
    body = b"".join((*events, b"data: [DONE]" + end))
    found = read(request_for("openai"), [body[at : at + size] for at in range(0, len(body), size)])
    reasons = [choice["finish_reason"] for chunk, _ in chunks for choice in chunk["choices"]]
    assert found.error is None
    assert found.ended is any(reasons)
    assert found.done is found.ended
    assert (found.usage is not None) is any(chunk.get("usage") for chunk, _ in chunks)
    if found.done and found.usage is None:
        assert found.out == body
    texts = [choice["delta"].get("content", "") for chunk, _ in chunks for choice in chunk["choices"]]
    assert found.written == "".join(texts)
