"""What a client asks of the Anthropic stand-in: checked as Anthropic checks it, then seen as segments of a prompt.

Trouble is an :class:`AnthropicFault` (https://docs.anthropic.com/en/api/errors).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from projectloom.sandbox.bodies import as_list, as_object
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.tokenizer import MESSAGE_OVERHEAD_TOKENS, REQUEST_OVERHEAD_TOKENS, count_tokens

MAX_OUTPUT_TOKENS = 128_000
MAX_MESSAGES = 100_000
MAX_BREAKPOINTS = 4
MIN_CACHEABLE_TOKENS = 1_024
LIFETIMES = {"5m": 300.0, "1h": 3_600.0}


class AnthropicFault(Exception):
    """An answer with Anthropic's error object instead of a message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


@dataclass(frozen=True, slots=True)
class Segment:
    """One block of the prompt, in the order the model reads them."""

    text: str
    tokens: int
    cache_lifetime: str | None
    """``"5m"`` or ``"1h"`` where the block ends a prefix that is to be cached."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request that can be answered."""

    model: str
    max_tokens: int
    stream: bool
    system: str
    question: str
    """The text of the last user message."""
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class InputTokens:
    """The prompt's tokens in Anthropic's exclusive pools."""

    fresh: int
    cache_read: int
    written_5m: int
    written_1h: int

    def as_usage(self) -> dict[str, Any]:
        """The input half of a ``usage`` object."""
        return {
            "input_tokens": self.fresh,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


def read_prompt(body: dict[str, Any]) -> Prompt:
    """Check a request body. Raises :class:`AnthropicFault` with the field that is wrong."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _bad("model: Field required" if model is None else "model: Input should be a valid string")
    if not model.startswith("claude-"):
        raise AnthropicFault(404, "not_found_error", f"model: {model[:100]}")
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise _bad("stream: Input should be a valid boolean")
    system = _segments(body.get("system"), "system", overhead=0) if body.get("system") is not None else []
    messages = _messages(body.get("messages"))
    segments = system + [segment for _, found in messages for segment in found]
    if (lifetime := _cache_lifetime(body, "request")) is not None:
        segments[-1] = Segment(segments[-1].text, segments[-1].tokens, lifetime)
    if sum(segment.cache_lifetime is not None for segment in segments) > MAX_BREAKPOINTS:
        raise _bad(f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided.")
    asked = [found for role, found in messages if role == "user"]
    return Prompt(
        model=model,
        max_tokens=_max_tokens(body.get("max_tokens"), model),
        stream=stream,
        system="\n".join(segment.text for segment in system),
        question="\n".join(segment.text for segment in asked[-1]) if asked else "",
        segments=tuple(segments),
    )


def count_input(prompt: Prompt, cache: PromptCache, *, key: str) -> InputTokens:
    """The prompt's tokens by pool, and the cache as it is after reading it.

    The longest warm prefix is read; what lies between it and each later breakpoint is written there, unless the prefix
    is shorter than the least that Anthropic caches.
    """
    total = REQUEST_OVERHEAD_TOKENS
    digest = hashlib.sha256(f"{key}\0{prompt.model}".encode("utf-8", "replace"))
    last = max((index for index, segment in enumerate(prompt.segments) if segment.cache_lifetime), default=-1)
    prefixes: list[tuple[int, bytes, str | None]] = []
    for index, segment in enumerate(prompt.segments):
        total += segment.tokens
        digest.update(segment.text.encode("utf-8", "replace") + b"\0")
        if index <= last and total >= MIN_CACHEABLE_TOKENS:
            prefixes.append((total, digest.digest(), segment.cache_lifetime))
    read = next((tokens for tokens, mark, _ in reversed(prefixes) if cache.read(mark)), 0)
    written, reached = {"5m": 0, "1h": 0}, read
    for tokens, mark, lifetime in prefixes:
        if tokens > read and lifetime is not None:
            cache.write(mark, LIFETIMES[lifetime])
            written[lifetime] += tokens - reached
            reached = tokens
    return InputTokens(total - reached, read, written["5m"], written["1h"])


def _bad(message: str) -> AnthropicFault:
    return AnthropicFault(400, "invalid_request_error", message)


def _max_tokens(value: object, model: str) -> int:
    if value is None:
        raise _bad("max_tokens: Field required")
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad("max_tokens: Input should be a valid integer")
    if value < 1:
        raise _bad("max_tokens: must be greater than or equal to 1")
    if value > MAX_OUTPUT_TOKENS:
        raise _bad(
            f"max_tokens: {value} > {MAX_OUTPUT_TOKENS}, which is the maximum allowed number of output tokens for "
            f"{model[:100]}"
        )
    return value


def _messages(value: object) -> list[tuple[str, list[Segment]]]:
    given = as_list(value)
    if given is None:
        raise _bad("messages: Field required" if value is None else "messages: Input should be a valid list")
    if not given:
        raise _bad("messages: at least one message is required")
    if len(given) > MAX_MESSAGES:
        raise _bad(f"messages: at most {MAX_MESSAGES} messages are allowed")
    found: list[tuple[str, list[Segment]]] = []
    for index, item in enumerate(given):
        at = f"messages.{index}"
        message = as_object(item)
        if message is None:
            raise _bad(f"{at}: Input should be an object")
        if message.get("role") not in ("user", "assistant", "system"):
            raise _bad(f"{at}.role: Input should be 'user', 'assistant' or 'system'")
        found.append((message["role"], _segments(message.get("content"), f"{at}.content", MESSAGE_OVERHEAD_TOKENS)))
    return found


def _segments(content: object, at: str, overhead: int) -> list[Segment]:
    """Text, or blocks of text. The overhead of a message is counted with its first block."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
    if not blocks:
        raise _bad(f"{at}: Input should be a valid string or a non-empty list of blocks")
    segments: list[Segment] = []
    for index, item in enumerate(blocks):
        block = as_object(item)
        if block is None or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise _bad(f"{at}.{index}: the sandbox reads blocks of type 'text' with a text")
        if not block["text"]:
            raise _bad("messages: text content blocks must be non-empty")
        tokens = count_tokens(block["text"]) + (0 if segments else overhead)
        segments.append(Segment(block["text"], tokens, _cache_lifetime(block, f"{at}.{index}")))
    return segments


def _cache_lifetime(block: dict[str, Any], at: str) -> str | None:
    if block.get("cache_control") is None:
        return None
    control = as_object(block["cache_control"])
    if control is None or control.get("type") != "ephemeral":
        raise _bad(f"{at}.cache_control: Input should be an object of type 'ephemeral'")
    lifetime = control.get("ttl", "5m")
    if lifetime not in LIFETIMES:
        raise _bad(f"{at}.cache_control.ttl: Input should be '5m' or '1h', not {json.dumps(lifetime)[:40]}")
    return lifetime
