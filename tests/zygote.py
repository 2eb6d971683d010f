"""Starting a server in a fraction of a second: one process imports the whole application and forks a child for each.

A child is a process of its own from then on: it reads its own environment, opens its own database and port, runs what
``python -m tests.live`` or ``python -m projectloom`` runs, and is killed with SIGKILL like any other. Only the import
of the modules, which takes seconds, is shared. Nothing of the application has run in the process that is forked: no
settings are read there, and no thread, loop, engine or connection is open.

Requests and answers are lines of JSON: ``{"run": [words], "environment": {}, "output": path}`` → ``{"pid"}``, and
``{"poll": pid}`` → ``{"code"}``, the exit code, negative for a signal, or null while it runs.
"""

import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any, Self

from projectloom.config import PROJECT_ROOT

POLL_SECONDS = 0.002


class Forked:
    """A forked process, with what is used of ``subprocess.Popen``."""

    def __init__(self, zygote: "Zygote", pid: int) -> None:
        self._zygote, self.pid = zygote, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._zygote.ask(poll=self.pid)["code"]
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a forked process", timeout)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Zygote:
    """The process that forks, seen from a test."""

    def __enter__(self) -> Self:
        # What it passes on is replaced in each child; settings of the tests' own process must not reach it either.
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=PROJECT_ROOT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, words: list[str], environment: dict[str, str], output: str | None = None) -> Forked:
        """Begin a server (no words) or one of the operator's commands, whose output goes to a file."""
        return Forked(self, self.ask(run=words, environment=environment, output=output)["pid"])


def _import_everything() -> None:
    import alembic.command  # noqa: F401
    import anthropic  # noqa: F401
    import fastapi  # noqa: F401
    import granian.server.embed  # noqa: F401
    import openai  # noqa: F401
    import stripe  # noqa: F401

    import projectloom.__main__
    import projectloom.service  # noqa: F401
    from projectloom.config import settings
    from projectloom.db import engine

    assert settings.cache_info().currsize == engine.cache_info().currsize == 0


def _become(request: dict[str, Any]) -> None:
    """In the child: what a fresh process with this environment and these words would be."""
    os.environ.clear()
    os.environ.update(request["environment"])
    output = request["output"]
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if output else 2
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(target, 1)
    if output:
        os.dup2(target, 2)
    random.seed()
    if request["run"]:
        from projectloom.__main__ import main as command

        sys.argv = ["projectloom", *request["run"]]
        code = command()
    else:
        from tests.live import main as serve

        serve()
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    _import_everything()
    gc.freeze()
    children: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            children.discard(pid)
            answer = {"code": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            pid = os.fork()
            if not pid:
                try:
                    _become(request)
                finally:
                    sys.stderr.flush()
                    os._exit(70)
            children.add(pid)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in children:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
