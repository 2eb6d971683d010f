"""Faults of the model providers, met by the official SDKs."""

import json
import os
import time
from collections import Counter

import anthropic
import httpx
import openai
import pytest

from projectloom.sandbox.tokenizer import count_tokens

from .chatting import BROKEN, PROVIDERS, arm, ask, gather, raw, said, said_raw, text_of
from .world import World

ERRORS = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("authentication_error", "invalid_request_error"),
    403: ("permission_error", "invalid_request_error"),
    404: ("not_found_error", "invalid_request_error"),
    429: ("rate_limit_error", "requests"),
    500: ("api_error", "server_error"),
    503: ("api_error", "server_error"),
    529: ("overloaded_error", "server_error"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_status_comes_in_the_providers_own_envelope_streamed_or_not(world: World, provider):
    sdk = anthropic if provider == "anthropic" else openai
    for status, kinds in ERRORS.items():
        await arm(world, "status", provider=provider, status=status, times=2)
        for stream in (False, True):
            with pytest.raises(sdk.APIStatusError) as refused:
                await ask(world, provider, stream=stream)
            assert refused.value.status_code == status
            assert "retry-after" not in refused.value.response.headers
            body = refused.value.response.json()
            assert body["error"]["type"] == kinds[PROVIDERS.index(provider)]
            assert set(body) == ({"type", "error", "request_id"} if provider == "anthropic" else {"error"})
    assert text_of(await ask(world, provider))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_rate_limit_says_when_to_come_again_and_a_quota_says_so(world: World, provider):
    sdk = anthropic if provider == "anthropic" else openai
    await arm(world, "status", status=429, retry_after=7, code="insufficient_quota")
    with pytest.raises(sdk.RateLimitError) as refused:
        await ask(world, provider)
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.response.json()["error"]["type"] == "insufficient_quota"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
async def test_no_answer_is_a_connection_that_closes_and_other_bodies_are_no_answer(world: World, provider, stream):
    await arm(world, "no_answer", seconds=0.05)
    got, broken = await raw(world, provider, stream=stream)
    assert (got, type(broken)) == (b"", httpx.RemoteProtocolError)
    assert "without sending a response" in str(broken)
    await arm(world, "html_502")
    sdk = anthropic if provider == "anthropic" else openai
    with pytest.raises(sdk.APIStatusError) as refused:
        await ask(world, provider, stream=stream)
    assert (refused.value.status_code, refused.value.response.headers["content-type"][:9]) == (502, "text/html")
    await arm(world, "not_json")
    got, _ = await raw(world, provider, stream=stream)
    with pytest.raises(ValueError):
        json.loads(got)


async def test_looking_for_a_connection_leaves_no_file_open(world: World):
    counts: list[int] = []
    for _ in range(4):
        await arm(world, "no_answer")
        await raw(world, "openai", stream=False)
        counts.append(len(os.listdir("/dev/fd")))  # noqa: PTH208 - no folder, but a list of numbers
    # Each look would have doubled them; a few more are the clients' own.
    assert counts[-1] < counts[0] + 20


@pytest.mark.alone
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_waits_are_as_long_as_is_asked(world: World, provider):
    for kind, stream in (("slow_first_byte", False), ("slow_first_byte", True), ("stall", False), ("stall", True)):
        await arm(world, kind, seconds=0.4)
        began = time.monotonic()
        await raw(world, provider, stream=stream)
        assert 0.4 <= time.monotonic() - began < 2
    await arm(world, "drip", seconds=0.02)
    got, _ = await raw(world, provider, text="Hi")
    began = time.monotonic()
    pieces = Counter(got.split())[b'"text_delta",'] if provider == "anthropic" else got.count(b'"content": "') - 1
    assert pieces == count_tokens(said_raw(got))
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_cut_is_clean_and_comes_after_so_many_tokens_without_the_last_events(world: World, provider):
    whole = said_raw((await raw(world, provider))[0])
    for tokens in (0, 1, 10, 50, 1_000_000):
        await arm(world, "cut", after_tokens=tokens)
        got, broken = await raw(world, provider)
        assert broken is None
        text = said_raw(got)
        assert count_tokens(text) == min(tokens, count_tokens(whole))
        assert whole.startswith(text)
        for mark in (b"message_stop", b"message_delta", b"[DONE]", b"prompt_tokens"):
            assert mark not in got
    await arm(world, "cut")
    with pytest.raises(ValueError):
        json.loads((await raw(world, provider, stream=False))[0])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_cut_stream_raises_nothing_in_the_sdk_and_a_reset_one_does(world: World, provider):
    await arm(world, "cut")
    events = [event async for event in await ask(world, provider, stream=True)]
    assert count_tokens(said(events)) == 10
    await arm(world, "reset", times=2)
    events = []
    with pytest.raises(BROKEN):
        await gather(await ask(world, provider, stream=True), events)
    assert count_tokens(said(events)) == 10
    with pytest.raises(BROKEN):
        await ask(world, provider)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_reset_is_a_reset_and_bytes_are_counted_where_they_are_asked_for(world: World, provider):
    for kind in ("reset", "cut", "stall"):
        await arm(world, kind, after_bytes=777, seconds=0)
        got, broken = await raw(world, provider)
        assert (len(got) == 777) == (kind != "stall")
        # A reset is a ReadError; a connection that is only closed would be a RemoteProtocolError.
        assert type(broken) is (httpx.ReadError if kind == "reset" else type(None))
    await arm(world, "reset")
    got, broken = await raw(world, provider, stream=False)
    assert (type(broken), got[:1]) == (httpx.ReadError, b"{")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_error_event_comes_after_tokens_and_ends_the_stream(world: World, provider):
    sdk = anthropic if provider == "anthropic" else openai
    await arm(world, "error_event", after_tokens=5, times=2)
    events = []
    with pytest.raises(sdk.APIError) as failed:
        await gather(await ask(world, provider, stream=True), events)
    assert count_tokens(said(events)) == 5
    assert "overloaded_error" in str(failed.value.body) or failed.value.body["type"] == "server_error"
    with pytest.raises(sdk.APIStatusError) as refused:
        await ask(world, provider)
    assert refused.value.status_code == 529


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_well_formed_says_all_of_the_reply_through_the_sdk(world: World, provider):
    plain = said([event async for event in await ask(world, provider, stream=True)])
    for kind in ("unknown_events", "comments", "crlf", "split_characters", "slow_first_byte", "stall", "drip"):
        await arm(world, kind, seconds=0.001)
        events = [event async for event in await ask(world, provider, stream=True)]
        assert said(events) == plain
        ended = events[-1]
        assert ended.type == "message_stop" if provider == "anthropic" else ended.usage.completion_tokens > 0


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_odd_events_look_as_they_are_called(world: World, provider):
    def terminals(got: bytes) -> int:
        return got.count(b"event: message_stop") + got.count(b"[DONE]")

    seen = {}
    kinds = ("crlf", "comments", "split_characters", "bad_json", "unknown_events", "terminal_missing")
    for kind in (*kinds, "terminal_twice", "after_terminal"):
        await arm(world, kind)
        seen[kind], broken = await raw(world, provider)
        assert broken is None
    assert b"\n" not in seen["crlf"].replace(b"\r\n", b"")
    assert b"\n: a comment\n" in seen["comments"]
    assert "“".encode() in seen["split_characters"]
    assert b"shuttle" in seen["unknown_events"]
    wrong = 0
    for line in seen["bad_json"].splitlines():
        if line.startswith(b"data: {"):
            try:
                json.loads(line.removeprefix(b"data: "))
            except ValueError:
                wrong += 1
    assert wrong == 1
    missing = seen["terminal_missing"]
    assert terminals(missing) == 0
    assert b'"stop_reason": "end_turn"' in missing or b'"prompt_tokens"' in missing
    assert terminals(seen["terminal_twice"]) == 2
    assert seen["after_terminal"].index(b"too late") > seen["after_terminal"].rindex(
        b"event: message_stop" if provider == "anthropic" else b"[DONE]"
    )
