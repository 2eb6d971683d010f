"""What the list of conversations costs a person who has ten thousand of them, on SQLite and on Postgres.

One person's history is written, ten messages of some 600 bytes to each conversation, beside another person's half as
long; then the list's pages and searches are read as the page reads them, each so many times.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.database import postgres
from bench.lists_reads import MESSAGE_BYTES, MESSAGES, READS
from bench.outcome import Part, spread
from bench.servers import ROOT
from bench.site import machine_environment

CONVERSATIONS = 10_000
QUICK_CONVERSATIONS = 300
GOAL_MS = 100
COMMAND_SECONDS = 1_800.0


def run(workdir: Path, *, quick: bool = False) -> Part:
    """Measure. Raises RuntimeError when a command of the product fails."""
    count = QUICK_CONVERSATIONS if quick else CONVERSATIONS
    part = Part("lists", "python -m bench lists" + (" --quick" if quick else ""))
    times = {"SQLite": _measured(workdir, count, None)}
    with postgres(workdir) as database, database.fresh("loom_lists") as url:
        times["Postgres"] = _measured(workdir, count, url)
    part.lines = [
        f"{count:,} conversations of one person, {MESSAGES} messages each, {MESSAGE_BYTES} bytes a message.",
        "",
        f"| ms (least–most), {READS} times | {' | '.join(times)} |",
        "|---|" + "---|" * len(times),
    ]
    for name in times["SQLite"]:
        row = " | ".join(f"{spread(found[name]):.1f}" for found in times.values())
        part.lines.append(f"| {name} | {row} |")
    slowest = max(spread(values).median for found in times.values() for values in found.values())
    part.lines += ["", f"The slowest median is {slowest:.1f} ms, of at most {GOAL_MS} ms wanted."]
    return part


def _measured(workdir: Path, count: int, url: str | None) -> dict[str, list[float]]:
    folder = workdir / f"lists-{'postgres' if url else 'sqlite'}"
    for old in folder.glob("*.db*"):
        old.unlink()
    environment = {**machine_environment(), "LOOM_DATA_DIR": str(folder), "LOOM_ENV_FILE": os.devnull}
    if url:
        environment["DATABASE_URL"] = url
    done = subprocess.run(
        [sys.executable, "-m", "bench.lists_reads", str(count)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"bench.lists_reads: {done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
