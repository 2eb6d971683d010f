"""``python -m bench all | relay | ledger | growth | lists | start | pages``: measure, and print what came of it.

A whole run that is not quick is also written to bench/RESULTS.md, any other into the work folder. Ends with 1 when
something was wrong that no figure may hide: books that do not prove clean, answers that were not whole, a part that
broke. A goal that was not met is a figure and no failure.
"""

import argparse
import fcntl
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import growth, ledger_part, lists, relay, results, start
from bench.outcome import Part
from bench.servers import ROOT

PARTS = ("relay", "ledger", "growth", "lists", "start", "pages")
WORKDIR = ROOT / "data" / "bench"


def main() -> int:
    told = _parser().parse_args()
    workdir: Path = told.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    # Two runs in one folder would take each other's database away. The lock ends with the process.
    lock = (workdir / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Another run is at work in {workdir}: wait for it, or name another --workdir.", file=sys.stderr)
        return 2
    wanted = PARTS if told.part == "all" else (told.part,)
    left_out = {name: "not asked for." for name in PARTS if name not in wanted}
    parts: list[Part] = []
    for name in wanted:
        print(f"Measuring: {name}.", file=sys.stderr, flush=True)
        measure = _measures(workdir, quick=told.quick, postings=told.postings)[name]
        # One part that breaks must not take the others' figures with it; it makes the run fail, and is told.
        try:
            parts.append(measure())
        except Exception as error:  # noqa: BLE001 - see above
            left_out[name] = f"it broke with {type(error).__name__}: {error}"
    text = results.report(parts, left_out, quick=told.quick)
    print(text)
    # What the tree keeps is a whole run on a machine that had nothing else to do.
    kept = results.FILE if told.part == "all" and not told.quick else workdir / results.FILE.name
    kept.write_text(text, "utf-8")
    broken = [name for name in wanted if name in left_out]
    return 0 if not broken and all(part.clean for part in parts) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", choices=("all", *PARTS))
    parser.add_argument("--quick", action="store_true", help="see that everything works: too short for figures")
    parser.add_argument("--postings", type=int, help="how long the history of `growth` is; ten million unless told")
    parser.add_argument("--workdir", type=Path, default=WORKDIR, help="for all that is built and kept; data/bench")
    return parser


def _measures(workdir: Path, *, quick: bool, postings: int | None) -> dict[str, Callable[[], Part]]:
    return {
        "relay": partial(relay.run, workdir, quick=quick),
        "ledger": partial(ledger_part.run, quick=quick),
        "growth": partial(growth.run, workdir, quick=quick, postings=postings),
        "lists": partial(lists.run, workdir, quick=quick),
        "start": partial(start.run, workdir, quick=quick),
        "pages": partial(_pages, workdir, quick=quick),
    }


def _pages(workdir: Path, *, quick: bool) -> Part:
    # Playwright is needed for this part alone.
    from bench import pages  # noqa: PLC0415

    return pages.run(workdir, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
