"""What a part of the bench came to: its table, the goals it speaks for, and what a reader must know beside them."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal as it was measured in this run."""

    number: str
    """``P1`` to ``P7``."""
    asks: str
    measured: str
    met: bool

    def line(self) -> str:
        return f"| {self.number} | {self.asks} | {self.measured} | {'met' if self.met else '**not met**'} |"


@dataclass(slots=True)
class Part:
    """One part's outcome. ``clean`` is False when something was wrong that no figure may hide."""

    name: str
    command: str
    lines: list[str] = field(default_factory=list[str])
    """Markdown."""
    goals: list[Goal] = field(default_factory=list[Goal])
    clean: bool = True


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the most of what it is the median of."""

    median: float
    least: float
    most: float

    def __format__(self, spec: str) -> str:
        if self.least == self.most:
            return format(self.median, spec)
        return f"{self.median:{spec}} ({self.least:{spec}}–{self.most:{spec}})"


def spread(values: Sequence[float]) -> Spread:
    """Raises ``statistics.StatisticsError`` for no values."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(one: float, other: float) -> float:
    """``one / other``, and no number where there is nothing to divide by: no goal is met by that."""
    return one / other if other > 0 else math.nan


def at_least(number: str, what: str, ratio: float, wanted: float, unit: str = "×") -> Goal:
    """A goal that a figure reaches from below."""
    return Goal(number, f"{what} ≥ {wanted:g} {unit}", f"{ratio:.2f} {unit}", ratio >= wanted)


def at_most(number: str, what: str, value: float, wanted: float, unit: str) -> Goal:
    """A goal that a figure stays below."""
    return Goal(number, f"{what} ≤ {wanted:g} {unit}", f"{value:.2f} {unit}", value <= wanted)
