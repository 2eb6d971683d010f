"""Webhooks: every event is POSTed to the product's own route, signed as Stripe signs, until it is answered with 2xx.

The queue is on disk, so nothing is lost with the process; an event may therefore come twice, as Stripe says of its own
(https://docs.stripe.com/webhooks). The same task gives the bank's late answers and expires sessions.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from stripe import WebhookSignature

from projectloom.config import SANDBOX_WEBHOOK_SECRET
from projectloom.sandbox import checkout, rules, store, stripe_refunds
from projectloom.sandbox.store import Store

WEBHOOK_PATH = "/api/stripe/webhook"
MAX_ATTEMPTS = 12
FIRST_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60.0
SEND_TIMEOUT_SECONDS = 20.0
CLAIM_SECONDS = SEND_TIMEOUT_SECONDS + 5.0
POLL_SECONDS = 1.0
MAX_IN_FLIGHT = 10

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way: the body that is signed, and how often it was tried before."""

    event_id: str
    payload: str
    attempts: int
    copies: int = 1
    """How many are sent at the same moment."""
    alone: bool = False
    """Whether the next one is sent only after this one was answered."""


class Deliveries:
    """The background task that sends. One for each process; claims on disk keep several from sending at once."""

    def __init__(self, kept: Store, url: str) -> None:
        self._store = kept
        self._url = url
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look at the queue now: something was just added. To be called on the loop that the task runs on."""
        if self._wake is not None:
            self._wake.set()

    async def start(self) -> None:
        """Begin to send. Needs no server to be listening yet; a second start does nothing."""
        if self._task is None:
            self._wake = asyncio.Event()
            self._task = asyncio.create_task(self._run(self._wake), name="sandbox deliveries")
            self._task.add_done_callback(_report_failure)

    async def stop(self) -> None:
        """Stop sending. What is under way is sent again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = self._wake = None
        await run_in_threadpool(self._store.close)

    async def _run(self, wake: asyncio.Event) -> None:
        client = httpx2.AsyncClient(timeout=SEND_TIMEOUT_SECONDS, trust_env=False)
        async with client, asyncio.TaskGroup() as group:
            room = asyncio.Semaphore(MAX_IN_FLIGHT)
            started = False
            while True:
                wake.clear()
                try:
                    if not started:
                        await self._in_store(_release_claims)
                        started = True
                    due, pause = await self._in_store(_claim_due)
                except sqlite3.OperationalError:
                    _log.warning("the sandbox's queue cannot be read right now; trying again", exc_info=True)
                    due, pause = [], POLL_SECONDS
                for delivery in due:
                    if delivery.alone:
                        await self._send(client, delivery)
                        continue
                    await room.acquire()
                    group.create_task(self._send(client, delivery)).add_done_callback(lambda _: room.release())
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes as the event is set.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await wake.wait()

    async def _send(self, client: httpx2.AsyncClient, delivery: Delivery) -> None:
        sent = await asyncio.gather(*(self._post(client, delivery) for _ in range(delivery.copies)))
        # One that was accepted is enough: the endpoint has the event.
        status, problem = next((one for one in sent if _accepted(one[0])), sent[-1])
        try:
            await self._in_store(lambda db: _record(db, delivery, status, problem))
        except sqlite3.OperationalError:
            _log.warning("an attempt was not recorded; it is repeated when its claim ends", exc_info=True)
        if not _accepted(status):
            _log.info("webhook %s was not accepted: %s", delivery.event_id, problem or status)
            self.wake()  # its next try may be due before the sleep that began while it was under way ends

    async def _post(self, client: httpx2.AsyncClient, delivery: Delivery) -> tuple[int | None, str | None]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (ProjectLoom sandbox)",
            "Stripe-Signature": _sign(delivery.payload),
        }
        try:
            answer = await client.post(self._url, content=delivery.payload.encode(), headers=headers)
        except httpx2.HTTPError as error:
            return None, type(error).__name__
        return answer.status_code, None

    async def _in_store(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        def run() -> Result:
            with self._store.transaction() as db:
                return work(db)

        return await run_in_threadpool(run)


async def start_deliveries(app: FastAPI) -> None:
    """Begin to deliver the events of a sandbox app. For the lifespan of the app that it is mounted in."""
    await app.state.deliveries.start()


async def stop_deliveries(app: FastAPI) -> None:
    """Stop delivering; what is pending stays on disk."""
    await app.state.deliveries.stop()


def _sign(payload: str) -> str:
    # The SDK leaves the type of its third argument out.
    header: str = WebhookSignature.generate_signature_header(  # pyright: ignore[reportUnknownMemberType]
        payload, SANDBOX_WEBHOOK_SECRET, int(store.timestamp())
    )
    return header


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("the sandbox no longer delivers webhooks", exc_info=error)


def _accepted(status: int | None) -> bool:
    return status is not None and status // 100 == 2


def _release_claims(db: sqlite3.Connection) -> None:
    """A process that died while sending holds claims that nobody will answer for."""
    db.execute("UPDATE deliveries SET claimed_until = 0 WHERE state = 'pending'")


def _claim_due(db: sqlite3.Connection) -> tuple[list[Delivery], float]:
    """What is to be sent now, claimed for this process, and how long to sleep after it."""
    checkout.settle_bank_answers(db)
    stripe_refunds.settle_due(db)
    checkout.expire_due(db)
    moment = store.timestamp()
    asked = rules.current(db)
    order = {"none": "next_attempt_at, seq", "newest_first": "seq DESC", "random": "random()"}[asked.reorder]
    rows = db.execute(
        "SELECT event_id, attempts, body FROM deliveries JOIN objects ON id = event_id"  # noqa: S608 - one of three
        f" WHERE state = 'pending' AND next_attempt_at <= ? AND claimed_until <= ? ORDER BY {order} LIMIT ?",
        (moment, moment, MAX_IN_FLIGHT),
    ).fetchall()
    claims = [(moment + CLAIM_SECONDS, row["event_id"]) for row in rows]
    db.executemany("UPDATE deliveries SET claimed_until = ? WHERE event_id = ?", claims)
    copies, alone = 1 + asked.duplicates, asked.reorder != "none"
    due = [
        Delivery(row["event_id"], json.dumps(json.loads(row["body"]), indent=2), row["attempts"], copies, alone)
        for row in rows
    ]
    return due, 0.0 if len(due) == MAX_IN_FLIGHT else _pause(db, moment)


def _pause(db: sqlite3.Connection, moment: float) -> float:
    row = db.execute(
        "SELECT min(due) AS due FROM (SELECT min(max(next_attempt_at, claimed_until)) AS due FROM deliveries"
        " WHERE state = 'pending' UNION ALL SELECT min(due_at) FROM bank_answers"
        " UNION ALL SELECT min(due_at) FROM refund_answers)"
    ).fetchone()
    return POLL_SECONDS if row["due"] is None else min(max(row["due"] - moment, 0.0), POLL_SECONDS)


def _record(db: sqlite3.Connection, delivery: Delivery, status: int | None, problem: str | None) -> None:
    moment = store.timestamp()
    db.execute("INSERT INTO delivery_attempts VALUES (?, ?, ?, ?)", (delivery.event_id, moment, status, problem))
    attempts = delivery.attempts + 1
    if _accepted(status):
        state = "delivered"
    elif attempts >= MAX_ATTEMPTS:
        state = "given_up"
    else:
        state = "pending"
    wait = min(FIRST_RETRY_SECONDS * 2**delivery.attempts, MAX_RETRY_SECONDS)
    db.execute(
        "UPDATE deliveries SET state = ?, attempts = ?, next_attempt_at = ?, claimed_until = 0 WHERE event_id = ?",
        (state, attempts, moment + wait, delivery.event_id),
    )
