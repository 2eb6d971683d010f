"""Usage that cannot be true, and answers that nobody expects, by faults of the model providers."""

import json
import math
import unicodedata

import pytest

from .chatting import ANTHROPIC, OPENAI, PROVIDERS, arm, ask, raw, said, text_of
from .world import World


def usages(got: bytes) -> list[dict]:
    """Every usage that a raw answer reports, in its order."""
    found = []
    for line in got.splitlines():
        body = line.removeprefix(b"data: ")
        if body.startswith(b"{"):
            event = json.loads(body)
            holders = (event, event.get("message") or {})
            found += [holder["usage"] for holder in holders if holder.get("usage")]
    return found


def counts(usage: dict) -> list:
    return [
        count
        for value in usage.values()
        for count in (value.values() if isinstance(value, dict) else [value])
        if count != "standard"
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_reported_as_wrongly_as_is_asked(world: World, provider, stream):
    honest = usages((await raw(world, provider, stream=stream))[0])[-1]
    wrong = {
        "usage_zero": lambda count: count == 0 and type(count) is int,
        "usage_negative": lambda count: count < 0,
        "usage_nan": math.isnan,
        "usage_fraction": lambda count: count % 1 == 0.5,
        "usage_text": lambda count: isinstance(count, str),
        "usage_huge": lambda count: count >= 10**15,
    }
    for kind, holds in wrong.items():
        await arm(world, kind)
        reported = usages((await raw(world, provider, stream=stream))[0])
        assert reported
        assert all(holds(count) for usage in reported for count in counts(usage)), kind
    await arm(world, "usage_missing")
    assert usages((await raw(world, provider, stream=stream))[0]) == []
    await arm(world, "usage_above_hold")
    above = usages((await raw(world, provider, stream=stream))[0])[-1]
    bound = len("How do tides work?") + 32
    names = ("input_tokens", "output_tokens") if provider == "anthropic" else ("prompt_tokens", "completion_tokens")
    assert above[names[0]] > bound
    assert above[names[1]] > (4_096 if provider == "anthropic" else 128_000) > honest[names[1]]
    await arm(world, "usage_cached_above_prompt")
    cached = usages((await raw(world, provider, stream=stream))[0])[0]
    if provider == "openai":
        assert cached["prompt_tokens_details"]["cached_tokens"] > cached["prompt_tokens"]
    else:
        assert sum(cached["cache_creation"].values()) > cached["cache_creation_input_tokens"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_usage_can_come_in_the_first_or_the_last_event_alone(world: World, provider):
    honest = usages((await raw(world, provider))[0])[-1]
    name = "output_tokens" if provider == "anthropic" else "completion_tokens"
    for kind in ("usage_first_only", "usage_last_only"):
        await arm(world, kind)
        got, _ = await raw(world, provider)
        (only,) = usages(got)
        assert only[name] == honest[name]
        at, texts = got.index(b'"usage": {'), got.index(b"You asked")
        assert (at < texts) == (kind == "usage_first_only")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_answers_and_replies_stop_without_text(world: World, provider, stream):
    async def answer(kind: str, **asked):
        await arm(world, kind, **asked)
        found = await ask(world, provider, stream=stream)
        if not stream:
            reason = found.stop_reason if provider == "anthropic" else found.choices[0].finish_reason
            return found.model, text_of(found), reason
        events = [event async for event in found]
        if provider == "anthropic":
            reason = next(event.delta.stop_reason for event in events if event.type == "message_delta")
            return events[0].message.model, said(events), reason
        reason = next(event.choices[0].finish_reason for event in events[::-1] if event.choices)
        return events[0].model, said(events), reason

    assert (await answer("other_model", answers_as="claude-opus-9"))[0] == "claude-opus-9"
    assert (await answer("other_model"))[0] not in (ANTHROPIC, OPENAI)
    refused, limited = ("refusal", "max_tokens") if provider == "anthropic" else ("content_filter", "length")
    assert (await answer("refusal"))[1:] == ("", refused)
    assert (await answer("length_empty"))[1:] == ("", limited)
    assert (await answer("refusal_words"))[2] == ("refusal" if provider == "anthropic" else "stop")
    assert "\0" in (await answer("text_nul"))[1]
    assert "\ud83d" in (await answer("text_surrogates"))[1]
    scripts = (await answer("text_scripts"))[1]
    found = {unicodedata.name(letter, "").partition(" ")[0] for letter in scripts}
    assert {"CYRILLIC", "HEBREW", "ARABIC", "DEVANAGARI", "THAI", "HANGUL", "CJK", "EGYPTIAN", "COMBINING"} <= found
    assert {"\u200d", "\u202e", "\ufeff"} <= set(scripts)
    assert len((await answer("text_long_token"))[1]) > 9_000


async def test_a_very_long_word_comes_in_one_event(world: World):
    await arm(world, "text_long_token")
    events = [event async for event in await ask(world, "openai", stream=True)]
    assert max(len(said([event])) for event in events) == 20_000
