"""How large a request in a provider's own format is: what bounds its input, and what it most likely is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

_MAX_DEPTH = 200
_PICTURES = ("image_url", "image", "input_image")
_FILES = ("document", "file", "input_file", "input_audio", "container_upload")
# Where servers take content or, some of them, its address.
_EITHER = frozenset({"data", "file_data", "file_id", "file", "image", "images", "video", "videos", "audio"})
_ADDRESS = re.compile(r"\s*[a-zA-Z][a-zA-Z0-9+.-]*:")
_SCHEME_CHARS = 64
# Words, and addresses that somebody was told of: nobody fetches them.
_TOLD = frozenset({"text", "input", "citations", "annotations", "tool_calls"})
_FOUND = ("web_search_result", "web_fetch_result")


@dataclass(frozen=True, slots=True)
class WireSize:
    """What bounds a request's input."""

    text_bytes: int = 0
    """Of the whole request without its pictures and files: JSON spells no text shorter than UTF-8 does."""
    messages: int = 0
    tools: int = 0
    """Tools, calls of them and results."""
    images: int = 0
    files: int = 0
    """Documents and sounds, whose tokens nobody can count from here."""
    unbounded: bool = False
    """Something in it may be of any number of tokens: files, or what a provider's own tools found."""
    raw_bytes: int = 0
    """Of all of it."""
    links: frozenset[str] = field(default=frozenset(), repr=False)
    """Every address that somebody may fetch for it; pictures that are written out in it are none."""


def size_of(body: dict[str, Any], raw_bytes: int) -> WireSize:
    """The size of a body whose JSON has so many bytes."""
    messages = [mapping_of(message) for message in items_of(body.get("messages"))]
    images, files, besides, unbounded = 0, 0, 0, False
    links = {link for message in messages for _, link in addresses_in(message)}
    tools = len(items_of(body.get("tools"))) + len(items_of(body.get("functions")))
    tools += sum(len(items_of(message.get("tool_calls"))) for message in messages)
    for part in parts_of(body):
        kind, addresses = part.get("type"), list(addresses_in(part))
        if addresses:
            links.update(link for _, link in addresses)
            pictures = sum("image" in name or name == "source" for name, _ in addresses)
            # Some servers go by the names in a part, whatever it calls itself, and take several of them.
            images += 0 if kind in _FILES else max(pictures - (kind in _PICTURES), 0)
            files += len(addresses) - pictures
            unbounded = unbounded or len(addresses) > pictures
        match kind:
            case "image_url" | "image" | "input_image":
                images += 1
                besides += _picture_bytes(part)
            case "tool_use" | "tool_result":
                tools += 1
            case "document" if mapping_of(part.get("source")).get("type") in ("text", "content"):
                # A document that is to be cited is cut into pieces, each with words around it.
                unbounded = unbounded or bool(mapping_of(part.get("citations")).get("enabled"))
            case "document" | "file" | "input_file" | "input_audio" | "container_upload":
                files += 1
                besides += _file_bytes(part)
                unbounded = True
            case str() if kind.endswith("_tool_result"):
                unbounded = True
            case _:
                pass
    fetched = frozenset(link for link in links if not link.startswith("data:"))
    return WireSize(raw_bytes - besides, len(messages), tools, images, files, unbounded, raw_bytes, fetched)


def parts_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every part of a message's content and of the instructions, those inside of results and documents as well."""
    waiting: list[object] = [mapping_of(message).get("content") for message in items_of(body.get("messages"))]
    waiting.append(body.get("system"))
    while waiting:
        inside = waiting.pop()
        for part in map(mapping_of, [inside] if isinstance(inside, dict) else items_of(inside)):
            yield part
            waiting += [part.get("content"), mapping_of(part.get("source")).get("content")]


def addresses_in(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every address in a part or a message, with the name in it that it stands below; ``data:`` ones as well.

    Found by its name or its look and not by the part's type, which not every server asks for. The parts inside of it
    are left to :func:`parts_of`.
    """
    found = part.get("type") in _FOUND
    waiting: list[tuple[str, str, object]] = [
        (name, name, value) for name, value in part.items() if name != "content" and not (found and name == "url")
    ]
    while waiting:
        top, name, value = waiting.pop()
        if name in _TOLD:
            continue
        if isinstance(value, str):
            named = name.lower().endswith(("url", "uri"))
            if named or (name in _EITHER and _ADDRESS.match(value[:_SCHEME_CHARS])):
                yield top, value
        elif isinstance(value, list):
            waiting += [(top, name, one) for one in items_of(cast("object", value))]
        elif isinstance(value, dict):
            inner = mapping_of(cast("object", value))
            # A document's own words, or parts of its own.
            skipped = ("data", "content") if top == "source" and inner.get("type") == "text" else ("content",)
            waiting += [(top, key, one) for key, one in inner.items() if top != "source" or key not in skipped]


def is_too_deep(value: object) -> bool:
    """Whether it is nested deeper than any request has reason to be."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner: list[object] = []
        for one in level:
            inside = cast("dict[str, object]", one).values() if isinstance(one, dict) else items_of(one)
            inner += [item for item in inside if isinstance(item, dict | list)]
        if not inner:
            return False
        level = inner
    return True


def items_of(value: object) -> list[Any]:
    """A list, or none."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def mapping_of(value: object) -> dict[str, Any]:
    """An object, or an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _picture_bytes(part: dict[str, Any]) -> int:
    """How many of the body's bytes are a picture's, which costs by its size in pixels."""
    told: object = part.get("image_url")
    url = mapping_of(cast(object, told)).get("url") if isinstance(told, dict) else told
    if isinstance(url, str) and url.startswith("data:"):
        return len(url)
    return _file_bytes(part)


def _file_bytes(part: dict[str, Any]) -> int:
    """How many of the body's bytes are a file's."""
    given = (part.get("source"), part.get("file"), part.get("input_audio"))
    data = [mapping_of(one).get(name) for one in given for name in ("data", "file_data")]
    return sum(len(text) for text in data if isinstance(text, str))
