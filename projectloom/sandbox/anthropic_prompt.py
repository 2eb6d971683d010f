"""What a client asks of the Anthropic stand-in: checked as Anthropic checks it, then seen as segments of a prompt.

Trouble is an :class:`AnthropicFault` (https://docs.anthropic.com/en/api/errors).
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from projectloom.sandbox.anthropic_content import (
    LIFETIMES,
    AnthropicFault,
    Segment,
    bad,
    cache_lifetime,
    read_messages,
    read_system,
    read_tools,
)
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.tokenizer import REQUEST_OVERHEAD_TOKENS
from projectloom.sandbox.tool_calls import Choice, Tool, Turn

MAX_OUTPUT_TOKENS = 128_000
MAX_BREAKPOINTS = 4
MIN_CACHEABLE_TOKENS = 1_024


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request that can be answered."""

    model: str
    max_tokens: int
    stream: bool
    system: str
    turn: Turn
    tools: tuple[Tool, ...]
    choice: Choice
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """All that the model reads."""
        return "\n".join(segment.text for segment in self.segments)


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
        raise bad("model: Field required" if model is None else "model: Input should be a valid string")
    if not model.startswith("claude-"):
        raise AnthropicFault(404, "not_found_error", f"model: {model[:100]}")
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise bad("stream: Input should be a valid boolean")
    tools, choice, offered = read_tools(body)
    system = read_system(body.get("system"), model)
    spoken, turn = read_messages(body.get("messages"), model)
    # The model reads the tools first, then the system prompt, then the messages; caches follow that order.
    segments = [*offered, *system, *spoken]
    if (lifetime := cache_lifetime(body, "request")) is not None:
        segments[-1] = replace(segments[-1], cache_lifetime=lifetime)
    if sum(segment.cache_lifetime is not None for segment in segments) > MAX_BREAKPOINTS:
        raise bad(f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided.")
    return Prompt(
        model=model,
        max_tokens=_max_tokens(body.get("max_tokens"), model),
        stream=stream,
        system="\n".join(segment.text for segment in system),
        turn=turn,
        tools=tuple(tools),
        choice=choice,
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


def _max_tokens(value: object, model: str) -> int:
    if value is None:
        raise bad("max_tokens: Field required")
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad("max_tokens: Input should be a valid integer")
    if value < 1:
        raise bad("max_tokens: must be greater than or equal to 1")
    if value > MAX_OUTPUT_TOKENS:
        raise bad(
            f"max_tokens: {value} > {MAX_OUTPUT_TOKENS}, which is the maximum allowed number of output tokens for "
            f"{model[:100]}"
        )
    return value
