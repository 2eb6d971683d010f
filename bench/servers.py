"""Processes that are measured, or that measure: started on a core of their own, watched through /proc, and ended.

What is measured has one core to itself, with all that it starts; the mock provider, the load and the database share
the other. A machine with one core can only show that everything works.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 15.0
# At rest is whatever takes less than this share of a core while one looks.
REST_SHARE = 0.15
REST_LOOK_SECONDS = 0.4
REST_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


class NotStarted(RuntimeError):
    """A process ended, or did not answer in time."""


def cores() -> tuple[int, int]:
    """The core for what is measured, and the one for everything else."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[-1], usable[0]


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One program with all that it starts. As a context it is ended with the block."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int | None,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*pinned, *command],
                env=None if environment is None else dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def await_answer(self, url: str, *, seconds: float) -> float:
        """Wait until the address answers with any status below 500; after how many seconds it did.

        Raises:
            NotStarted: the process ended, or the time is over; with the end of its log.
        """
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            if self._process.poll() is not None:
                raise NotStarted(f"it ended as it started: {self._log_end()}")
            if _answers(url):
                return time.monotonic() - begun
            time.sleep(0.05)
        raise NotStarted(f"no answer from {url} in {seconds:.0f} s: {self._log_end()}")

    def cpu_seconds(self) -> float:
        """Processor time of the process and of all that it started, so far."""
        return cpu_seconds_of(self._process.pid)

    def await_rest(self) -> None:
        """Wait until it does next to nothing, or for :data:`REST_SECONDS`: work that it put off is done then."""
        deadline = time.monotonic() + REST_SECONDS
        before = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(REST_LOOK_SECONDS)
            after = self.cpu_seconds()
            if after - before < REST_SHARE * REST_LOOK_SECONDS:
                return
            before = after

    def memory_mb(self) -> float:
        """Resident memory of the same processes, in MB of 10^6 bytes; what they share counts once (PSS)."""
        return sum(_memory_bytes(pid) for pid in tree_of(self._process.pid)) / 1e6

    def stop(self) -> None:
        """End it with SIGTERM, and with SIGKILL if it does not end."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def _log_end(self) -> str:
        return self._log.read_text("utf-8", "replace")[-2_000:]


def mock_provider(port: int, *, core: int, log: Path, chunks: int = 50, delay_ms: float = 0.0) -> Server:
    """The mock provider, ready to answer. Raises NotStarted."""
    options = ["--port", str(port), "--chunks", str(chunks), "--delay-ms", str(delay_ms)]
    server = Server([sys.executable, "-m", "bench.provider", *options], core=core, log=log)
    try:
        server.await_answer(f"http://127.0.0.1:{port}/", seconds=20)
    except NotStarted:
        server.stop()
        raise
    return server


def tree_of(pid: int) -> Iterator[int]:
    """A process and everything that descends from it and still runs."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children.get(one, [])


def cpu_seconds_of(pid: int) -> float:
    """Processor time of a process, of what it started, and of what it started and has ended."""
    ticks = 0
    for one in tree_of(pid):
        if fields := _stat(one):
            # utime, stime, cutime and cstime: fields 14 to 17 of proc(5), of which the first two are cut off.
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, the state first; empty when the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _memory_bytes(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1_024 for line in told.splitlines() if line.startswith("Pss:"))


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except HTTPError as answer:
        return answer.code < 500
    except (URLError, OSError):
        return False
