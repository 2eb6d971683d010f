"""What a client asks of the OpenAI stand-in's chat, checked as OpenAI checks it.

Trouble is an :class:`OpenAIFault` (https://platform.openai.com/docs/guides/error-codes).
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from projectloom.sandbox.bodies import as_object
from projectloom.sandbox.openai_content import OpenAIFault, read_messages, read_tools
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.tokenizer import BYTES_PER_TOKEN, REQUEST_OVERHEAD_TOKENS
from projectloom.sandbox.tool_calls import Choice, Tool, Turn

CHAT_MODEL_PREFIXES = ("gpt-", "chatgpt-", "o1", "o3", "o4")
MAX_OUTPUT_TOKENS = 128_000
MIN_CACHED_TOKENS = 1_024
CACHE_STEP_TOKENS = 128
CACHE_SECONDS = 300.0
MAX_COPIES = 128

_ASKED = b"\0" * (REQUEST_OVERHEAD_TOKENS * BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request that can be answered."""

    model: str
    max_tokens: int
    copies: int
    """How many answers are asked for at once."""
    stream: bool
    include_usage: bool
    system: str
    turn: Turn
    tools: tuple[Tool, ...]
    choice: Choice
    text: str
    """All that is said in it."""
    encoded: bytes
    """The whole prompt as the model reads it: four bytes a token, overheads included."""

    @property
    def tokens(self) -> int:
        """All input tokens, cached ones too."""
        return len(self.encoded) // BYTES_PER_TOKEN


def unknown_model(model: str) -> OpenAIFault:
    """The answer to a model that is not there."""
    message = f"The model `{model[:100]}` does not exist or you do not have access to it."
    return OpenAIFault(message, status=404, param="model", code="model_not_found")


def read_model(body: dict[str, Any]) -> str:
    """The model asked for, as text."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise OpenAIFault("you must provide a model parameter", param="model")
    return model


def read_prompt(body: dict[str, Any]) -> Prompt:
    """Check a request body. Raises :class:`OpenAIFault` with the parameter that is wrong."""
    model = read_model(body)
    if not model.startswith(CHAT_MODEL_PREFIXES):
        raise unknown_model(model)
    stream = _flag(body, "stream", "stream")
    options = as_object(body.get("stream_options"))
    if body.get("stream_options") is not None and (not stream or options is None):
        raise OpenAIFault(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    messages, turn = read_messages(body.get("messages"), model)
    tools, choice, offered = read_tools(body)
    return Prompt(
        model=model,
        max_tokens=_max_tokens(body),
        copies=_copies(body),
        stream=stream,
        include_usage=_flag(options or {}, "include_usage", "stream_options.include_usage"),
        system="\n".join(message.text for message in messages if message.role in ("system", "developer")),
        turn=turn,
        tools=tuple(tools),
        choice=choice,
        text="\n".join(message.text for message in messages),
        # The tools come first; the last mark asks for a reply.
        encoded=offered + b"".join(message.encoded for message in messages) + _ASKED,
    )


def cached_tokens(prompt: Prompt, cache: PromptCache, *, key: str) -> int:
    """How much of the prompt's beginning was seen lately, in OpenAI's steps of 128 from 1,024; remembers all of it.

    https://platform.openai.com/docs/guides/prompt-caching
    """
    digest = hashlib.sha256(f"{key}\0{prompt.model}".encode("utf-8", "replace"))
    found = start = 0
    for tokens in range(MIN_CACHED_TOKENS, prompt.tokens + 1, CACHE_STEP_TOKENS):
        end = tokens * BYTES_PER_TOKEN
        digest.update(prompt.encoded[start:end])
        start, mark = end, digest.digest()
        if cache.read(mark):
            found = tokens
        else:
            cache.write(mark, CACHE_SECONDS)
    return found


def _flag(body: dict[str, Any], name: str, param: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise OpenAIFault(f"Invalid type for '{param}': expected a boolean.", param=param, code="invalid_type")
    return bool(value)


def _copies(body: dict[str, Any]) -> int:
    value = body.get("n")
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COPIES:
        raise OpenAIFault(f"Invalid 'n': must be between 1 and {MAX_COPIES}.", param="n")
    return value


def _max_tokens(body: dict[str, Any]) -> int:
    given = [name for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None]
    if len(given) > 1:
        raise OpenAIFault("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if not given:
        return MAX_OUTPUT_TOKENS
    value = body[given[0]]
    if isinstance(value, bool) or not isinstance(value, int):
        raise OpenAIFault(f"Invalid type for '{given[0]}': expected an integer.", param=given[0], code="invalid_type")
    if not 1 <= value <= MAX_OUTPUT_TOKENS:
        raise OpenAIFault(
            f"Invalid '{given[0]}': must be between 1 and {MAX_OUTPUT_TOKENS}.",
            param=given[0],
            code="integer_above_max_value" if value > 1 else "integer_below_min_value",
        )
    return value
