"""What a provider will do with one call, good or bad, and what a meter must make of it when nothing else interferes."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from projectloom.metering.models import Completion
from projectloom.providers import ProviderName
from projectloom.tokens import Usage
from tests.providers.dialects import (
    A_BLOCK,
    A_BLOCK_END,
    A_PING,
    A_STOP,
    O_DONE,
    O_START,
    a_delta,
    a_start,
    a_text,
    named,
    o_chunk,
    o_text,
    o_usage,
)
from tests.providers.scripted_server import HANG, LAST, RESET, STREAM_HEAD, Step, chunk, refusal

STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
WORDS = ("rivers ", "and ", "сад ", "水 ", "🙂", "نهر ", "\n\n", "**bold** ", "x" * 40, "e\u0301")
INPUT = 25
UNTRUE: tuple[object, ...] = (None, 0, -5, "NaN", float("nan"), 10**12)


@dataclass
class Plan:
    """One answer of a provider. Its gates wait until the schedule opens them, and open in their order."""

    kind: str
    provider: ProviderName
    steps: list[Step]
    text: str = ""
    """All that is sent before the end."""
    completion: Completion = Completion.PARTIAL
    """Of a reply with text; without any it is FAILED unless this is COMPLETE."""
    usage: Usage | None = None
    """What is charged exactly. None: an estimate."""
    whole_text: bool = True
    """All that was sent arrives. A reset may take the last bytes with it."""
    stalls: bool = False
    gates: list[asyncio.Event] = field(default_factory=list[asyncio.Event])

    def open_gate(self) -> None:
        for gate in self.gates:
            if not gate.is_set():
                gate.set()
                return

    @property
    def waits(self) -> bool:
        return any(not gate.is_set() for gate in self.gates)


def any_plan(dice: random.Random, provider: ProviderName) -> Plan:
    """A plan of any kind; half of them are whole replies."""
    make = dice.choice(_WHOLE * 4 + _TROUBLES)
    return make(dice, provider)


def _texts(dice: random.Random, least: int = 1) -> list[str]:
    return ["".join(dice.choices(WORDS, k=dice.randint(1, 12))) for _ in range(dice.randint(least, 5))]


def _texts_or_none(dice: random.Random) -> list[str]:
    return _texts(dice, 0)


def _begun(provider: ProviderName, texts: Sequence[str], dice: random.Random) -> list[bytes]:
    """The beginning of a reply and its text, with events in between that nobody knows."""
    if provider == "anthropic":
        unknown, events = named("new_kind", {"type": "new_kind", "of": 1}), [a_start(), A_BLOCK]
        spoken = [a_text(text) for text in texts]
    else:
        unknown, events = b": comment\n\nevent: new_kind\ndata: {}\n\n", [O_START]
        spoken = [o_text(text) for text in texts]
    for event in spoken:
        events += [event] + [dice.choice((unknown, A_PING if provider == "anthropic" else unknown))] * (
            dice.random() < 0.2
        )
    return events


def _report(provider: ProviderName, output: object) -> list[bytes]:
    """The end of the text and the report of what was used."""
    if provider == "anthropic":
        return [A_BLOCK_END, a_delta(usage={"output_tokens": output})]
    counts = {"prompt_tokens": INPUT, "completion_tokens": output}
    return [o_chunk({}, "stop"), o_usage(counts)]


def _end(provider: ProviderName) -> bytes:
    return A_STOP if provider == "anthropic" else O_DONE


def _steps(dice: random.Random, events: Sequence[bytes], *end: Step) -> tuple[list[Step], list[asyncio.Event]]:
    """A streamed answer with gates at random places, also before its first byte and before its end."""
    steps: list[Step] = [STREAM_HEAD, *(chunk(event) for event in events), *end]
    gates = [asyncio.Event() for _ in range(dice.choice((0, 0, 1, 1, 2, 3)))]
    places = sorted((dice.randint(0, len(steps) - bool(end)) for _ in gates), reverse=True)
    for place, gate in zip(places, reversed(gates), strict=True):
        steps.insert(place, gate)
    return steps, gates


def _whole(dice: random.Random, provider: ProviderName) -> Plan:
    texts = _texts(dice)
    # Now and then far more than was asked for, or than was held.
    output = dice.choice((1, dice.randint(2, 400), dice.randint(2, 400), 900_000))
    events = [*_begun(provider, texts, dice), *_report(provider, output), _end(provider)]
    steps, gates = _steps(dice, events, LAST)
    usage = Usage(input_tokens=INPUT, output_tokens=output)
    return Plan("whole", provider, steps, "".join(texts), Completion.COMPLETE, usage, gates=gates)


def _whole_without_text(dice: random.Random, provider: ProviderName) -> Plan:
    events = [*_begun(provider, (), dice), *_report(provider, 40), _end(provider)]
    steps, gates = _steps(dice, events, LAST)
    return Plan("no text", provider, steps, "", Completion.COMPLETE, gates=gates)


def _without_believable_usage(dice: random.Random, provider: ProviderName) -> Plan:
    texts, untrue = _texts(dice), dice.choice(UNTRUE)
    report = _report(provider, untrue)
    if untrue is None and provider == "openai":
        report = report[:1]
    steps, gates = _steps(dice, [*_begun(provider, texts, dice), *report, _end(provider)], LAST)
    return Plan(f"usage {untrue}", provider, steps, "".join(texts), Completion.COMPLETE, gates=gates)


def _cut_after_report(dice: random.Random, provider: ProviderName) -> Plan:
    texts = _texts(dice)
    steps, gates = _steps(dice, [*_begun(provider, texts, dice), *_report(provider, 77)])
    usage = Usage(input_tokens=INPUT, output_tokens=77)
    return Plan("cut after the report", provider, steps, "".join(texts), Completion.PARTIAL, usage, gates=gates)


def _refused(dice: random.Random, provider: ProviderName) -> Plan:
    status = dice.choice(STATUSES)
    kind = {"type": "api_error", "message": "words of the provider"}
    return Plan(f"refused {status}", provider, refusal(status, {"type": "error", "error": kind}))


def _broken(kind: str, *, before: bool = False) -> Callable[[random.Random, ProviderName], Plan]:
    def make(dice: random.Random, provider: ProviderName) -> Plan:
        texts = [] if before else _texts_or_none(dice)
        events = _begun(provider, texts, dice)
        ends: dict[str, tuple[Step, ...]] = {
            "clean cut": (LAST,),
            "cut": (),
            "reset": (RESET,),
            "stall": (HANG,),
            "bad JSON": (chunk(b"event: content_block_delta\ndata: {nonsense\n\n"), LAST),
            "error event": (chunk(_error_event(provider)), LAST),
            "not UTF-8": (chunk(b"data: \xff\xfe{\n\n"), LAST),
        }
        if before:
            return Plan(f"{kind} before anything", provider, list(ends[kind]), stalls=kind == "stall")
        steps, gates = _steps(dice, events, *ends[kind])
        if kind == "stall":
            # A gate would be a stall as well.
            steps, gates = _without_gates(steps), []
        return Plan(
            kind,
            provider,
            steps,
            "".join(texts),
            whole_text=kind != "reset",
            stalls=kind == "stall",
            gates=gates,
        )

    return make


def _without_gates(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if not isinstance(step, asyncio.Event)]


def _error_event(provider: ProviderName) -> bytes:
    error = {"type": "overloaded_error", "message": "words of the provider"}
    if provider == "anthropic":
        return named("error", {"type": "error", "error": error})
    return o_chunk(error=error)


_WHOLE = (_whole, _whole, _whole_without_text, _without_believable_usage)
_TROUBLES = (
    _refused,
    _refused,
    _refused,
    _cut_after_report,
    *(_broken(kind) for kind in ("clean cut", "cut", "reset", "stall", "bad JSON", "error event", "not UTF-8")),
    *(_broken(kind, before=True) for kind in ("cut", "reset", "stall")),
)
