"""Random lives of a shop: a real server process that is killed at any moment, and what Stripe says in the end.

Stripe is the sandbox, whose store survives the kills as the real one would. What is true is read from that store alone,
never from what a request returned: many requests here never return.
"""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from projectloom.billing.balance import read_balance
from projectloom.db import reading
from projectloom.ids import new_id
from projectloom.jobs.audit import report
from projectloom.money import from_cents
from projectloom.operating.audit import audit
from tests.live import LiveServer

CONTROL = "/sandbox/control/api"
STEPS = 12
BONUS_CENTS = {1_000: 0, 2_500: 200, 5_000: 500, 10_000: 1_500}
TROUBLES = (
    {"duplicates": 3},
    {"delay_seconds": 0.2},
    {"reorder": "random"},
    {"reorder": "newest_first", "duplicates": 1},
    {"drop_next": 3},
    {"hold": True},
)
REST_SECONDS = 60


@dataclass
class Payment:
    """What is true of one paid session at Stripe."""

    intent: str
    cents: int
    refunds: list[dict[str, Any]] = field(default_factory=list)
    disputes: list[dict[str, Any]] = field(default_factory=list)

    def expected_nanos(self) -> int:
        """The credit that this purchase is worth when everything has been told."""
        returned = sum(refund["amount"] for refund in self.refunds if refund["status"] not in ("failed", "canceled"))
        returned += sum(dispute["amount"] for dispute in self.disputes if _is_taken(dispute))
        returned = min(returned, self.cents)
        price, bonus = from_cents(self.cents), from_cents(BONUS_CENTS[self.cents])
        return price - price * returned // self.cents + bonus - bonus * returned // self.cents


def _is_taken(dispute: dict[str, Any]) -> bool:
    return dispute["status"] == "lost" or sum(moved["amount"] for moved in dispute["balance_transactions"]) < 0


