"""Reading an answer that comes in one piece, and what a model wrote in a part of any answer."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from projectloom.errors import ProviderError
from projectloom.providers.base import ProviderName
from projectloom.providers.failures import from_error_event
from projectloom.providers.reports import usage_of_response
from projectloom.tokens import Usage

# Any word, call or vector of the model's own.
SPOKE = re.compile(
    rb'"(?:content|refusal|arguments|text|partial_json|thinking|reasoning_content)"\s*:\s*"[^"]'
    rb'|"type"\s*:\s*"tool_use"|"tool_calls"\s*:\s*\[\s*\{|"embedding"\s*:'
)
_WRITTEN = ("content", "refusal", "reasoning_content", "text", "thinking", "partial_json", "name", "arguments")


class WholeReader:
    """Reads an answer that comes in one piece."""

    def __init__(self, provider: ProviderName) -> None:
        self.done = False
        self.ended = False
        self.spoke = False
        self.usage: Usage | None = None
        self.usage_final = False
        self.failure: ProviderError | None = None
        self._provider: ProviderName = provider
        self._chunks: list[bytes] = []
        self._body: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> bytes:
        """See :class:`projectloom.providers.wire_readers.WireReader`. Nothing leaves before all has come."""
        self._chunks.append(chunk)
        return b""

    def finish(self) -> bytes:
        """See :class:`projectloom.providers.wire_readers.WireReader`."""
        whole = b"".join(self._chunks)
        try:
            body = json.loads(whole)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(body, dict):
            raise ValueError("not an object")
        self._body = cast("dict[str, Any]", body)
        if self._body.get("error"):
            raise from_error_event(self._provider, self._body)
        self.spoke = SPOKE.search(whole) is not None
        self.usage = usage_of_response(self._provider, self._body)
        self.usage_final = self.usage is not None
        self.ended = self.done = True
        return whole

    def written(self) -> str:
        """See :class:`projectloom.providers.wire_readers.WireReader`."""
        return "".join(strings_in(self._body.get("content" if self._provider == "anthropic" else "choices")))


def strings_in(value: object) -> Iterator[str]:
    """What the model wrote in a part of an answer."""
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from strings_in(item)
    if isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            if isinstance(inner, str):
                if name in _WRITTEN:
                    yield inner
            else:
                yield from strings_in(inner)
