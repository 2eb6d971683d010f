"""Anthropic's messages, their blocks and their tools: checked as Anthropic checks them, and counted.

Blocks of text, images, tool calls and their results are read:
https://platform.claude.com/docs/en/build-with-claude/vision and
https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from projectloom.pictures import image_size
from projectloom.sandbox import images
from projectloom.sandbox.bodies import as_list, as_object
from projectloom.sandbox.tokenizer import MESSAGE_OVERHEAD_TOKENS, count_tokens
from projectloom.sandbox.tool_calls import Choice, Tool, ToolResult, Turn

MAX_MESSAGES = 100_000
MAX_IMAGES = 100
MAX_TOOLS = 1_000
LIFETIMES = {"5m": 300.0, "1h": 3_600.0}
# The hidden prompt about tools, as published for the models of generation 4.
TOOL_PROMPT_TOKENS = {"auto": 346, "none": 346, "any": 313, "named": 313}

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


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


@dataclass(slots=True)
class _Message:
    """What one message holds."""

    role: str
    segments: list[Segment] = field(default_factory=list[Segment])
    texts: list[str] = field(default_factory=list[str])
    images: int = 0
    uses: list[str] = field(default_factory=list[str])
    """Ids of the tool calls in it."""
    results: dict[str, ToolResult] = field(default_factory=dict[str, ToolResult])


def bad(message: str) -> AnthropicFault:
    """The answer to a request that is wrong."""
    return AnthropicFault(400, "invalid_request_error", message)


def read_messages(value: object, model: str) -> tuple[list[Segment], Turn]:
    """The segments of all messages, and where the conversation stands."""
    given = as_list(value)
    if given is None:
        raise bad("messages: Field required" if value is None else "messages: Input should be a valid list")
    if not given:
        raise bad("messages: at least one message is required")
    if len(given) > MAX_MESSAGES:
        raise bad(f"messages: at most {MAX_MESSAGES} messages are allowed")
    found: list[_Message] = []
    for index, item in enumerate(given):
        at = f"messages.{index}"
        message = as_object(item)
        if message is None:
            raise bad(f"{at}: Input should be an object")
        if message.get("role") not in ("user", "assistant", "system"):
            raise bad(f"{at}.role: Input should be 'user', 'assistant' or 'system'")
        one = _Message(message["role"])
        _read_blocks(one, message.get("content"), f"{at}.content", model)
        found.append(one)
    if sum(message.images for message in found) > MAX_IMAGES:
        raise bad(f"messages: at most {MAX_IMAGES} images are allowed")
    _check_pairs(found)
    return [segment for message in found for segment in message.segments], _turn(found)


def read_system(value: object, model: str) -> list[Segment]:
    """The segments of the system prompt."""
    message = _Message("system")
    if value is not None:
        _read_blocks(message, value, "system", model, overhead=0)
    return message.segments


def read_tools(body: dict[str, Any]) -> tuple[list[Tool], Choice, list[Segment]]:
    """The tools on offer, the choice among them, and what both count in the prompt."""
    given = as_list(body.get("tools")) if body.get("tools") is not None else []
    if given is None or len(given) > MAX_TOOLS:
        raise bad(f"tools: Input should be a list of at most {MAX_TOOLS} tools")
    tools = [_tool(item, f"tools.{index}") for index, item in enumerate(given)]
    if len({tool.name for tool in tools}) < len(tools):
        raise bad("tools: Tool names must be unique.")
    choice = _choice(body.get("tool_choice"), tools)
    segments = [
        Segment(tool.text, count_tokens(tool.text), cache_lifetime(item, f"tools.{index}"))
        for index, (tool, item) in enumerate(zip(tools, given, strict=True))
    ]
    if segments:
        first = segments[0]
        segments[0] = Segment(first.text, first.tokens + TOOL_PROMPT_TOKENS[choice.mode], first.cache_lifetime)
    return tools, choice, segments


def cache_lifetime(block: dict[str, Any], at: str) -> str | None:
    """How long a block's ``cache_control`` wants the prompt up to it kept."""
    if block.get("cache_control") is None:
        return None
    control = as_object(block["cache_control"])
    if control is None or control.get("type") != "ephemeral":
        raise bad(f"{at}.cache_control: Input should be an object of type 'ephemeral'")
    lifetime = control.get("ttl", "5m")
    if lifetime not in LIFETIMES:
        raise bad(f"{at}.cache_control.ttl: Input should be '5m' or '1h', not {json.dumps(lifetime)[:40]}")
    return lifetime


