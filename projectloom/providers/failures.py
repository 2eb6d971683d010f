"""Every way a provider can fail, as one error with a kind and words for people.

The provider's own words never come along: error bodies echo prompts and keys. For the same reason callers raise what
these functions return outside of the ``except`` block, so that the SDK's error is not chained to ours.
"""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, cast

import httpx2
import openai

from projectloom import clock
from projectloom.errors import KeyRefused, ProviderError
from projectloom.providers.base import ProviderName
from projectloom.providers.sdks import anthropic_errors

Kind = Literal[
    "unauthorized", "rate_limited", "overloaded", "bad_request", "timeout", "unavailable", "broken_stream", "blocked"
]

NAMES: dict[ProviderName, str] = {"anthropic": "Anthropic", "openai": "OpenAI"}

# A provider that asks for more than a day of patience is not waited for anyway.
MAX_RETRY_AFTER_SECONDS = 86_400

_OUTSIDE_ERRORS = (openai.OpenAIError, httpx2.HTTPError, TimeoutError, OSError)

_MESSAGES: dict[Kind, str] = {
    "unauthorized": "{name} did not accept the API key.",
    "rate_limited": "{name} is getting too many requests from this API key. Please wait a moment and try again.",
    "overloaded": "{name} is overloaded right now. Please try again in a moment.",
    "bad_request": "{name} could not use this request. Try another model or a shorter conversation.",
    "timeout": "{name} took too long to answer. Please try again.",
    "unavailable": "{name} cannot be reached right now. Please try again in a moment.",
    "broken_stream": "The reply from {name} broke off. Please try again.",
    "blocked": "{name} declined this request because of its content rules.",
}
_OUT_OF_FUNDS = "{name} says that the account behind the API key has no funds left."
_REDIRECTED = "The address set for {name} sends requests elsewhere, which is not followed. It needs to be corrected."

_RETRYABLE: frozenset[Kind] = frozenset({"rate_limited", "overloaded", "timeout", "unavailable", "broken_stream"})

_STATUS_KINDS: dict[int, Kind] = {
    401: "unauthorized",
    402: "unauthorized",
    403: "unauthorized",
    408: "timeout",
    409: "unavailable",
    425: "unavailable",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

# Anthropic's error types (https://platform.claude.com/docs/en/api/errors) and OpenAI's error codes and types
# (https://platform.openai.com/docs/guides/error-codes), where they say more than the status does.
_WORD_KINDS: dict[str, Kind] = {
    "authentication_error": "unauthorized",
    "permission_error": "unauthorized",
    "billing_error": "unauthorized",
    "invalid_api_key": "unauthorized",
    "insufficient_quota": "unauthorized",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "overloaded_error": "overloaded",
    "server_overloaded": "overloaded",
    "timeout_error": "timeout",
    "invalid_request_error": "bad_request",
    "not_found_error": "bad_request",
    "request_too_large": "bad_request",
    "context_length_exceeded": "bad_request",
    "content_filter": "blocked",
    "content_policy_violation": "blocked",
    "api_error": "unavailable",
    "server_error": "unavailable",
}
_FUNDS_WORDS = frozenset({"billing_error", "insufficient_quota"})
# With these the words are more exact than the status; elsewhere a status is what the SDKs go by, too.
_STATUSES_REFINED_BY_WORDS = frozenset({400, 402, 403, 429})


def outside_errors() -> tuple[type[Exception], ...]:
    """All that a call or its body may raise when things go wrong outside of this process."""
    return (*_OUTSIDE_ERRORS, *anthropic_errors("AnthropicError"))


def from_exception(provider: ProviderName, error: BaseException, *, mid_stream: bool) -> ProviderError:
    """The failure behind one of :func:`outside_errors`. ``mid_stream``: the reply had begun."""
    if isinstance(error, (openai.APIStatusError, *anthropic_errors("APIStatusError"))):
        told = cast("openai.APIStatusError", error)
        return from_status(provider, told.status_code, told.response.headers, told.body)
    timeouts = (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError, *anthropic_errors("APITimeoutError"))
    if isinstance(error, timeouts):
        return failure(provider, "timeout")
    return failure(provider, "broken_stream" if mid_stream else "unavailable")


def from_error_event(provider: ProviderName, body: object) -> ProviderError:
    """The failure that the provider announced inside a stream that had begun with status 200."""
    words = _words(body)
    return failure(provider, _kind_of(words, "broken_stream"), out_of_funds=not _FUNDS_WORDS.isdisjoint(words))


def failure(
    provider: ProviderName,
    kind: Kind,
    *,
    status: int | None = None,
    retry_after: int | None = None,
    out_of_funds: bool = False,
    redirected: bool = False,
) -> ProviderError:
    """A :class:`ProviderError` with its kind, whether trying again can help, and a message for people."""
    template = _OUT_OF_FUNDS if out_of_funds else _REDIRECTED if redirected else _MESSAGES[kind]
    return (KeyRefused if kind == "unauthorized" else ProviderError)(
        template.format(name=NAMES[provider]),
        kind=kind,
        provider=provider,
        retryable=kind in _RETRYABLE and not redirected,
        status=status,
        retry_after=retry_after,
    )


def require_sendable_key(provider: ProviderName, api_key: str) -> None:
    """Refuse a key that no header can carry: the error it would raise further down quotes it."""
    if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise failure(provider, "unauthorized")


def from_status(provider: ProviderName, status: int, headers: Mapping[str, str], body: object) -> ProviderError:
    """The failure behind an error status. ``body`` is the answer's, decoded; of its words only the known ones count."""
    words = _words(body)
    kind = _STATUS_KINDS.get(status, "bad_request" if 400 <= status < 500 else "unavailable")
    if status in _STATUSES_REFINED_BY_WORDS:
        kind = _kind_of(words, kind)
    return failure(
        provider,
        kind,
        status=status,
        retry_after=_retry_after(headers),
        out_of_funds=status == 402 or not _FUNDS_WORDS.isdisjoint(words),
        redirected=300 <= status < 400,
    )


def _kind_of(words: list[str], otherwise: Kind) -> Kind:
    for word in words:
        if word in _WORD_KINDS:
            return _WORD_KINDS[word]
    return otherwise


def _words(body: object) -> list[str]:
    """The code and type of an error body, most telling first. OpenAI's SDK hands over the inner object only."""
    if not isinstance(body, Mapping):
        return []
    outer = cast("Mapping[str, Any]", body)
    inner = outer.get("error")
    entry = cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else outer
    return [word for word in (entry.get("code"), entry.get("type")) if isinstance(word, str)]


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Whole seconds to wait, rounded up, from ``Retry-After`` in either of its forms (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - clock.now()).total_seconds()
        except (ValueError, TypeError):
            # Neither a number nor a date, or a date without a zone.
            return None
    if not math.isfinite(seconds) or seconds > MAX_RETRY_AFTER_SECONDS:
        return None
    return max(0, math.ceil(seconds))
