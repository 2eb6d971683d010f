"""Whether cost grows with the answer and not with history: goal P6, on Postgres with millions of postings.

The books are filled with a history of two years, proven in full, and read as the product reads; then a thousand
replies come on top, and the audit that runs every day proves those.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bench.database import postgres
from bench.growth_books import add_replies, heavy_person, write_history
from bench.outcome import Part, at_most, spread
from bench.servers import ROOT
from bench.site import machine_environment

POSTINGS = 10_000_000
QUICK_POSTINGS = 200_000
NEW_REPLIES = 1_000
# Older than an audit looks back for rows that came late, so that the new replies alone are new.
HISTORY_ENDS_HOURS = 2
COMMAND_SECONDS = 7_200.0


def run(workdir: Path, *, quick: bool = False, postings: int | None = None) -> Part:
    """Measure. Raises RuntimeError when a command of the product fails."""
    wanted = postings or (QUICK_POSTINGS if quick else POSTINGS)
    part = Part("growth", f"python -m bench growth --postings {wanted}")
    with postgres(workdir) as database, database.fresh("loom_growth") as url:
        _product(workdir, url, "bench.growth_reads", "prepare")
        ended = datetime.now(UTC) - timedelta(hours=HISTORY_ENDS_HOURS)
        begun = time.monotonic()
        history = write_history(url, postings=wanted, ended=ended)
        filled = time.monotonic() - begun
        part.lines.append(f"{wanted:,} postings, {_gigabytes(url):.1f} GB, written in {filled:.0f} s.")
        begun = time.monotonic()
        said = _product(workdir, url, "projectloom", "audit", "--full").strip().splitlines()[-1]
        part.lines += [f"Full audit in {time.monotonic() - begun:.1f} s: {said}", ""]
        reads: dict[str, list[float]] = json.loads(
            _product(workdir, url, "bench.growth_reads", "measure", heavy_person())
        )
        add_replies(url, history, count=NEW_REPLIES, ended=datetime.now(UTC))
        audits: list[float] = json.loads(_product(workdir, url, "bench.growth_reads", "audit"))
    reads[f"audit after {NEW_REPLIES:,} new replies"] = audits
    part.lines += ["| for the person with a tenth of all replies | median ms (least–most) |", "|---|---|"]
    part.lines += [f"| {name} | {spread(times):.2f} |" for name, times in reads.items()]
    medians = {name: spread(times).median for name, times in reads.items()}
    part.goals = [
        at_most("P6", f"balance read with {wanted:,} postings", medians["balance"], 2, "ms"),
        at_most("P6", "a full month's usage", medians["a full month's usage"], 50, "ms"),
        at_most("P6", "incremental audit", medians[f"audit after {NEW_REPLIES:,} new replies"] / 1_000, 1, "s"),
    ]
    return part


def _product(workdir: Path, url: str, module: str, *words: str) -> str:
    """What a module says, run on the books."""
    environment = {
        **machine_environment(),
        "DATABASE_URL": url,
        "LOOM_DATA_DIR": str(workdir / "site-data"),
        "LOOM_ENV_FILE": os.devnull,
    }
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def _gigabytes(url: str) -> float:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return row[0] / 1e9 if row else 0.0
