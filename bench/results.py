"""What is printed at the end of a run and written down: every figure is of that run."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import litellm
from bench.outcome import Part

FILE = Path(__file__).with_name("RESULTS.md")
GOALS = ("P1", "P2", "P3", "P4", "P5", "P6", "P7")
_PACKAGES = ("reflex", "fastapi", "granian", "sqlmodel", "sqlalchemy", "psycopg", "openai", "anthropic")


def report(parts: Sequence[Part], left_out: dict[str, str], *, quick: bool) -> str:
    """A run as Markdown: the machine, each goal, and each part with its command."""
    lines = ["# What was measured", "", *_machine(), ""]
    if quick:
        lines += ["A quick run: too short for figures to rely on.", ""]
    lines += ["| goal | asks for | measured | |", "|---|---|---|---|"]
    reached = [goal for part in parts for goal in part.goals]
    lines += [goal.line() for goal in sorted(reached, key=lambda goal: goal.number)]
    missing = [number for number in GOALS if number not in {goal.number for goal in reached}]
    if missing:
        lines += ["", f"Not measured in this run: {', '.join(missing)}."]
    lines += [line for name, why in left_out.items() for line in ("", f"Left out: `{name}`: {why}")]
    for part in parts:
        lines += ["", f"## {part.name}", "", f"`{part.command}`", "", *part.lines]
        if not part.clean:
            lines += ["", "**Something was wrong in this part: see above.**"]
    return "\n".join(lines) + "\n"


def _machine() -> list[str]:
    """Where and when, with what else the machine did."""
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average at the end of the run: {load}",
        f"- {_processor()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB; {platform.platform()}",
        f"- Python {platform.python_version()}; {packages}; peer: LiteLLM {litellm.VERSION}",
        "- what is measured has one core, with all its processes; mock provider, load and Postgres share the other",
        "- absolute figures drift with the machine: only ratios within one run count",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
