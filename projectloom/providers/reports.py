"""What a provider says that a call used, made into exclusive pools: one reading for streams and for whole answers.

Anthropic's ``input_tokens`` excludes the cache pools (https://platform.claude.com/docs/en/api/messages). OpenAI's
``prompt_tokens`` includes cached tokens and its ``completion_tokens`` the reasoning
(https://platform.openai.com/docs/api-reference/chat/object). A report that cannot be true is no report; one that can,
but contradicts itself, is read and flagged.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from projectloom.providers.base import ProviderName, UsageSeen
from projectloom.tokens import Usage

# More tokens than any model takes or makes, and more searches than a reply can wait for. What is above them is an error
# of the provider's, not a count.
MAX_CREDIBLE_TOKENS = 1_000_000_000
MAX_CREDIBLE_SEARCHES = 10_000

_Object = Mapping[str, Any]


class _Untrue(Exception):
    """A count is there, or has to be, and cannot be true."""


class RunningUsage:
    """The reports of one stream in their turn: each is the total so far and replaces the one before."""

    def __init__(self) -> None:
        self._last: Usage | None = None

    def take(self, usage: Usage | None, *, spoke: bool, final: bool) -> list[UsageSeen]:
        """What this report tells: nothing when there is none, or when it denies the text that has come (``spoke``)."""
        if usage is None or (spoke and not usage.output_tokens):
            return []
        before = self._last
        if before is not None and (before.flagged or _fell(before, usage)):
            usage = replace(usage, flagged=True)
        self._last = usage
        return [UsageSeen(usage, final=final)]


def usage_of_response(provider: ProviderName, body: _Object) -> Usage | None:
    """The usage of a whole answer: an Anthropic message, an OpenAI chat completion or an OpenAI list of embeddings.

    None when it reports nothing that can be true, such as text without output.
    """
    if provider == "anthropic":
        usage, texts = anthropic_usage(body.get("usage")), _objects(body, "content")
    elif body.get("object") == "list":
        return openai_usage({"completion_tokens": 0, **_group(body, "usage")})
    else:
        usage = openai_usage(body.get("usage"))
        texts = (_group(choice, "message") for choice in _objects(body, "choices"))
    if usage is None or usage.output_tokens:
        return usage
    spoke = any(part.get(name) for part in texts for name in ("text", "content", "refusal"))
    return None if spoke else usage


def anthropic_usage(raw: object) -> Usage | None:
    """The pools of Anthropic's ``usage``; None when it cannot be true, as no call has an empty prompt."""
    report = _mapping(raw)
    try:
        plain, output = _required(report, "input_tokens"), _required(report, "output_tokens")
        read = _optional(report, "cache_read_input_tokens")
        split = _group(report, "cache_creation")
        for_5m = _optional(split, "ephemeral_5m_input_tokens")
        for_1h = _optional(split, "ephemeral_1h_input_tokens")
        written = _optional(report, "cache_creation_input_tokens", otherwise=for_5m + for_1h)
        uses = _group(report, "server_tool_use")
        searches = _optional(uses, "web_search_requests", most=MAX_CREDIBLE_SEARCHES)
    except _Untrue:
        return None
    reasoning, doubtful = _part_of(output, _group(report, "output_tokens_details").get("thinking_tokens"))
    usage = Usage(
        input_tokens=plain,
        cache_read_tokens=read,
        # What the total has beyond the split, all of it where there is no split, was written for five minutes.
        cache_write_5m_tokens=max(for_5m, written - for_1h),
        cache_write_1h_tokens=for_1h,
        output_tokens=output,
        reasoning_tokens=reasoning,
        web_searches=searches,
        flagged=doubtful or (bool(split) and written != for_5m + for_1h),
    )
    return usage if usage.total_input_tokens else None


def openai_usage(raw: object) -> Usage | None:
    """The pools of OpenAI's ``usage``, summing to its totals; None when it cannot be true."""
    report = _mapping(raw)
    details = _group(report, "prompt_tokens_details")
    try:
        prompt, output = _required(report, "prompt_tokens"), _required(report, "completion_tokens")
        cached = _optional(details, "cached_tokens")
        written = _optional(details, "cache_write_tokens")
    except _Untrue:
        return None
    if not prompt or cached > prompt:
        return None
    # Writes are reported "unadjusted": where they overlap with the cached tokens, the prompt's total decides.
    written = min(written, prompt - cached)
    reasoning, doubtful = _part_of(output, _group(report, "completion_tokens_details").get("reasoning_tokens"))
    total = report.get("total_tokens")
    return Usage(
        input_tokens=prompt - cached - written,
        cache_read_tokens=cached,
        cache_write_5m_tokens=written,
        output_tokens=output,
        reasoning_tokens=reasoning,
        flagged=doubtful or (total is not None and credible_count(total) != prompt + output),
    )


def credible_count(value: object, *, most: int = MAX_CREDIBLE_TOKENS) -> int | None:
    """A reported number, or None when it is no such number: missing, negative, NaN, text, absurd."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        # JSON has one kind of number, and some compatible servers write whole ones as 12.0.
        value = int(value)
    if type(value) is not int or not 0 <= value <= most:
        return None
    return value


def _fell(before: Usage, now: Usage) -> bool:
    return (
        now.total_input_tokens < before.total_input_tokens
        or now.output_tokens < before.output_tokens
        or now.web_searches < before.web_searches
    )


def _part_of(whole: int, value: object) -> tuple[int, bool]:
    """A count that is part of another and charged with it, cut to fit; and whether it had to be."""
    part = 0 if value is None else credible_count(value)
    return min(part or 0, whole), part is None or part > whole


def _required(report: _Object, name: str) -> int:
    count = credible_count(report.get(name))
    if count is None:
        raise _Untrue
    return count


def _optional(report: _Object, name: str, *, otherwise: int = 0, most: int = MAX_CREDIBLE_TOKENS) -> int:
    value = report.get(name)
    if value is None:
        return otherwise
    count = credible_count(value, most=most)
    if count is None:
        raise _Untrue
    return count


def _mapping(value: object) -> _Object:
    return cast("_Object", value) if isinstance(value, dict) else {}


def _group(report: _Object, name: str) -> _Object:
    return _mapping(report.get(name))


def _objects(body: _Object, name: str) -> Iterator[_Object]:
    value = body.get(name)
    return (_mapping(entry) for entry in cast("list[object]", value)) if isinstance(value, list) else iter(())
