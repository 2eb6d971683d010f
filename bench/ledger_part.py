"""Goal P4 from ``python -m bench.ledger``, a program of its own: what it prints, and what that says of the goal."""

import re
import subprocess
import sys

from bench.outcome import Goal, Part, at_least
from bench.servers import ROOT

SECONDS = 3_600
_CONTENDER = "quick path"
# "… people: holds with their captures a second, …" and below it " 8 clients  quick path  2,606 (2,500–2,700)  1.00 x".
_TITLE = re.compile(r"(?P<title>.+): holds with their captures a second")
_RATIO = re.compile(rf"\s*(?P<clients>\d+) clients\s+{_CONTENDER}\s+[\d,]+ \([^)]*\)\s+(?P<ratio>[\d.]+) x")


def run(*, quick: bool = False) -> Part:
    """Measure. Raises RuntimeError when there is nothing to run, or no figure can be read from what it says."""
    if not (ROOT / "bench" / "ledger.py").exists():
        raise RuntimeError("there is no bench/ledger.py")
    words = ["-m", "bench.ledger", *(["--seconds", "1", "--rounds", "1"] if quick else [])]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    said = (done.stdout + (done.stderr if done.returncode else "")).strip().splitlines()
    goals = goals_of(said)
    if not goals:
        raise RuntimeError("it told no figures: " + " / ".join(said[-5:]))
    lines = ["```", *said, "```"]
    return Part("ledger", "python " + " ".join(words), lines, goals, clean=not done.returncode)


def goals_of(said: list[str]) -> list[Goal]:
    """P4's goals: what the quick path reaches of pgbench running the same statements."""
    goals: list[Goal] = []
    title = ""
    for line in said:
        if found := _TITLE.match(line):
            title = found["title"]
        elif (cell := _RATIO.match(line)) and title and not title.startswith("SQLite"):
            clients = int(cell["clients"])
            wanted = 3 if "hot" in title else {8: 1, 32: 2}[clients]
            what = f"hold and capture, {title}, {clients} clients, pgbench's rate"
            goals.append(at_least("P4", what, float(cell["ratio"]), wanted))
    return goals
