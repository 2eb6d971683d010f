"""What a client asks of the OpenAI stand-in's chat, checked as OpenAI checks it.

Trouble is an :class:`OpenAIFault` (https://platform.openai.com/docs/guides/error-codes).
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from projectloom.sandbox.bodies import as_list, as_object
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.sandbox.tokenizer import BYTES_PER_TOKEN, MESSAGE_OVERHEAD_TOKENS, REQUEST_OVERHEAD_TOKENS, encode

CHAT_MODEL_PREFIXES = ("gpt-", "chatgpt-", "o1", "o3", "o4")
MAX_OUTPUT_TOKENS = 128_000
MAX_MESSAGES = 100_000
MIN_CACHED_TOKENS = 1_024
CACHE_STEP_TOKENS = 128
CACHE_SECONDS = 300.0

_ROLES = ("developer", "system", "user", "assistant", "tool")


class OpenAIFault(Exception):
    """An answer with OpenAI's error object instead of what was asked for."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request that can be answered."""

    model: str
    max_tokens: int
    stream: bool
    include_usage: bool
    system: str
    question: str
    """The text of the last user message."""
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
    messages = _messages(body.get("messages"))
    asked = [text for role, text in messages if role == "user"]
    return Prompt(
        model=model,
        max_tokens=_max_tokens(body),
        stream=stream,
        include_usage=_flag(options or {}, "include_usage", "stream_options.include_usage"),
        system="\n".join(text for role, text in messages if role in ("system", "developer")),
        question=asked[-1] if asked else "",
        encoded=_encoded(messages),
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


def _messages(value: object) -> list[tuple[str, str]]:
    given = as_list(value)
    if not given:
        raise OpenAIFault(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    if len(given) > MAX_MESSAGES:
        raise OpenAIFault(f"At most {MAX_MESSAGES} messages are allowed.", param="messages")
    found: list[tuple[str, str]] = []
    for index, item in enumerate(given):
        at = f"messages[{index}]"
        message = as_object(item)
        if message is None:
            raise OpenAIFault(f"Invalid type for '{at}': expected an object.", param=at, code="invalid_type")
        if message.get("role") not in _ROLES:
            known = ", ".join(f"'{role}'" for role in _ROLES)
            message_text = f"Invalid value for '{at}.role'. Supported values are: {known}."
            raise OpenAIFault(message_text, param=f"{at}.role", code="invalid_value")
        found.append((message["role"], _text(message.get("content"), f"{at}.content")))
    return found


def _text(content: object, at: str) -> str:
    if isinstance(content, str):
        return content
    parts = as_list(content)
    if not parts:
        raise OpenAIFault(f"Invalid type for '{at}': expected a string or parts.", param=at, code="invalid_type")
    texts: list[str] = []
    for item in parts:
        part = as_object(item)
        if part is None or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise OpenAIFault(f"Invalid value for '{at}': the sandbox reads parts of type 'text'.", param=at)
        texts.append(part["text"])
    return "\n".join(texts)


def _encoded(messages: list[tuple[str, str]]) -> bytes:
    """Each message behind a mark of its role, then the mark that asks for a reply."""
    marks = {role: role.encode().ljust(MESSAGE_OVERHEAD_TOKENS * BYTES_PER_TOKEN, b"\0") for role in _ROLES}
    parts = [marks[role] + encode(text) for role, text in messages]
    return b"".join(parts) + b"\0" * (REQUEST_OVERHEAD_TOKENS * BYTES_PER_TOKEN)