class Shop:
    """A server, the database that it keeps, and the truth in its sandbox. Reads the database beside the server."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self._sandbox = Path(server.environment["LOOM_DATA_DIR"]) / "sandbox.db"

    def control(self, path: str, **values: object) -> httpx.Response:
        with httpx.Client(base_url=self.server.url, timeout=30, verify=False) as client:
            return client.post(f"{CONTROL}/{path}", json=values)

    def payments(self, person: str) -> dict[str, Payment]:
        """What a person paid, by the payment's id."""
        with reading() as session:
            query = text("SELECT id FROM orders WHERE user_id = :person")
            orders = {row[0] for row in session.connection().execute(query, {"person": person})}
        own = [session for session in self._objects("checkout.session") if session["metadata"]["orderId"] in orders]
        paid = {
            session["payment_intent"]: Payment(session["payment_intent"], session["amount_total"])
            for session in own
            if session["payment_status"] == "paid"
        }
        for kind in ("refund", "dispute"):
            for found in self._objects(kind):
                if payment := paid.get(found["payment_intent"]):
                    (payment.refunds if kind == "refund" else payment.disputes).append(found)
        return paid

    def _objects(self, kind: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(f"file:{self._sandbox}?mode=ro", uri=True, timeout=10)
        try:
            rows = connection.execute("SELECT body FROM objects WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        finally:
            connection.close()
        return [json.loads(row[0]) for row in rows]

    def waiting(self, what: str) -> int:
        """How many rows wait: ``events`` that are kept and not handled, or ``holds``."""
        queries = {
            "events": "SELECT COUNT(*) FROM stripe_events WHERE handled_at IS NULL AND next_try_at IS NOT NULL",
            "holds": "SELECT COUNT(*) FROM holds WHERE state = 'held'",
        }
        with reading() as session:
            return session.connection().execute(text(queries[what])).scalar_one()

    def audit(self) -> None:
        found = audit()
        assert found.holds, report(found.checks)

    def come_to_rest(self) -> None:
        """Wait until every delivery, event and reply has ended; then the books are compared with Stripe twice."""
        self.control("reset").raise_for_status()
        deadline = time.monotonic() + REST_SECONDS
        client = self.server.client()
        while (
            client.get(f"{CONTROL}/state").json()["deliveries"]["pending"]
            or self.waiting("events")
            or self.waiting("holds")
        ):
            assert time.monotonic() < deadline, "the server did not come to rest"
            time.sleep(0.2)
        self.server.command("reconcile")
        assert "is credited now" not in self.server.command("reconcile")


class Schedule:
    """One person's life: buying, refunds, disputes, replies, a bad network, and kills."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.seed = shop, seed
        self.random = random.Random(seed)
        self.email = f"{new_id('p').lower()}@example.org"
        self.client = shop.server.sign_up(self.email, mode="credits")
        with reading() as session:
            query = text("SELECT id FROM users WHERE email = :email")
            self.person: str = session.connection().execute(query, {"email": self.email}).scalar_one()

    def run(self) -> None:
        steps: tuple[Callable[[], None], ...] = (
            self.buy,
            self.buy,
            self.trouble,
            self.trouble,
            self.release,
            self.refund,
            self.fail_refund,
            self.regret,
            self.dispute,
            self.chat,
            self.chat,
            self.kill,
            self.kill_in_a_burst,
            self.kill_before_an_event_is_handled,
            self.kill_in_a_reply,
            self.kill_as_it_starts,
        )
        for _ in range(STEPS):
            self.random.choice(steps)()
        self.shop.control("reset").raise_for_status()
        self.shop.audit()

    def check_the_end(self) -> None:
        """Once everything is at rest: the books say what Stripe's store says."""
        balances = read_balance(self.person)
        assert balances.held_nanos == 0
        worth = balances.posted_nanos + balances.frozen_nanos - balances.debt_nanos
        payments = self.shop.payments(self.person).values()
        assert worth == sum(payment.expected_nanos() for payment in payments) - balances.spent_nanos, payments

    def buy(self) -> None:
        self._purchase()(self.client)

    def _purchase(self) -> Callable[[httpx.Client], None]:
        """What to do with a client; chosen now, so that threads do not change what a seed means."""
        amount = self.random.choice((10, 25, 50, 100))
        outcome = self.random.choice(("paid", "paid", "paid", "declined"))

        def purchase(client: httpx.Client) -> None:
            asked = client.post("/api/stripe/create-checkout", json={"amount": amount})
            if asked.status_code == 200:
                client.post(asked.json()["url"], data={"outcome": outcome})
            else:
                # While a dispute is open nothing can be bought.
                assert asked.json()["code"] == "purchases_paused", asked.text

        return purchase

    def trouble(self) -> None:
        self.shop.control("rules", **self.random.choice(TROUBLES)).raise_for_status()

    def release(self) -> None:
        self.shop.control("release").raise_for_status()

    def _pick(self, fits: Callable[[Payment], object]) -> Payment | None:
        fitting = [payment for payment in self.shop.payments(self.person).values() if fits(payment)]
        return self.random.choice(fitting) if fitting else None

    def refund(self) -> None:
        payment = self._pick(lambda _: True)
        if payment:
            # Stripe itself refuses what is more than is left, or disputed.
            amount = self.random.choice((payment.cents, 1, 333, 500))
            answer = self.shop.control("refunds", payment_intent=payment.intent, amount=amount)
            assert answer.status_code in (200, 400), answer.text

    def fail_refund(self) -> None:
        payment = self._pick(lambda payment: payment.refunds)
        if payment:
            answer = self.shop.control(f"refunds/{self.random.choice(payment.refunds)['id']}/fail")
            assert answer.status_code in (200, 400), answer.text

    def regret(self) -> None:
        """The person asks for an unspent purchase's money back."""
        with reading() as session:
            query = text("SELECT id FROM orders WHERE user_id = :person ORDER BY id")
            orders = session.connection().execute(query, {"person": self.person}).scalars().all()
        if orders:
            answer = self.client.post(f"/api/orders/{self.random.choice(orders)}/refund")
            # Stripe refuses where it refunded before and its report is still on the way: the credit is there again.
            refusals = ("not_refundable", "payment_unavailable")
            assert answer.status_code == 200 or answer.json()["code"] in refusals, answer.text

    def dispute(self) -> None:
        payment = self._pick(lambda _: True)
        if payment is None:
            return
        if not payment.disputes:
            answer = self.shop.control("disputes", payment_intent=payment.intent)
        elif payment.disputes[-1]["balance_transactions"]:
            answer = self.shop.control(f"disputes/{payment.disputes[-1]['id']}/{self.random.choice(('won', 'lost'))}")
        else:
            answer = self.shop.control(f"disputes/{payment.disputes[-1]['id']}/withdraw")
        assert answer.status_code in (200, 400), answer.text

    def chat(self) -> None:
        body = {"messages": [{"role": "user", "content": "hi"}], "model": "gpt-6-luna", "maxTokens": 256}
        answer = self.client.post("/api/chat", json=body)
        assert answer.status_code in (200, 402), answer.text

    def kill(self) -> None:
        self.shop.server.kill()
        self.shop.server.start()

    def _kill_during(self, *works: Callable[[httpx.Client], None], when: Callable[[], object]) -> None:
        """Begin things at once, each over a connection of its own, kill the server when told, and start it again."""
        options: dict[str, Any] = {"base_url": self.shop.server.url, "timeout": 30, "verify": False}

        def attempt(work: Callable[[httpx.Client], None]) -> None:
            # The server goes away under it, which is the point.
            with suppress(httpx.TransportError), httpx.Client(**options, cookies=self.client.cookies) as client:
                work(client)

        threads = [threading.Thread(target=attempt, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            when()
            self.shop.server.kill()
        finally:
            for thread in threads:
                thread.join()
        self.shop.server.start()

    def _pause(self, most: float) -> None:
        time.sleep(self.random.uniform(0, most))

    def kill_in_a_burst(self) -> None:
        """Several purchases and their webhooks, each sent several times, are under way."""
        self.shop.control("rules", duplicates=4).raise_for_status()
        self._kill_during(*(self._purchase() for _ in range(3)), when=lambda: self._pause(0.3))

    def kill_before_an_event_is_handled(self) -> None:
        """The inbox has an event, and what it says has not been done."""
        self.shop.control("reset").raise_for_status()

        def until_one_waits() -> None:
            deadline = time.monotonic() + 0.5
            while not self.shop.waiting("events") and time.monotonic() < deadline:
                pass

        self._kill_during(self._purchase(), when=until_one_waits)

    def kill_in_a_reply(self) -> None:
        body = {"messages": [{"role": "user", "content": "Write an essay of 400 words"}], "model": "gpt-6-luna"}
        self._kill_during(lambda client: _read_all(client, body), when=lambda: self._pause(0.4))

    def kill_as_it_starts(self) -> None:
        """A crash during what heals the crash before."""
        self.shop.server.kill()
        for _ in range(2):
            self.shop.server.spawn()
            self._pause(0.5)
            self.shop.server.kill()
        self.shop.server.start()


def _read_all(client: httpx.Client, body: dict[str, Any]) -> None:
    with client.stream("POST", "/api/chat", json=body) as answer:
        for _ in answer.iter_bytes():
            pass
