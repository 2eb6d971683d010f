"""What a model stand-in answers: text, tool calls, or what the request's fault makes of them.

The same for both providers; each words it in its own format.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from projectloom.sandbox.provider_faults import Taken, Trouble
from projectloom.sandbox.replies import compose_reply
from projectloom.sandbox.tokenizer import count_tokens, first_tokens
from projectloom.sandbox.tool_calls import UNKNOWN_TOOL, Call, Choice, Tool, Turn, decide, quote_results

LONG_TOKEN_CHARS = 20_000
ABSURD_TOKENS = 10**18
ABOVE_HOLD_FACTOR = 10

Stop = Literal["end", "length", "tools", "refusal"]
Counts = dict[str, Any]

# Letters that look like others are what it is about.
# ruff: noqa: RUF001
_SCRIPTS = (
    "Latin: The loom’s weft, naïve façade. Ελληνικά: ο αργαλειός. Кириллица: ткацкий станок. עברית: נול. "
    "العربية: النول اليدوي. हिन्दी: करघा। বাংলা: তাঁত। தமிழ்: தறி. ไทย: เครื่องทอผ้า. ქართული: დაზგა. Հայերեն: ջուլհակ. "
    "አማርኛ: የሽመና. 한국어: 베틀. 日本語: 織機、はた。 中文：织布机。 ᚱᚢᚾ. 𒀀𒁀 𓀀𓂀 𝔉𝔯. "
    "Emoji: \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd. "
    "Combining: ẹ̵̛́x̸a̷m̶p̴l̵e. Directions: \u202eabc\u202c \u2066אבג\u2069. Marks: \ufeff\u200b\u2028\u00a0\u00ad."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, called, and why it ends."""

    text: str
    calls: tuple[Call, ...]
    stop: Stop

    @property
    def parts(self) -> list[str]:
        """Everything that is said in its order: the text, then the arguments of each call."""
        return [self.text, *(call.arguments for call in self.calls)]

    @property
    def tokens(self) -> int:
        """Tokens of all of it, the names of the tools too."""
        return sum(map(count_tokens, self.parts)) + sum(count_tokens(call.name) for call in self.calls)


def answer(turn: Turn, *, system: str, tools: Sequence[Tool], choice: Choice, max_tokens: int, fault: Taken) -> Answer:
    """The answer where the conversation stands, cut to ``max_tokens``."""
    if fault.has(Trouble.REFUSAL, Trouble.LENGTH_EMPTY):
        return Answer("", (), "refusal" if fault.has(Trouble.REFUSAL) else "length")
    if fault.has(Trouble.REFUSAL_WORDS):
        return _cut(Answer("I cannot help with that.", (), "refusal"), max_tokens)
    if (odd := _odd_text(fault)) is not None:
        return _cut(Answer(odd, (), "end"), max_tokens)
    calls = decide(tools, choice, turn, endless=fault.has(Trouble.ENDLESS_TOOLS))
    if fault.has(Trouble.TOOL_UNKNOWN) and tools:
        calls = tuple(replace(call, name=UNKNOWN_TOOL) for call in calls) or (Call(UNKNOWN_TOOL, "{}"),)
    if fault.has(Trouble.TOOL_ARGUMENTS_CUT):
        calls = tuple(replace(call, arguments=call.arguments[: max(1, len(call.arguments) // 2)]) for call in calls)
    if calls:
        names = " and ".join(call.name for call in calls)
        text = f"I will use {names}." if choice.mode == "auto" else ""
        return _cut(Answer(text, calls, "tools"), max_tokens)
    if turn.results:
        return _cut(Answer(quote_results(turn.results), (), "end"), max_tokens)
    seen = f"I was shown {turn.images} image{'s' * (turn.images > 1)}.\n\n" if turn.images else ""
    return _cut(Answer(seen + compose_reply(turn.question, system=system), (), "end"), max_tokens)


def bend(usage: Counts, fault: Taken, *, max_tokens: int) -> Counts:
    """A provider's usage as the request's fault reports it. What is left out is up to the caller."""
    if fault.has(Trouble.USAGE_ABOVE_HOLD):
        return _each(usage, lambda count: count * ABOVE_HOLD_FACTOR + max_tokens)
    if fault.has(Trouble.USAGE_CACHED_ABOVE_PROMPT):
        return _cached_above(usage)
    made = _MADE.get(fault.asked.kind) if fault.asked else None
    return _each(usage, made) if made else usage


def _odd_text(fault: Taken) -> str | None:
    if fault.has(Trouble.TEXT_NUL):
        return "Before\x00between\x00\x00after, and \x01\x07\x1b[31m\x7f\x9f control characters."
    if fault.has(Trouble.TEXT_SURROGATES):
        return "A high \ud83d alone, a low \ude00 alone, \udc00\ud800 turned around, and \ud83d"
    if fault.has(Trouble.TEXT_SCRIPTS):
        return _SCRIPTS
    return "loom" * (LONG_TOKEN_CHARS // 4) if fault.has(Trouble.TEXT_LONG_TOKEN) else None


def _cut(whole: Answer, max_tokens: int) -> Answer:
    """As much of the answer as its limit allows; what it cuts into ends there, as at the providers."""
    left = max_tokens
    text = first_tokens(whole.text, left)
    if len(text) < len(whole.text):
        return Answer(whole.text[: len(text)], (), "length")
    left -= count_tokens(text)
    calls: list[Call] = []
    for call in whole.calls:
        left -= count_tokens(call.name)
        if left <= 0:
            return Answer(whole.text, tuple(calls), "length")
        arguments = first_tokens(call.arguments, left)
        calls.append(replace(call, arguments=call.arguments[: len(arguments)]))
        if len(arguments) < len(call.arguments):
            return Answer(whole.text, tuple(calls), "length")
        left -= count_tokens(arguments)
    return Answer(whole.text, tuple(calls), whole.stop)


def _each(usage: Counts, made: Callable[[int], object]) -> Counts:
    bent: Counts = {}
    for name, value in usage.items():
        if isinstance(value, dict):
            bent[name] = _each(cast("Counts", value), made)
        else:
            bent[name] = made(value) if type(value) is int else value
    return bent


def _cached_above(usage: Counts) -> Counts:
    """More from the cache than there is: than the prompt at OpenAI, split finer than their sum at Anthropic."""
    bent = dict(usage)
    if "prompt_tokens" in usage:
        details = cast("Counts", usage["prompt_tokens_details"])
        return bent | {"prompt_tokens_details": details | {"cached_tokens": usage["prompt_tokens"] + 1_000}}
    split = cast("Counts", usage.get("cache_creation") or {})
    bent["cache_read_input_tokens"] = usage["input_tokens"] + 1_000
    if split:
        written = usage["cache_creation_input_tokens"] + 1_000
        bent["cache_creation"] = dict.fromkeys(split, written)
    return bent


_MADE: dict[Trouble, Callable[[int], object]] = {
    Trouble.USAGE_ZERO: lambda _: 0,
    Trouble.USAGE_NEGATIVE: lambda count: -max(count, 1),
    Trouble.USAGE_NAN: lambda _: float("nan"),
    Trouble.USAGE_FRACTION: lambda count: count + 0.5,
    Trouble.USAGE_TEXT: str,
    Trouble.USAGE_HUGE: lambda _: ABSURD_TOKENS,
}
