"""The connection itself: cuts, stalls, cancellation, reuse, and what may not travel over it or be left behind."""

import asyncio
import logging
from contextlib import aclosing

import pytest

from projectloom import limits
from projectloom.providers import ChatMessage, ProviderName, stream_chat

from .dialects import (
    BEGUN,
    ECHO,
    KEY,
    PROMPT,
    WHOLE,
    assert_discreet,
    both,
    call_to,
    collect,
    is_complete,
    kind,
    text_of,
)
from .scripted_server import HANG, RESET, STREAM_HEAD, ScriptedServer, Step, cut, refusal, stream

pytestmark = pytest.mark.asyncio


@both
async def test_a_clean_cut_is_no_error_and_no_completion(provider: ProviderName) -> None:
    async with ScriptedServer([stream(*BEGUN[provider])]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert error is None
    assert text_of(events) == "Hel"
    assert not is_complete(events)


@both
@pytest.mark.parametrize("end", [RESET, None], ids=["reset", "closed"])
async def test_a_connection_that_breaks_mid_reply_is_a_broken_stream(provider: ProviderName, end: Step | None) -> None:
    script: list[Step] = [*cut(*BEGUN[provider]), 0.05, *([] if end is None else [end])]
    async with ScriptedServer([script]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert text_of(events) == "Hel"
    assert kind(error) == "broken_stream"
    assert_discreet(error)


@both
async def test_a_server_that_hangs_up_without_a_word_is_unavailable(provider: ProviderName) -> None:
    async with ScriptedServer([[RESET]]) as server:
        _, error = await collect(provider, call_to(server.url))
    assert kind(error) == "unavailable"
    assert_discreet(error)


@both
async def test_nobody_listening_is_unavailable(provider: ProviderName) -> None:
    async with ScriptedServer([[RESET]]) as server:
        url = server.url
    _, error = await collect(provider, call_to(url))
    assert kind(error) == "unavailable"
    assert_discreet(error)


@both
@pytest.mark.parametrize("sent", [0, 1], ids=["before the first byte", "mid-reply"])
async def test_a_stalled_reply_times_out(provider: ProviderName, sent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROVIDER_STALL_SECONDS", 0.2)
    script = cut(*BEGUN[provider], end=HANG) if sent else [HANG]
    async with ScriptedServer([script]) as server:
        events, error = await asyncio.wait_for(collect(provider, call_to(server.url)), 5)
        await asyncio.wait_for(server.left_by_client.wait(), 5)
    assert text_of(events) == ("Hel" if sent else "")
    assert kind(error) == "timeout"
    assert_discreet(error)


@both
async def test_cancelling_the_reader_closes_the_connection(provider: ProviderName) -> None:
    async with ScriptedServer([cut(*BEGUN[provider], end=HANG)]) as server:
        arrived = asyncio.Event()

        async def read() -> None:
            async for _ in stream_chat(provider, call_to(server.url)):
                arrived.set()

        task = asyncio.create_task(read())
        await asyncio.wait_for(arrived.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.left_by_client.wait(), 5)


@both
async def test_leaving_early_closes_the_connection(provider: ProviderName) -> None:
    async with ScriptedServer([cut(*BEGUN[provider], end=HANG)]) as server:
        async with aclosing(stream_chat(provider, call_to(server.url))) as events:
            await anext(events)
        await asyncio.wait_for(server.left_by_client.wait(), 5)


@both
async def test_a_stream_that_is_never_read_asks_nothing(provider: ProviderName) -> None:
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        await stream_chat(provider, call_to(server.url)).aclose()
    assert server.asked == []


@both
async def test_a_whole_reply_leaves_its_connection_for_the_next_call(provider: ProviderName) -> None:
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        for key in ("sk-one", "sk-two", "sk-three"):
            events, _ = await collect(provider, call_to(server.url, api_key=key))
            assert is_complete(events)
    assert server.connections == 1
    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer sk-one",
        "Bearer sk-two",
        "Bearer sk-three",
    ]


@both
async def test_a_server_that_never_ends_its_body_does_not_hold_up_a_whole_reply(provider: ProviderName) -> None:
    async with ScriptedServer([cut(*WHOLE[provider], end=HANG)]) as server:
        events, error = await asyncio.wait_for(collect(provider, call_to(server.url)), 3)
        await asyncio.wait_for(server.left_by_client.wait(), 5)
    assert error is None
    assert is_complete(events)


@both
@pytest.mark.parametrize("end", [RESET, None], ids=["reset", "closed"])
async def test_what_happens_after_the_terminal_event_changes_nothing(provider: ProviderName, end: Step | None) -> None:
    # A moment for the reply to arrive: a reset also throws away what the receiver has not read yet.
    script: list[Step] = [*cut(*WHOLE[provider]), 0.05, *([] if end is None else [end])]
    async with ScriptedServer([script]) as server:
        events, error = await collect(provider, call_to(server.url))
    assert error is None
    assert is_complete(events)


@both
@pytest.mark.parametrize("key", ["", "sk-é", "sk-a\r\nx: y", "sk a", "sk-\0"], ids=ascii)
async def test_a_key_that_no_header_can_carry_is_refused_before_the_call(provider: ProviderName, key: str) -> None:
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        _, error = await collect(provider, call_to(server.url, api_key=key))
    assert kind(error) == "unauthorized"
    assert server.asked == []


@both
async def test_a_prompt_that_no_encoder_takes_is_mended_on_its_way_out(provider: ProviderName) -> None:
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        call = call_to(server.url, messages=(ChatMessage("user", "a\ud800b"),))
        _, error = await collect(provider, call)
    assert error is None
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "a\ufffdb"}]


@both
async def test_a_proxy_in_the_environment_is_not_used_for_this_machine(
    provider: ProviderName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with ScriptedServer([stream(*WHOLE[provider])]) as server:
        _, error = await collect(provider, call_to(server.url))
    assert error is None


@both
@pytest.mark.parametrize("script", ["whole", "refused", "broken"])
async def test_no_log_line_holds_a_prompt_or_a_key(
    provider: ProviderName, script: str, caplog: pytest.LogCaptureFixture
) -> None:
    steps = {
        "whole": stream(*WHOLE[provider]),
        "refused": refusal(401, {"error": {"message": ECHO}}),
        "broken": [STREAM_HEAD, RESET],
    }[script]
    with caplog.at_level(logging.DEBUG):
        async with ScriptedServer([steps]) as server:
            await collect(provider, call_to(server.url))
    assert PROMPT not in caplog.text
    assert KEY not in caplog.text


async def test_the_repr_of_a_call_shows_neither_key_nor_prompt() -> None:
    shown = repr(call_to("http://localhost"))
    assert KEY not in shown
    assert PROMPT not in shown
    assert PROMPT not in repr(call_to("http://localhost").messages)
