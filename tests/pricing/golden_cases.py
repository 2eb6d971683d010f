"""The golden corpus: usage as the providers publish it, and what each case comes to, worked out beside the payload."""

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, cast

from projectloom.providers import ProviderName
from projectloom.tokens import Usage

FOLDER = Path(__file__).parent / "golden"
FIGURES: dict[str, Any] = json.loads((FOLDER / "figures.json").read_text())["models"]

_TERM = re.compile(r"(?P<quantity>[0-9]+) x \$(?P<rate>[0-9.]+)/(?P<per>[Mk])")
_PER = {"M": 10**6, "k": 10**3}


@dataclass(frozen=True)
class Case:
    """One payload with its outcome. ``expected`` is None where nothing may be counted at all."""

    provider: ProviderName
    raw: dict[str, Any]

    @property
    def name(self) -> str:
        return self.raw["name"]

    @property
    def model(self) -> str:
        return self.raw["model"]

    @property
    def expected(self) -> dict[str, Any] | None:
        return self.raw["expected"]

    @property
    def usage(self) -> Usage | None:
        return Usage(**self.expected["usage"]) if self.expected else None

    @property
    def is_published_shape(self) -> bool:
        return not self.raw.get("outside_the_published_shape", False)

    def events(self) -> list[bytes]:
        """A streamed payload as the provider would send it."""
        return [_event(event) for event in self.raw["events"]]


def _event(event: object) -> bytes:
    match event:
        case [str(name), body]:
            return f"event: {name}\ndata: {json.dumps(body)}\n\n".encode()
        case "[DONE]":
            return b"data: [DONE]\n\n"
        case str():
            return event.encode()
        case _:
            return f"data: {json.dumps(event)}\n\n".encode()


def load(*, streamed: bool) -> list[Case]:
    kind = "streamed" if streamed else "whole"
    return [
        Case(cast("ProviderName", provider), raw)
        for provider in ("anthropic", "openai")
        for raw in json.loads((FOLDER / f"{provider}_{kind}.json").read_text())
    ]


STREAMED, WHOLE = load(streamed=True), load(streamed=False)
COUNTED = [case for case in (*STREAMED, *WHOLE) if case.expected]


def working_of(case: Case) -> list[tuple[int, str, str]]:
    """The terms of a case's working: quantity, rate as it is written, and the measure that the rate is for."""
    terms = [_TERM.fullmatch(term) for term in case.raw["working"].split(" + ")]
    assert all(terms), case.raw["working"]
    return [(int(term["quantity"]), term["rate"], term["per"]) for term in terms if term]


def worked_out_nanos(case: Case, markup_percent: str = "0") -> int:
    """The working's sum in whole nano-dollars, rounded up once. In fractions, and with none of the product's code."""
    usd = sum((quantity * Fraction(rate) / _PER[per] for quantity, rate, per in working_of(case)), Fraction(0))
    return ceil(usd * (1 + Fraction(markup_percent) / 100) * 10**9)
