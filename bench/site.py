"""ProjectLoom as an operator runs it: a copy of the tree, the production launcher, Postgres, live provider settings.

The copy keeps what the bench builds out of the tree that people work in. Its provider is the mock, its people have an
account, granted credit and, where the product has them, an API key.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.servers import ROOT, Server, free_port

MODEL = "gpt-5.4-mini"
# Together they may run more replies at once than one person may.
PEOPLE = 4
GRANTED_DOLLARS = 10_000
# The first start in a fresh folder builds the pages.
START_SECONDS = 300.0
COMMAND_SECONDS = 1_800.0
_PASSWORD = "correct horse battery staple"
_LEFT_OUT = (
    ".git", ".venv*", ".web", "data", "__pycache__", "node_modules", ".*_cache", ".hypothesis", "test-results",
    ".states", ".env",
)  # fmt: skip
# All that the machine says about networks and registries is passed on, and nothing that configures the product.
_PASSED_ON = (
    "PATH", "HOME", "LANG", "SSL_", "NODE_", "PIP_", "UV_", "NPM_", "npm_", "http_", "https_", "HTTP_", "HTTPS_",
    "NO_PROXY", "no_proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with credit."""

    email: str
    session: str
    """The token of a signed-in session."""
    api_key: str | None
    """None where the product makes no API keys."""


class Site:
    """A running server and what an operator does beside it."""

    def __init__(self, url: str, server: Server, environment: dict[str, str], folder: Path) -> None:
        self.url, self.server, self.folder = url, server, folder
        self._environment = environment

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of the operator's commands."""
        return self.module("projectloom", *words)

    def module(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the site's folder beside the server."""
        return subprocess.run(
            [".venv/bin/python", "-m", *words],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def join(self, name: str) -> Person:
        """Somebody new, in credits mode, with credit. Raises RuntimeError when the product refuses."""
        email = f"{name}@bench.example"
        with httpx.Client(base_url=self.url, timeout=30) as client:
            credentials = {"email": email, "password": _PASSWORD}
            token: str = client.post("/api/auth/sign-up", json=credentials).raise_for_status().json()["token"]
            client.put("/api/preferences", json={"apiKeyMode": "credits"}).raise_for_status()
            made = client.post("/api/keys", json={"name": "bench"})
            api_key: str | None = made.json()["key"] if made.is_success else None
        granted = self.command("grant", email, str(GRANTED_DOLLARS), "--reason", "bench")
        if granted.returncode:
            raise RuntimeError(granted.stdout + granted.stderr)
        return Person(email, token, api_key)

    def audit(self) -> tuple[bool, str]:
        """Prove the books in full: whether every promise holds, and the last line of what was said."""
        done = self.command("audit", "--full")
        said = (done.stdout + done.stderr).strip()
        return done.returncode == 0, said if done.returncode else said.splitlines()[-1]


def fresh_copy(folder: Path) -> None:
    """Copy the project into a folder, without what was built or kept in it."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT), dirs_exist_ok=True)


def copy_of_tree(workdir: Path) -> Path:
    """A copy of the project in which the pages of the last copy stay, if they are there.

    It shares the environment of the tree, which nothing here changes.
    """
    folder = workdir / "tree"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name in {".web", ".venv"}:
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    fresh_copy(folder)
    environment = folder / ".venv"
    if not environment.exists():
        environment.unlink(missing_ok=True)
        environment.symlink_to(Path(sys.prefix), target_is_directory=True)
    return folder


def machine_environment() -> dict[str, str]:
    """What the environment says about this machine, and nothing that configures the product."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}


def operator_environment(workdir: Path, *, port: int, database_url: str, provider_port: int) -> dict[str, str]:
    """The settings of a server with a live provider, which is the mock, and credit that only the operator gives."""
    mock = f"http://127.0.0.1:{provider_port}"
    return {
        **machine_environment(),
        "PORT": str(port),
        "LOOM_DATA_DIR": str(workdir / "site-data"),
        "LOOM_ENV_FILE": os.devnull,
        "DATABASE_URL": database_url,
        "OPENAI_API_KEY": "sk-bench-openai",
        "OPENAI_BASE_URL": f"{mock}/v1",
        "ANTHROPIC_API_KEY": "sk-bench-anthropic",
        "ANTHROPIC_BASE_URL": mock,
        # Names for conversations are calls of the server's own, which nobody asked for here.
        "AUTOMATIC_TITLES": "off",
        # A few people ask for as much as they can get.
        **{f"RATE_{act}": "1000000/minute" for act in ("CHAT", "PROGRAM", "SIGN_IN", "SIGN_UP", "SIGN_UP_ALL")},
    }


@contextmanager
def running_site(workdir: Path, *, database_url: str, provider_port: int, core: int) -> Generator[Site]:
    """ProjectLoom in production on one core, from its launcher. Raises NotStarted."""
    folder, port = copy_of_tree(workdir), free_port()
    shutil.rmtree(workdir / "site-data", ignore_errors=True)
    environment = operator_environment(workdir, port=port, database_url=database_url, provider_port=provider_port)
    command = [".venv/bin/python", "-m", "projectloom.launch"]
    log = workdir / "logs" / "projectloom.log"
    with Server(command, core=core, log=log, environment=environment, folder=folder) as server:
        url = f"http://127.0.0.1:{port}"
        server.await_answer(f"{url}/sign-in", seconds=START_SECONDS)
        yield Site(url, server, environment, folder)
