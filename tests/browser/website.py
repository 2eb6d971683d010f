"""The real site, pages and all, started as a person starts it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import httpx

from projectloom.config import PROJECT_ROOT
from tests.conftest import SETTINGS_NAMES
from tests.live import OPEN_DOORS, LiveServer

# Long enough for a machine that has never built the pages.
START_SECONDS = 110
# So fast does the sandbox speak that a page of reply takes about a second, and a long one several.
SPEED = "4"
# Whom the site takes for its operator.
OPERATOR = "operator@example.org"


class Website(LiveServer):
    """``python -m projectloom.launch`` on a free port and an empty data folder."""

    start_seconds = START_SECONDS
    speaks_to: tuple[str, ...] = ()
    """Other addresses that its pages may ask for something."""

    def __init__(self, folder: Path) -> None:
        super().__init__({})
        self.folder = folder
        self.url = f"http://localhost:{self.port}"
        # All that the machine says about networks and registries is passed on, since the pages may have to be built.
        # BASE_URL stays unset: pages are built anew for each address.
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in SETTINGS_NAMES},
            "PORT": str(self.port),
            "LOOM_DATA_DIR": str(folder),
            "LOOM_ENV_FILE": os.devnull,
            "LOOM_SANDBOX_SPEED": SPEED,
            "ADMIN_EMAILS": OPERATOR,
            **OPEN_DOORS,
        }

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "projectloom.launch"],
            env=self.environment,
            cwd=PROJECT_ROOT,
            start_new_session=True,
        )
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the site ended as it started"
            try:
                if httpx.get(f"{self.url}/sign-in", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.kill()
        raise AssertionError("the site did not answer in time")

    def kill(self) -> None:
        """End the server and the workers that it started, as a power cut would."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        super().kill()

    def let_leases_run_out(self) -> None:
        """While the site is down: what waiting a quarter of a minute would do for the turns that it was at work on."""
        with closing(sqlite3.connect(self.folder / "projectloom-sandbox.db")) as connection, connection:
            connection.execute("UPDATE turns SET lease_until = '2020-01-01 00:00:00.000000' WHERE ended_at IS NULL")

    def write(self, statement: str, *values: object) -> None:
        """Change the site's database behind its back, as its owner could."""
        with closing(sqlite3.connect(self.folder / "projectloom-sandbox.db", timeout=30)) as connection, connection:
            connection.execute(statement, values)

    def grant(self, email: str, *, cents: int, times: int = 1) -> None:
        """Give a person credit, so many times, in a process of its own as an operator would."""
        command = [sys.executable, "-m", "tests.browser.grant", email, str(cents), str(times)]
        subprocess.run(command, env=self.environment, cwd=PROJECT_ROOT, check=True, timeout=60)

    def spend(self, email: str, *, cents: int, times: int = 1) -> None:
        """Let a person have spent so much on each of so many replies."""
        command = [sys.executable, "-m", "tests.browser.spend", email, str(cents), str(times)]
        subprocess.run(command, env=self.environment, cwd=PROJECT_ROOT, check=True, timeout=60)

    def talk(self, email: str, talks: dict[str, list[str]]) -> None:
        """Let a person have had conversations, the last of them last: titles with what was said in turn."""
        command = [sys.executable, "-m", "tests.browser.talk", email]
        told = json.dumps(talks).encode()
        subprocess.run(command, env=self.environment, cwd=PROJECT_ROOT, input=told, check=True, timeout=60)

    def lengthen(self, email: str, *, messages: int, title: str) -> None:
        """Give a person a chat of so many messages."""
        command = [sys.executable, "-m", "tests.browser.long_chat", email, str(messages), title]
        subprocess.run(command, env=self.environment, cwd=PROJECT_ROOT, check=True, timeout=60)

    def ask_books(self, question: str, *values: str) -> list[tuple]:
        """Read from the site's database."""
        connection = sqlite3.connect(f"file:{self.folder / 'projectloom-sandbox.db'}?mode=ro", uri=True)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()
