"""A real server process, as its clients meet it: HTTP over loopback, and ``kill -9``.

It serves the HTTP doors and the sandbox without the pages, which need a build; tests/browser serves those too.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any, Self

import httpx

from tests.zygote import Forked, Zygote

START_SECONDS = 60
STOP_SECONDS = 15
# Apart from the numbers that tests repeat by their seed.
_random = random.SystemRandom()
# Limits that no test but those of the limits themselves comes near.
OPEN_DOORS = {
    "RATE_CHAT": "100000/minute",
    "RATE_AGENT": "100000/minute",
    "RATE_CHECKOUT": "100000/minute",
    "RATE_UPLOAD": "100000/minute",
    "RATE_PROGRAM": "1000000/minute",
    "RATE_SIGN_IN": "100000/minute",
    "RATE_SIGN_UP": "100000/minute",
    "RATE_SIGN_UP_ALL": "100000/minute",
}
PASSED_ON = ("PATH", "HOME", "XDG_RUNTIME_DIR", "LANG")


def free_port() -> int:
    """A port that nobody listens on, from below those that outgoing connections are given.

    A server binds it seconds later, and by then a connection of another test would have taken a port of those.
    """
    while True:
        port = _random.randrange(12_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class LiveServer:
    """One server that can be killed and started again on the same database and port.

    With a zygote it and the operator's commands are forked from there, where everything is imported already.
    """

    def __init__(self, environment: dict[str, str], zygote: Zygote | None = None) -> None:
        self.zygote = zygote
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.environment = {
            **passed,
            "PORT": str(self.port),
            "BASE_URL": self.url,
            "LOOM_SANDBOX_SPEED": "30",
            "LOOM_ENV_FILE": os.devnull,
            # What the server asks of models by itself would be counted among what a test asks.
            "AUTOMATIC_TITLES": "off",
            # Hundreds of people come from this one machine within a minute.
            **OPEN_DOORS,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.clients: list[httpx.Client] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        self.stop()

    def start(self) -> None:
        self.spawn()
        self.await_start()

    def spawn(self) -> None:
        """Begin to start; it may be killed before it answers."""
        if self.zygote is None:
            self.process = subprocess.Popen([sys.executable, "-m", "tests.live"], env=self.environment)
        else:
            self.process = self.zygote.start([], self.environment)

    def await_start(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(verify=False, timeout=2) as client:
            while time.monotonic() < deadline:
                assert self.process.poll() is None, "the server ended as it started"
                try:
                    client.get(f"{self.url}/api/credits/balance")
                except httpx.TransportError:
                    time.sleep(0.02)
                else:
                    return
        raise AssertionError("the server did not answer in time")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS)
            finally:
                self.kill()

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            self.process = None

    def audit(self) -> str:
        """Prove the books with the operator's own command; its output."""
        return self.command("audit")

    def command(self, *words: str) -> str:
        """Run one of the operator's commands beside the server; its output."""
        if self.zygote is not None:
            return self._forked_command(self.zygote, list(words))
        run = subprocess.run(
            [sys.executable, "-m", "projectloom", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def _forked_command(self, zygote: Zygote, words: list[str]) -> str:
        with tempfile.NamedTemporaryFile("r") as output:
            code = zygote.start(words, self.environment, output.name).wait(60)
            found = output.read()
        assert code == 0, found
        return found

    def client(self, **options: Any) -> httpx.Client:
        """A client that keeps cookies, as a browser does."""
        self.clients.append(httpx.Client(base_url=self.url, timeout=30, **options))
        return self.clients[-1]

    def sign_up(self, email: str, *, mode: str = "own") -> httpx.Client:
        """A client of a new person."""
        client = self.client()
        answer = client.post("/api/auth/sign-up", json={"email": email, "password": "correct horse battery"})
        assert answer.status_code == 200, answer.text
        client.put("/api/preferences", json={"apiKeyMode": mode}).raise_for_status()
        return client


def buy(client: httpx.Client, amount: int, outcome: str = "paid") -> httpx.Response:
    """Buy a pack on the sandbox's payment page; the redirect back."""
    url = client.post("/api/stripe/create-checkout", json={"amount": amount}).raise_for_status().json()["url"]
    return client.post(url, data={"outcome": outcome})


def await_balance(client: httpx.Client, dollars: str, seconds: float = 5) -> None:
    """Wait until the balance is this exact decimal string."""
    deadline = time.monotonic() + seconds
    found = ""
    while time.monotonic() < deadline:
        found = client.get("/api/credits/balance").json()["balanceUsd"]
        if found == dollars:
            return
        time.sleep(0.05)
    raise AssertionError(f"the balance is {found}, not {dollars}")


def main() -> None:
    import uvloop
    from fastapi import FastAPI
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from projectloom.api.v1.door import with_door_for_programs
    from projectloom.config import settings
    from projectloom.logs import begin_logging
    from projectloom.service import Service

    begin_logging(settings().log_format, settings().log_level)
    service = Service()
    outer = FastAPI(lifespan=lambda _app: service.running(), openapi_url=None)
    outer.mount("/", with_door_for_programs(service.app))

    async def serve() -> None:
        server = Server(outer, address="127.0.0.1", port=settings().port, interface=Interfaces.ASGI, log_enabled=False)
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, server.stop)
        await server.serve()

    uvloop.run(serve())


if __name__ == "__main__":
    main()
