"""OpenAI's chat messages, their parts and their tools: checked as OpenAI checks them, and as the model reads them.

Parts of text and images, tool calls and what tools answered are read:
https://platform.openai.com/docs/guides/images-vision and https://platform.openai.com/docs/guides/function-calling.
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
from projectloom.sandbox.tokenizer import BYTES_PER_TOKEN, MESSAGE_OVERHEAD_TOKENS, encode
from projectloom.sandbox.tool_calls import Choice, Tool, ToolResult, Turn

MAX_MESSAGES = 100_000
MAX_TOOLS = 128
# OpenAI's cookbook, "How to count tokens": what is wrapped around each function and around all of them.
TOOL_OVERHEAD_TOKENS = 7
TOOLS_OVERHEAD_TOKENS = 12
DETAILS = ("auto", "low", "high", "original")

_ROLES = ("developer", "system", "user", "assistant", "tool")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,", re.IGNORECASE)


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


@dataclass(slots=True)
class Message:
    """One message as the model reads it."""

    role: str
    text: str = ""
    encoded: bytes = b""
    """Four bytes a token."""
    images: int = 0
    calls: list[str] = field(default_factory=list[str])
    """Ids of the tool calls in it."""
    call_id: str = ""
    """For a tool's answer: the call that it answers."""


