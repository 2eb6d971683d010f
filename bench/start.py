"""How long a person waits for the first page: goal P7, from a copy with nothing built and from one that was built.

The cold start has no environment, no pages and an empty home, so no cache of a person's counts; the package indexes and
what the machine itself keeps of them are used as they are.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.outcome import Part, at_most, spread
from bench.servers import Server, free_port
from bench.site import fresh_copy, machine_environment

COLD_SECONDS = 900.0
WARM_SECONDS = 120.0
WARM_STARTS = 3
NPM_SECONDS = 30


def run(workdir: Path, *, quick: bool = False) -> Part:
    """Measure. Raises NotStarted when a start fails."""
    part = Part("start", "python -m bench start" + (" --quick" if quick else ""))
    home, folder = workdir / "empty-home", workdir / "cold"
    for old in (home, folder):
        shutil.rmtree(old, ignore_errors=True)
    home.mkdir(parents=True)
    fresh_copy(folder)
    try:
        cold, _ = _start(workdir, folder, home, seconds=COLD_SECONDS)
        warm = [_start(workdir, folder, home, seconds=WARM_SECONDS) for _ in range(1 if quick else WARM_STARTS)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    times, memory = spread([seconds for seconds, _ in warm]), spread([megabytes for _, megabytes in warm])
    part.lines = [
        "| `./run.sh` to the first page | seconds |",
        "|---|---|",
        f"| cold: no environment, no pages, empty home | {cold:.1f} |",
        f"| warm | {times:.1f} |",
        "",
        f"Memory of a server that just started: {memory:.0f} MB.",
    ]
    part.goals = [
        at_most("P7", "cold start to the first page", cold, 45, "s"),
        at_most("P7", "warm start to the first page", times.median, 8, "s"),
    ]
    return part


def _start(workdir: Path, folder: Path, home: Path, *, seconds: float) -> tuple[float, float]:
    """Seconds to the first page, and the memory then in MB."""
    port = free_port()
    # What runs this bench is the Python that the launcher shall find, not the environment it runs in.
    python = Path(sys.executable).resolve()
    machine = machine_environment()
    environment = {
        **machine,
        "HOME": str(home),
        "PATH": f"{python.parent}:{machine['PATH']}",
        "PYTHON": str(python),
        "PORT": str(port),
        **_registry(),
    }
    log = workdir / "logs" / "start.log"
    with Server(["./run.sh"], core=None, log=log, environment=environment, folder=folder) as server:
        taken = server.await_answer(f"http://127.0.0.1:{port}/", seconds=seconds)
        return taken, server.memory_mb()


def _registry() -> dict[str, str]:
    """Where npm's packages come from on this machine: an empty home does not say."""
    npm = shutil.which("npm")
    if npm is None:
        return {}
    asked = [npm, "config", "get", "registry"]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=NPM_SECONDS, check=False).stdout.strip()
    return {"NPM_CONFIG_REGISTRY": said} if said.startswith("http") else {}
