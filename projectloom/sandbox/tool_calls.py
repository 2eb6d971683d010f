"""When the stand-ins call a tool, and with what: a rule that a test or a person can steer by the prompt alone.

A line ``use tool NAME {json}`` is exactly that call, and several such lines are one step after another; ``and use tool
NAME {json}`` joins the step before it. Otherwise a tool is called where the request demands one, or where the question
names it or asks for tools; its arguments are the least that its schema allows.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, cast

from projectloom.sandbox.bodies import as_list, as_object

MAX_SCRIPTED_CALLS = 200
MAX_SCHEMA_DEPTH = 12
MAX_SCHEMAS = 2_000
MAX_FILLED_ITEMS = 100
MAX_TEXT_ARGUMENT_CHARS = 200
UNKNOWN_TOOL = "tool_that_is_not_there"

_SCRIPTED = re.compile(
    r"^[ \t>*-]*(and[ \t]+)?use[ \t]+tool[ \t]+([A-Za-z0-9_.:-]{1,128})[ \t]*", re.IGNORECASE | re.MULTILINE
)
_ASKS = re.compile(
    r"\b(use|call|try|with|run)\s+(?:(?:the|your|a|an|any|some|all|these|those)\s+)?tools?\b", re.IGNORECASE
)
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer."""

    name: str
    schema: dict[str, Any]
    """The JSON schema of its arguments."""
    text: str
    """All of its definition, as it counts in the prompt."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the request says about calling tools."""

    mode: Literal["auto", "any", "named", "none"] = "auto"
    name: str = ""
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered."""

    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a conversation stands."""

    question: str
    """The text of the last user message that has one."""
    steps: int = 0
    """How many answers since then have called tools."""
    results: tuple[ToolResult, ...] = ()
    """The results that the conversation ends with."""
    images: int = 0
    """How many images came with the question."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool."""

    name: str
    arguments: str
    """JSON; no JSON where a limit or a fault has cut it."""


@dataclass(slots=True)
class _Filling:
    """A schema that is being filled, and how many more schemas in it are looked at."""

    root: dict[str, Any]
    text: str
    left: int = MAX_SCHEMAS


def decide(tools: Sequence[Tool], choice: Choice, turn: Turn, *, endless: bool = False) -> tuple[Call, ...]:
    """The calls that come next; none where the answer is text. ``endless`` calls the tools in turn for ever."""
    if not tools or choice.mode == "none":
        return ()
    by_name = {tool.name: tool for tool in tools}
    if endless:
        tool = by_name.get(choice.name) or tools[turn.steps % len(tools)]
        return (_call(tool, turn.question),)
    script = _script(turn.question, parallel=choice.parallel)
    if choice.mode == "named":
        told = next((call for step in script for call in step if call.name == choice.name), None)
        return (told or _call(by_name[choice.name], turn.question),)
    if turn.steps < len(script):
        return script[turn.steps]
    named = next((tool for tool in tools if _names(turn.question, tool.name)), None)
    if choice.mode == "any":
        return (_call(named or tools[0], turn.question),)
    if turn.steps or turn.results or script:
        return ()
    if named is None and _ASKS.search(turn.question):
        named = tools[0]
    return (_call(named, turn.question),) if named else ()


def quote_results(results: Sequence[ToolResult]) -> str:
    """The answer to the results of tools: each of them, word for word."""
    parts = [f"The tool {'failed' if one.failed else 'answered'}:\n\n{one.text or '(nothing)'}" for one in results]
    return "\n\n".join([*parts, "*This is the sandbox speaking: no model read it.*"])


def least(schema: dict[str, Any], *, text: str) -> dict[str, Any]:
    """The smallest object that a JSON schema allows, with ``text`` wherever it wants a text. Patterns are not read."""
    filled = _value(schema, _Filling(schema, text[:MAX_TEXT_ARGUMENT_CHARS]), 0)
    return as_object(filled) or {}