def read_messages(value: object, model: str) -> tuple[list[Message], Turn]:
    """All messages, and where the conversation stands."""
    given = as_list(value)
    if not given:
        raise OpenAIFault(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    if len(given) > MAX_MESSAGES:
        raise OpenAIFault(f"At most {MAX_MESSAGES} messages are allowed.", param="messages")
    found = [_message(item, f"messages[{index}]", model) for index, item in enumerate(given)]
    _check_pairs(found)
    return found, _turn(found)


def read_tools(body: dict[str, Any]) -> tuple[list[Tool], Choice, bytes]:
    """The tools on offer, the choice among them, and how the model reads them: four bytes a token."""
    given = as_list(body.get("tools")) if body.get("tools") is not None else []
    if given is None or len(given) > MAX_TOOLS or (not given and body.get("tools") is not None):
        raise OpenAIFault(f"Invalid 'tools': expected an array of 1 to {MAX_TOOLS} tools.", param="tools")
    tools = [_tool(item, f"tools[{index}]") for index, item in enumerate(given)]
    choice = _choice(body, tools)
    parts = [b"\0" * (TOOL_OVERHEAD_TOKENS * BYTES_PER_TOKEN) + encode(tool.text) for tool in tools]
    closing = b"\0" * (TOOLS_OVERHEAD_TOKENS * BYTES_PER_TOKEN * bool(tools))
    return tools, choice, b"".join(parts) + closing


def _message(item: object, at: str, model: str) -> Message:
    message = as_object(item)
    if message is None:
        raise OpenAIFault(f"Invalid type for '{at}': expected an object.", param=at, code="invalid_type")
    role = message.get("role")
    if role not in _ROLES:
        known = ", ".join(f"'{role}'" for role in _ROLES)
        message_text = f"Invalid value for '{at}.role'. Supported values are: {known}."
        raise OpenAIFault(message_text, param=f"{at}.role", code="invalid_value")
    found = Message(role)
    # Behind a mark of its role.
    found.encoded = str(role).encode().ljust(MESSAGE_OVERHEAD_TOKENS * BYTES_PER_TOKEN, b"\0")
    calls = message.get("tool_calls") if role == "assistant" else None
    if calls is None or message.get("content") is not None:
        _read_content(found, message.get("content"), f"{at}.content", model)
    if calls is not None:
        _read_calls(found, calls, f"{at}.tool_calls")
    if role == "tool":
        found.call_id = str(message.get("tool_call_id") or "")
        if not found.call_id:
            param = f"{at}.tool_call_id"
            raise OpenAIFault(f"Missing parameter '{param}'.", param=param, code="missing_required_parameter")
    return found


def _read_content(found: Message, content: object, at: str, model: str) -> None:
    if isinstance(content, str):
        found.text, found.encoded = content, found.encoded + encode(content)
        return
    parts = as_list(content)
    if not parts:
        raise OpenAIFault(f"Invalid type for '{at}': expected a string or parts.", param=at, code="invalid_type")
    texts: list[str] = []
    shown = b""
    for index, item in enumerate(parts):
        part = as_object(item) or {}
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif part.get("type") == "image_url" and found.role == "user":
            shown += _image(part, f"{at}[{index}].image_url", model)
            found.images += 1
        else:
            words = (
                f"Invalid value for '{at}[{index}]': the sandbox reads parts of type 'text', and of a user 'image_url'."
            )
            raise OpenAIFault(words, param=f"{at}[{index}]", code="invalid_value")
    found.text = "\n".join(texts)
    found.encoded += encode(found.text) + shown


def _image(part: dict[str, Any], at: str, model: str) -> bytes:
    """What stands for an image in the prompt: as many tokens as it has. Nothing is fetched."""
    image = as_object(part.get("image_url")) or {}
    url, detail = image.get("url"), image.get("detail") or "auto"
    if not isinstance(url, str) or detail not in DETAILS:
        raise OpenAIFault(f"Invalid '{at}': expected a url and a detail of {', '.join(DETAILS)}.", param=at)
    size = None
    if (inline := _DATA_URL.match(url)) is not None:
        if inline[1].lower() not in images.MEDIA_TYPES:
            words = (
                "You uploaded an unsupported image. Please make sure your image is of ['png', 'jpeg', 'gif', 'webp']."
            )
            raise OpenAIFault(words, param=at, code="invalid_image_format")
        try:
            size = image_size(base64.b64decode(url[inline.end() :], validate=True))
        except (binascii.Error, ValueError):
            size = None
        if size is None or not min(size):
            words = "The image data you provided does not represent a valid image."
            raise OpenAIFault(words, param=at, code="invalid_image")
    elif not url.startswith(("https://", "http://")):
        raise OpenAIFault(f"Invalid '{at}.url': expected a URL of an image.", param=at, code="invalid_image_url")
    digest = hashlib.sha256(url.encode("utf-8", "replace")).digest()
    length = images.openai_tokens(model, size, detail=detail) * BYTES_PER_TOKEN
    return (digest * (length // len(digest) + 1))[:length]


def _read_calls(found: Message, value: object, at: str) -> None:
    calls = as_list(value)
    if not calls:
        raise OpenAIFault(f"Invalid '{at}': expected an array of at least one call.", param=at, code="empty_array")
    for index, item in enumerate(calls):
        call = as_object(item) or {}
        function = as_object(call.get("function")) or {}
        name, arguments = function.get("name"), function.get("arguments")
        known = call.get("type") == "function" and isinstance(call.get("id"), str) and call["id"]
        if not known or not isinstance(name, str) or not isinstance(arguments, str):
            words = (
                f"Invalid '{at}[{index}]': expected an id, the type 'function', and a function's name and arguments."
            )
            raise OpenAIFault(words, param=f"{at}[{index}]")
        found.calls.append(call["id"])
        found.encoded += encode(name) + encode(arguments)


def _check_pairs(found: list[Message]) -> None:
    """Each tool call is answered right after it, and nothing else is."""
    open_calls: list[str] = []
    asked = 0
    for index, message in enumerate([*found, Message("end")]):
        if message.role == "tool":
            if message.call_id not in open_calls:
                raise OpenAIFault(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            open_calls.remove(message.call_id)
            continue
        if open_calls:
            raise OpenAIFault(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
                param=f"messages.[{asked}].role",
            )
        asked, open_calls = index, list(message.calls)


def _turn(found: list[Message]) -> Turn:
    asked = next((n for n in reversed(range(len(found))) if found[n].role == "user"), None)
    results: list[ToolResult] = []
    for message in reversed(found):
        if message.role != "tool":
            break
        results.insert(0, ToolResult(message.text))
    since = found[asked + 1 :] if asked is not None else found
    return Turn(
        question=found[asked].text if asked is not None else "",
        steps=sum(bool(message.calls) for message in since),
        results=tuple(results),
        images=found[asked].images if asked is not None else 0,
    )


def _tool(item: object, at: str) -> Tool:
    tool = as_object(item) or {}
    function = as_object(tool.get("function"))
    if tool.get("type") != "function" or function is None:
        words = f"Invalid '{at}': the sandbox reads tools of type 'function'."
        raise OpenAIFault(words, param=f"{at}.type", code="invalid_value")
    name, schema = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        words = f"Invalid '{at}.function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        raise OpenAIFault(words, param=f"{at}.function.name", code="invalid_value")
    parameters = as_object({} if schema is None else schema)
    if parameters is None or parameters.get("type", "object") != "object":
        words = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        raise OpenAIFault(words, param=f"{at}.function.parameters", code="invalid_function_parameters")
    return Tool(name, {"type": "object"} | parameters, json.dumps(function, ensure_ascii=False))


def _choice(body: dict[str, Any], tools: list[Tool]) -> Choice:
    value, parallel = body.get("tool_choice"), body.get("parallel_tool_calls")
    if parallel is not None and (not isinstance(parallel, bool) or not tools):
        words = "'parallel_tool_calls' is a boolean, and only allowed when 'tools' are specified."
        raise OpenAIFault(f"Invalid value for {words}", param="parallel_tool_calls")
    if value is None:
        return Choice(parallel=parallel is not False)
    if not tools and value != "none":
        words = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise OpenAIFault(words, param="tool_choice")
    match value:
        case "none":
            return Choice("none")
        case "auto":
            return Choice("auto", parallel=parallel is not False)
        case "required":
            return Choice("any", parallel=parallel is not False)
        case _:
            pass
    choice = as_object(value) or {}
    name = (as_object(choice.get("function")) or {}).get("name")
    if choice.get("type") != "function" or not isinstance(name, str):
        words = "Invalid value for 'tool_choice': 'none', 'auto', 'required' or a function is expected."
        raise OpenAIFault(words, param="tool_choice", code="invalid_value")
    if name not in {tool.name for tool in tools}:
        words = f"Invalid value for 'tool_choice': function '{name[:64]}' is not among the 'tools'."
        raise OpenAIFault(words, param="tool_choice")
    return Choice("named", name, parallel is not False)
