"""A request in a provider's own format, as a client of ours wrote it: what the meter has to know of it, and no more.

Everything else in it passes through untouched. What would cost more than tokens, or tokens at another price than the
card's, is named, so that it can be refused before it costs anything; what no count of bytes can bound says so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from projectloom import limits
from projectloom.errors import InvalidInput, TooLarge
from projectloom.providers.base import ProviderName
from projectloom.providers.wire_sizes import WireSize, is_too_deep, items_of, mapping_of, parts_of, size_of

Path = Literal["/chat/completions", "/embeddings", "/messages", "/messages/count_tokens"]

# Tools of the provider's own making that the client runs itself. All others of a named type run at the provider, with
# fees and with input that grows while it answers.
_CLIENTS_OWN_TOOLS = ("function", "custom", "bash_", "text_editor_", "computer_", "memory_")
_ORDINARY_TIERS = frozenset({"auto", "default", "standard_only"})
# Fields that make the provider charge by other rates, or for more than tokens.
_COSTLY_FIELDS = {
    "openai": ("audio", "web_search_options"),
    "anthropic": ("mcp_servers", "container", "speed", "inference_geo"),
}
# Betas that change how an answer comes, not what it costs.
_PLAIN_BETAS = ("prompt-caching", "extended-cache-ttl", "interleaved-thinking", "fine-grained-tool", "token-efficient")
# The one whose answers are understood here.
ANTHROPIC_VERSION = "2023-06-01"
_MAX_COPIES = 128
_MARKS = (b",", b"{", b"[")
# How deep lists and objects may lie in each other: far more than any client's schemas, and no work for a stack.
_MAX_LIKELY_TOKENS = 20


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request as it came. Its content shows in no repr."""

    provider: ProviderName
    path: Path
    model: str
    body: dict[str, Any] = field(repr=False)
    size: WireSize
    stream: bool = False
    max_tokens: int | None = None
    """Of one answer; None where the client set no limit."""
    copies: int = 1
    """How many answers were asked for at once."""
    least_tokens: int = 0
    """What the answer needs at least, because the request fixes how much is thought before it."""
    wants_usage: bool = True
    """False where the client did not ask a stream for its usage: what we ask for is then hidden from it."""
    unpriced: tuple[str, ...] = ()
    """What it asks for that the price card has no price for."""
    likely_tokens: int = 0
    """How many other tokens are told beside each that is written (OpenAI's ``top_logprobs``)."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The client's headers that pass through."""

    @property
    def is_large(self) -> bool:
        """Whether reading and writing it would hold up everybody else on an event loop."""
        return self.size.raw_bytes > limits.WIRE_LOOP_BYTES

    @property
    def wants_vectors(self) -> bool:
        """Whether vectors are asked for and no reply."""
        return self.path == "/embeddings"


def read_wire_request(path: Path, raw: bytes, headers: tuple[tuple[str, str], ...] = ()) -> WireRequest:
    """What a client's body asks for.

    Raises:
        InvalidInput: it is no JSON object, or a field that decides what it costs is not what the provider takes.
    """
    body = _object(raw)
    written = _written_bytes(body)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidInput("you must provide a model parameter", param="model")
    provider: ProviderName = "openai" if path in ("/chat/completions", "/embeddings") else "anthropic"
    stream = _flag(body, "stream")
    if path == "/embeddings":
        # Vectors come in one piece, whatever a client's library adds to all that it asks.
        stream, body = False, {name: value for name, value in body.items() if name != "stream"}
    options = body.get("stream_options")
    max_tokens = _max_tokens(body, path)
    include = isinstance(options, dict) and cast("dict[str, Any]", options).get("include_usage") is True
    return WireRequest(
        provider=provider,
        path=path,
        model=model,
        body=body,
        # What is sent may be longer than what came: numbers have more than one spelling.
        size=size_of(body, max(len(raw), written)),
        stream=stream,
        max_tokens=max_tokens,
        copies=_copies(body, path),
        # A budget beyond the limit is the provider's to refuse.
        least_tokens=min(_thinking(body), max_tokens or 0) if provider == "anthropic" else 0,
        wants_usage=provider == "anthropic" or not stream or include,
        unpriced=tuple(_unpriced(provider, body)),
        likely_tokens=_likely_tokens(body),
        headers=headers,
    )


