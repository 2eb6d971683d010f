"""FAULTS through these doors: who leaves pays for what came, and odd answers are charged once."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.api.v1.programs import CLAUDE, GPT, HI, LONG, Program, events

Make = Callable[..., Program]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": GPT, "messages": LONG, "max_tokens": 2_000, "stream": True},
    "/v1/messages": {"model": CLAUDE, "messages": LONG, "max_tokens": 2_000, "stream": True},
}
# What depends on no engine.
ONCE = pytest.mark.parametrize("server", ["sqlite"], indirect=True, scope="module")
PATHS = pytest.mark.parametrize("path", BODIES)


@PATHS
def test_who_leaves_before_the_first_byte_ends_the_call_and_pays_nothing(program: Make, path: str) -> None:
    one = program()
    one.arm("slow_first_byte", seconds=20)
    with pytest.raises(httpx.ReadTimeout):
        one.http.post(path, json=BODIES[path], timeout=0.4)
    one.released()
    assert (one.balance, one.receipts()) == (one.begun, [])


@PATHS
def test_who_leaves_in_mid_stream_ends_the_call_and_pays_for_what_came(program: Make, path: str) -> None:
    one = program()
    one.arm("stall", after_tokens=40, seconds=20)
    with one.http.stream("POST", path, json=BODIES[path]) as answer:
        seen = b""
        for piece in answer.iter_raw():
            seen += piece
            # Some events in, and before the stall is over.
            if seen.count(b"\n\n") > 8:
                break
    [receipt] = one.settled(1)
    assert (receipt["completion"], receipt["estimated"]) == ("stopped", True)
    assert Decimal(0) < Decimal(receipt["chargedUsd"]) < Decimal(receipt["heldUsd"]) / 2


@PATHS
def test_who_leaves_after_the_last_word_pays_the_exact_count(program: Make, path: str) -> None:
    one = program()
    with one.http.stream("POST", path, json=BODIES[path] | {"messages": HI}) as answer:
        assert sum(len(piece) for piece in answer.iter_raw())
    [receipt] = one.settled(1)
    assert (receipt["completion"], receipt["estimated"]) == ("complete", False)


@PATHS
def test_who_does_not_wait_for_an_answer_in_one_piece_pays_for_it(program: Make, path: str) -> None:
    one = program()
    one.arm("slow_first_byte", seconds=0.8)
    with pytest.raises(httpx.ReadTimeout):
        one.http.post(path, json=BODIES[path] | {"messages": HI, "stream": False}, timeout=0.3)
    [receipt] = one.settled(1)
    assert (receipt["completion"], receipt["estimated"]) == ("complete", False)


@ONCE
@PATHS
@pytest.mark.parametrize(
    ("kind", "estimated"),
    [
        ("usage_missing", True),
        ("usage_negative", True),
        ("usage_nan", True),
        ("usage_huge", True),
        ("usage_text", True),
        ("crlf", False),
        ("comments", False),
        ("unknown_events", False),
        ("split_characters", False),
        ("terminal_twice", False),
        ("after_terminal", False),
        ("other_model", False),
    ],
)
def test_odd_streams_are_relayed_to_their_end_and_charged_once(
    ada: Program, path: str, kind: str, *, estimated: bool
) -> None:
    number = len(ada.receipts())
    ada.arm(kind)
    text = ada.http.post(path, json=BODIES[path] | {"messages": HI}).text
    assert '"error"' not in text
    assert "[DONE]" in text or "message_stop" in text
    receipt = ada.settled(number + 1)[0]
    assert (receipt["completion"], receipt["estimated"]) == ("complete", estimated)
    assert Decimal(receipt["chargedUsd"]) > 0


@PATHS
@pytest.mark.parametrize("stream", [False, True])
def test_usage_above_the_hold_is_the_houses_loss(ada: Program, path: str, *, stream: bool) -> None:
    number = len(ada.receipts())
    ada.arm("usage_above_hold")
    answer = ada.http.post(path, json=BODIES[path] | {"messages": HI, "stream": stream, "max_tokens": 300})
    receipt = ada.settled(number + 1)[0]
    assert receipt["chargedUsd"] == receipt["heldUsd"]
    if not stream:
        assert answer.headers["x-loom-cost"] == receipt["chargedUsd"]


@ONCE
@PATHS
def test_an_event_that_cannot_be_read_reaches_the_client_and_the_rest_with_it(ada: Program, path: str) -> None:
    number = len(ada.receipts())
    ada.arm("bad_json", after_tokens=3)
    data = events(ada.http.post(path, json=BODIES[path] | {"messages": HI}).text.split("\n"))
    unread = 0
    for one in data[: -1 if data[-1] == "[DONE]" else None]:
        try:
            json.loads(one)
        except ValueError:
            unread += 1
    assert unread == 1
    assert ada.settled(number + 1)[0]["estimated"] is False


def test_a_key_that_is_revoked_in_mid_stream_ends_nothing_that_had_begun_and_opens_nothing_new(program: Make) -> None:
    one = program()
    body = BODIES["/v1/chat/completions"] | {"messages": HI}
    one.arm("stall", after_tokens=2, seconds=0.5)
    with one.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        one.person.delete(f"/api/keys/{one.key_id}").raise_for_status()
        assert events(answer.iter_lines())[-1] == "[DONE]"
    assert one.http.post("/v1/chat/completions", json=body).status_code == 401
    assert one.settled(1)[0]["completion"] == "complete"