def _names(question: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", question) is not None


def _call(tool: Tool, question: str) -> Call:
    text = question.encode("utf-8", "replace").decode("utf-8").strip()
    return Call(tool.name, json.dumps(least(tool.schema, text=text), ensure_ascii=False))


def _script(question: str, *, parallel: bool) -> list[tuple[Call, ...]]:
    """The calls that a question dictates, step by step. A line whose JSON is no object dictates nothing."""
    steps: list[tuple[Call, ...]] = []
    decoder = json.JSONDecoder()
    for number, found in enumerate(_SCRIPTED.finditer(question)):
        if number >= MAX_SCRIPTED_CALLS:
            break
        rest = question[found.end() :]
        try:
            value: Any = decoder.raw_decode(rest)[0] if rest.startswith("{") else {}
        except (ValueError, RecursionError):
            continue
        call = Call(found[2], json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8"))
        if found[1] and steps and parallel:
            steps[-1] = (*steps[-1], call)
        else:
            steps.append((call,))
    return steps


def _value(schema: object, filling: _Filling, depth: int) -> Any:
    """The least value that a schema allows. What is too deep is null."""
    rules = _resolved(schema, filling)
    told = [rules[name] for name in ("const", "default") if name in rules] + (as_list(rules.get("enum")) or [])[:1]
    if told or depth >= MAX_SCHEMA_DEPTH:
        return told[0] if told else None
    for name in ("anyOf", "oneOf"):
        if options := as_list(rules.get(name)):
            return _value(options[0], filling, depth + 1)
    given = rules.get("type", "object" if "properties" in rules else None)
    match next((one for one in as_list(given) or [given] if one != "null"), None):
        case "string":
            made: Any = _text(rules, filling.text)
        case "integer" | "number":
            made = _number(rules)
        case "boolean":
            made = True
        case "array":
            count = rules["minItems"] if type(rules.get("minItems")) is int else 0
            made = [_value(rules.get("items"), filling, depth + 1) for _ in range(min(count, MAX_FILLED_ITEMS))]
        case "object":
            made = _object(rules, filling, depth)
        case _:
            made = None
    return made


def _object(rules: dict[str, Any], filling: _Filling, depth: int) -> dict[str, Any]:
    properties = as_object(rules.get("properties")) or {}
    wanted = [name for name in as_list(rules.get("required")) or [] if isinstance(name, str)]
    return {name: _value(properties.get(name, {"type": "string"}), filling, depth + 1) for name in wanted}


def _resolved(schema: object, filling: _Filling, depth: int = 0) -> dict[str, Any]:
    """The schema itself, with what it refers to and all that it is made of put into one."""
    rules = as_object(schema) or {}
    reference = rules.get("$ref")
    filling.left -= 1
    if depth >= MAX_SCHEMA_DEPTH or filling.left < 0:
        return {}
    if isinstance(reference, str) and reference.startswith("#"):
        return _resolved(_referred(filling.root, reference), filling, depth + 1)
    for part in as_list(rules.get("allOf")) or []:
        other = _resolved(part, filling, depth + 1)
        properties = {**(as_object(rules.get("properties")) or {}), **(as_object(other.get("properties")) or {})}
        required = [*(as_list(rules.get("required")) or []), *(as_list(other.get("required")) or [])]
        rules = other | rules | {"properties": properties, "required": required}
    return rules


def _referred(root: dict[str, Any], reference: str) -> object:
    found: object = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = (as_object(found) or {}).get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _text(rules: dict[str, Any], text: str) -> str:
    shaped = _FORMATS.get(str(rules.get("format")), text or "text")
    fewest, most = rules.get("minLength"), rules.get("maxLength")
    if type(fewest) is int:
        shaped += "." * min(fewest - len(shaped), MAX_TEXT_ARGUMENT_CHARS * 50)
    return shaped[:most] if type(most) is int and most >= 0 else shaped


def _number(rules: dict[str, Any]) -> int | float:
    """The first of the bounds that is there, a step inside it where it is excluded; 1 where there is none."""
    bounds = {name: rules.get(name) for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")}
    low, above, high, below = (value if _finite(value) else None for value in bounds.values())
    step = rules["multipleOf"] if _finite(rules.get("multipleOf")) and rules["multipleOf"] > 0 else 1
    lowest = low if low is not None else above
    if lowest is not None:
        times = math.ceil(lowest / step)
        return (times + (above is not None and times * step <= above)) * step
    if high is not None:
        return min(step, high)
    return min(step, below - 1) if below is not None else step


def _finite(value: object) -> TypeGuard[int | float]:
    return type(value) in (int, float) and math.isfinite(cast("float", value))