def sent_body(request: WireRequest, *, max_tokens: int | None, ordinary_tier: bool) -> bytes:
    """The body for the provider: the client's, with its output limit replaced and a stream's usage asked for.

    ``ordinary_tier`` keeps it at the price of the card where an account's own setting would choose another.
    """
    body = dict(request.body)
    if max_tokens is not None:
        names = [name for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
        for name in names or ["max_completion_tokens" if request.provider == "openai" else "max_tokens"]:
            body[name] = max_tokens
    if request.stream and request.path == "/chat/completions":
        options = body.get("stream_options")
        kept = cast("dict[str, Any]", options) if isinstance(options, dict) else {}
        body["stream_options"] = {**kept, "include_usage": True}
    if ordinary_tier and request.path in ("/chat/completions", "/messages"):
        body["service_tier"] = "default" if request.provider == "openai" else "standard_only"
    return json.dumps(body, separators=(",", ":")).encode()


def plain_headers(request: WireRequest) -> tuple[tuple[str, str], ...]:
    """The client's headers without the names of versions and betas that may be charged by other rates."""
    kept: list[tuple[str, str]] = []
    for name, value in request.headers:
        if name == "anthropic-version":
            kept.append((name, ANTHROPIC_VERSION))
        elif name != "anthropic-beta":
            kept.append((name, value))
        elif betas := [beta for beta in value.split(",") if beta.strip().startswith(_PLAIN_BETAS)]:
            kept.append((name, ",".join(betas)))
    return tuple(kept)


def _object(raw: bytes) -> dict[str, Any]:
    if sum(map(raw.count, _MARKS)) > limits.MAX_WIRE_MARKS:
        raise TooLarge("The body of the request has too many parts.")
    try:
        # Other encodings that a parser would guess spell texts shorter than UTF-8 does.
        value = json.loads(raw.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InvalidInput("We could not parse the JSON body of your request.") from None
    if is_too_deep(value):
        raise InvalidInput("The body of the request is nested too deeply.")
    if not isinstance(value, dict):
        raise InvalidInput("The body of the request must be a JSON object.")
    return cast("dict[str, Any]", value)


def _written_bytes(body: dict[str, Any]) -> int:
    """How long the body is when it is written anew in UTF-8."""
    try:
        written = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise InvalidInput("The body of the request has a number that is too large.") from None
    return len(written) if written.isascii() else len(written.encode("utf-8", "surrogatepass"))


def _no_number(name: str) -> float:
    # JSON has no word for it, so the provider would not take it either.
    raise ValueError(name)


def _likely_tokens(body: dict[str, Any]) -> int:
    value = body.get("top_logprobs")
    return min(value, _MAX_LIKELY_TOKENS) if isinstance(value, int) and value > 0 else 0


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false.", param=name)
    return bool(value)


def _whole(body: dict[str, Any], name: str, most: int | None = None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        raise InvalidInput(f"{name} must be a whole number of at least 1.", param=name)
    return value


def _max_tokens(body: dict[str, Any], path: Path) -> int | None:
    if path == "/messages":
        limit = _whole(body, "max_tokens")
        if limit is None:
            raise InvalidInput("max_tokens: Field required", param="max_tokens")
        return limit
    if path != "/chat/completions":
        return None
    given = [_whole(body, name) for name in ("max_tokens", "max_completion_tokens")]
    return min((limit for limit in given if limit is not None), default=None)


def _copies(body: dict[str, Any], path: Path) -> int:
    return (_whole(body, "n", _MAX_COPIES) or 1) if path == "/chat/completions" else 1


def _thinking(body: dict[str, Any]) -> int:
    """The provider refuses a limit that is not above the budget for thinking, so it is not clamped that far."""
    thinking = body.get("thinking")
    budget = cast("dict[str, Any]", thinking).get("budget_tokens") if isinstance(thinking, dict) else None
    return budget + 1 if isinstance(budget, int) and not isinstance(budget, bool) and budget > 0 else 0


def _unpriced(provider: ProviderName, body: dict[str, Any]) -> Iterator[str]:
    for name in _COSTLY_FIELDS[provider]:
        # An empty object asks for the thing with its defaults.
        if body.get(name) not in (None, False):
            yield name
    tier = body.get("service_tier")
    if tier is not None and (not isinstance(tier, str) or tier not in _ORDINARY_TIERS):
        yield "service_tier"
    if "audio" in items_of(body.get("modalities")):
        yield "modalities"
    for tool in map(mapping_of, items_of(body.get("tools"))):
        kind = tool.get("type")
        if isinstance(kind, str) and not kind.startswith(_CLIENTS_OWN_TOOLS):
            yield f"tools: {kind}"
    for part in parts_of(body):
        kind, source = part.get("type"), mapping_of(part.get("source"))
        if kind in ("input_audio", "container_upload"):
            yield kind
        # A file that is kept at the provider is the operator's, whoever knows its name.
        if source.get("type") == "file" or "file_id" in mapping_of(part.get("file")) or "file_id" in part:
            yield "files kept at the provider"
