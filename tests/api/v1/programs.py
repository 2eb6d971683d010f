"""A person's own program, with real clients of both providers, and what its calls cost by every door that tells."""

import time
from decimal import Decimal
from functools import cached_property
from typing import Any

import anthropic
import httpx
import openai

from projectloom.ids import new_id
from tests.live import LiveServer, buy

GPT, CLAUDE, VECTORS = "gpt-6.1-terra", "claude-haiku-4-5", "text-embedding-3-small"
HI: Any = [{"role": "user", "content": "Hi"}]
LONG: Any = [{"role": "user", "content": "Write a long essay of 1000 words about rivers"}]
SETTLE_SECONDS = 5


class Program:
    """One person with a key of their own, and what they had when they began."""

    def __init__(self, server: LiveServer, *, dollars: int = 25, mode: str = "credits", **key: Any) -> None:
        self.server = server
        self.email = f"{new_id('p').lower()}@example.org"
        self.person = server.sign_up(self.email, mode=mode)
        if dollars:
            buy(self.person, dollars)
            deadline = time.monotonic() + SETTLE_SECONDS
            while not self.balance and time.monotonic() < deadline:
                time.sleep(0.02)
        self.begun = self.balance
        made = self.person.post("/api/keys", json={"name": "program", **key}).raise_for_status().json()
        self.key_id, self.key = made["id"], made["key"]
        self.http = httpx.Client(base_url=server.url, timeout=30, headers={"authorization": f"Bearer {self.key}"})

    @cached_property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(api_key=self.key, base_url=f"{self.server.url}/v1", max_retries=0)

    @cached_property
    def anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(api_key=self.key, base_url=self.server.url, max_retries=0)

    @property
    def balance(self) -> Decimal:
        return Decimal(self._balances()["balanceUsd"])

    @property
    def held(self) -> Decimal:
        return Decimal(self._balances()["heldUsd"])

    def _balances(self) -> dict[str, Any]:
        return self.person.get("/api/credits/balance").raise_for_status().json()

    def settled(self, number: int) -> list[dict[str, Any]]:
        """The receipts, the latest first, once there are so many and nothing is held."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            receipts = self.receipts()
            if len(receipts) >= number and not self.held:
                assert len(receipts) == number
                return receipts
            time.sleep(0.02)
        raise AssertionError(f"{len(self.receipts())} receipts, {self.held} held")

    def released(self) -> None:
        """Wait until nothing is held."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.held:
            assert time.monotonic() < deadline, "the hold stands"
            time.sleep(0.02)

    def receipts(self) -> list[dict[str, Any]]:
        return self.person.get("/api/usage").raise_for_status().json()["usage"]

    def arm(self, kind: str, **more: Any) -> None:
        """Let this program's next request go wrong at its provider."""
        armed = self.person.post("/sandbox/control/api/providers/faults", json={"kind": kind, **more})
        assert armed.status_code == 200, armed.text

    def check_books(self) -> None:
        """What is gone from the balance is what the receipts charge, and nothing is held."""
        self.released()
        charged = sum((Decimal(one["chargedUsd"]) for one in self.receipts()), Decimal(0))
        assert self.begun - self.balance == charged

    def close(self) -> None:
        self.http.close()
        for name in ("openai", "anthropic"):
            if name in self.__dict__:
                self.__dict__[name].close()


def events(lines: Any) -> list[str]:
    """The data of a stream's events."""
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