def _read_blocks(
    message: _Message, content: object, at: str, model: str, overhead: int = MESSAGE_OVERHEAD_TOKENS
) -> None:
    """Put what the content holds into the message. The overhead of a message is counted with its first block."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
    if not blocks:
        raise bad(f"{at}: Input should be a valid string or a non-empty list of blocks")
    for index, item in enumerate(blocks):
        here = f"{at}.{index}"
        block = as_object(item)
        if block is None:
            raise bad(f"{here}: Input should be an object")
        match (message.role, block.get("type")):
            case (_, "text"):
                text, tokens = _text(block, here)
                message.texts.append(text)
            case ("user", "image"):
                text, tokens = _image(block, here, model)
                message.images += 1
            case ("assistant", "tool_use"):
                text, tokens = _use(message, block, here)
            case ("user", "tool_result"):
                if message.texts or message.images:
                    raise bad(f"{here}: `tool_result` blocks must come before any other content of the message.")
                text, tokens = _result(message, block, here, model)
            case _:
                raise bad(
                    f"{here}: the sandbox reads blocks of type 'text', and 'image' and 'tool_result' of a user and "
                    "'tool_use' of an assistant"
                )
        extra = 0 if message.segments else overhead
        message.segments.append(Segment(text, tokens + extra, cache_lifetime(block, here)))


def _text(block: dict[str, Any], at: str) -> tuple[str, int]:
    text = block.get("text")
    if not isinstance(text, str):
        raise bad(f"{at}.text: Input should be a valid string")
    if not text:
        raise bad("messages: text content blocks must be non-empty")
    return text, count_tokens(text)


def _image(block: dict[str, Any], at: str, model: str) -> tuple[str, int]:
    """What stands for an image in the prompt, and its tokens. Nothing is fetched."""
    source = as_object(block.get("source")) or {}
    url, data = source.get("url"), source.get("data")
    if source.get("type") == "url" and isinstance(url, str) and url.startswith(("https://", "http://")):
        return f"[image {url}]", images.anthropic_tokens(model, None)
    if source.get("type") != "base64" or not isinstance(data, str):
        raise bad(f"{at}.source: Input should be a source of type 'base64' or 'url'")
    if source.get("media_type") not in images.MEDIA_TYPES:
        raise bad(f"{at}.source.media_type: Input should be one of {', '.join(images.MEDIA_TYPES)}")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise bad(f"{at}.source.data: The image is not valid base64") from None
    if len(raw) > images.MAX_IMAGE_BYTES:
        raise bad(f"{at}.source.data: image exceeds 5 MB maximum: {len(raw)} bytes > {images.MAX_IMAGE_BYTES} bytes")
    size = image_size(raw)
    if size is None or not min(size):
        raise bad("Could not process image")
    if max(size) > images.MAX_IMAGE_PIXELS_A_SIDE:
        raise bad(f"{at}.source: At least one of the image dimensions exceed max allowed size: 8000 pixels")
    return f"[image {hashlib.sha256(raw).hexdigest()}]", images.anthropic_tokens(model, size)


def _use(message: _Message, block: dict[str, Any], at: str) -> tuple[str, int]:
    identity, name, given = block.get("id"), block.get("name"), as_object(block.get("input"))
    if not isinstance(identity, str) or not identity or not isinstance(name, str) or not name or given is None:
        raise bad(f"{at}: a `tool_use` block has an id, a name and an input that is an object")
    if identity in message.uses:
        raise bad(f"{at}.id: `tool_use` ids must be unique")
    message.uses.append(identity)
    arguments = json.dumps(given, ensure_ascii=False)
    return f"{name}\0{arguments}", count_tokens(name) + count_tokens(arguments)


def _result(message: _Message, block: dict[str, Any], at: str, model: str) -> tuple[str, int]:
    identity, content = block.get("tool_use_id"), block.get("content")
    if not isinstance(identity, str) or not identity:
        raise bad(f"{at}.tool_use_id: Field required")
    if identity in message.results:
        raise bad(
            f"{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {identity}"
        )
    inner = _Message("user")
    if content not in (None, "", []):
        _read_blocks(inner, content, f"{at}.content", model, overhead=0)
    message.results[identity] = ToolResult("\n".join(inner.texts), failed=block.get("is_error") is True)
    text = "\0".join(segment.text for segment in inner.segments)
    return f"{identity}\0{text}", sum(segment.tokens for segment in inner.segments)


def _check_pairs(found: list[_Message]) -> None:
    """Each tool call is answered in the message after it, and nothing else is."""
    for index, message in enumerate(found):
        before = found[index - 1].uses if index else []
        for identity in message.results:
            if identity not in before:
                raise bad(
                    f"messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {identity}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        after = found[index + 1].results if index + 1 < len(found) else {}
        if missing := [identity for identity in message.uses if identity not in after]:
            raise bad(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )


def _turn(found: list[_Message]) -> Turn:
    asked = next(
        (n for n in reversed(range(len(found))) if found[n].role == "user" and (found[n].texts or found[n].images)),
        None,
    )
    since = found[asked + 1 :] if asked is not None else found
    last = found[-1]
    # A message that says something beside its results asks anew; what the tools answered is then only history.
    results = () if asked == len(found) - 1 else tuple(last.results.values())
    return Turn(
        question="\n".join(found[asked].texts) if asked is not None else "",
        steps=sum(bool(message.uses) for message in since),
        results=results,
        images=found[asked].images if asked is not None else last.images,
    )


def _tool(item: object, at: str) -> Tool:
    tool = as_object(item)
    if tool is None:
        raise bad(f"{at}: Input should be an object")
    if tool.get("type", "custom") not in ("custom", None):
        raise bad(f"{at}.type: the sandbox has no tools of the server's own; it reads tools of type 'custom'")
    name, schema = tool.get("name"), as_object(tool.get("input_schema"))
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise bad(f"{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if schema is None or schema.get("type") != "object":
        raise bad(f"{at}.custom.input_schema.type: Input should be 'object'")
    if not isinstance(tool.get("description", ""), str | None):
        raise bad(f"{at}.custom.description: Input should be a valid string")
    known = {key: value for key, value in tool.items() if key != "cache_control"}
    return Tool(name, schema, json.dumps(known, ensure_ascii=False))


def _choice(value: object, tools: list[Tool]) -> Choice:
    if value is None:
        return Choice()
    choice = as_object(value)
    if choice is None or choice.get("type") not in ("auto", "any", "tool", "none"):
        raise bad("tool_choice: Input should have a type of 'auto', 'any', 'tool' or 'none'")
    if not tools:
        raise bad("tool_choice: may only be specified while providing tools")
    parallel = choice.get("disable_parallel_tool_use") is not True
    if choice["type"] != "tool":
        return Choice(choice["type"], parallel=parallel)
    name = choice.get("name")
    if not isinstance(name, str) or name not in {tool.name for tool in tools}:
        raise bad(f"tool_choice: Tool '{str(name)[:128]}' not found in provided tools")
    return Choice("named", name, parallel)
