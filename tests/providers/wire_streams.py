"""Requests as programs write them, and the readers of their answers fed in pieces."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from projectloom.errors import ProviderError
from projectloom.providers import Path, ProviderName, WireRequest, read_wire_request, wire_reader
from projectloom.tokens import Usage

PATHS: dict[ProviderName, Path] = {"anthropic": "/messages", "openai": "/chat/completions"}


def request_for(provider: ProviderName, **changes: Any) -> WireRequest:
    """A streamed request; an OpenAI one asks for its usage unless told otherwise."""
    body: dict[str, Any] = {"model": "a-model", "max_tokens": 100, "messages": [], "stream": True}
    if provider == "openai":
        body["stream_options"] = {"include_usage": True}
    return read_wire_request(PATHS[provider], json.dumps(body | changes).encode())


def no_extras(usage: Usage) -> Mapping[str, Any]:
    del usage
    return {}


@dataclass
class Read:
    """All that a reader made of an answer."""

    out: bytes
    usage: Usage | None
    final: bool
    done: bool
    ended: bool
    spoke: bool
    written: str
    error: str | None


def read(request: WireRequest, pieces: Iterable[bytes], extras: Any = no_extras) -> Read:
    """Feed a reader until its answer or its patience ends, as the relay does."""
    reader = wire_reader(request, extras)
    out, error = b"", None
    try:
        for piece in pieces:
            out += reader.feed(piece)
            if reader.failure is not None:
                raise reader.failure
            if reader.done:
                break
        else:
            out += reader.finish()
    except ProviderError as caught:
        error = str(caught.data["kind"])
    except ValueError:
        error = "unreadable"
    written = reader.written()
    return Read(out, reader.usage, reader.usage_final, reader.done, reader.ended, reader.spoke, written, error)
