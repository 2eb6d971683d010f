"""What the product asks of its books, timed in a process of its own: ``python -m bench.growth_reads``.

``prepare`` brings an empty database to the newest schema with its first price card. ``measure PERSON`` reads as the
product reads for that person, ``audit`` proves what was touched since the last audit, each so many times; both print
their times in milliseconds as JSON. The database is named by the environment, as for the server.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from projectloom.accounts.users import open_session
from projectloom.api.app import create_api
from projectloom.billing.balance import read_balance
from projectloom.billing.statement import read_statement
from projectloom.db import transaction
from projectloom.jobs.schema import migrate
from projectloom.metering.cards import store_first_card
from projectloom.metering.usage import summarize_usage
from projectloom.operating.audit import examine

READS = 21
AUDITS = 5


def main() -> None:
    words = sys.argv[1:]
    match words:
        case ["prepare"]:
            migrate()
            store_first_card()
        case ["measure", person]:
            json.dump(asyncio.run(measure(person)), sys.stdout)
        case ["audit"]:
            json.dump(_audit_times(), sys.stdout)
        case _:
            sys.exit("prepare, measure PERSON or audit")


async def measure(person: str) -> dict[str, list[float]]:
    """Times of every read, in milliseconds, in order."""
    with transaction() as session:
        token = open_session(session, user_id=person)
    page = read_statement(person)
    middle = page[0].id // 2
    found = {
        "balance": _times(lambda: read_balance(person)),
        "a full month's usage": _times(lambda: summarize_usage(person, "last_month")),
        "this month's usage": _times(lambda: summarize_usage(person, "this_month")),
        "all usage": _times(lambda: summarize_usage(person, "all_time")),
        "statement page": _times(lambda: read_statement(person)),
        "statement page, halfway back": _times(lambda: read_statement(person, before=middle)),
    }
    transport = httpx.ASGITransport(app=create_api())
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers) as client:
        for path in ("/api/credits/balance", "/api/usage", "/api/statement"):
            found[f"`GET {path}`"] = await _times_of(lambda path=path: _get(client, path))
    return found


async def _get(client: httpx.AsyncClient, path: str) -> None:
    (await client.get(path)).raise_for_status()


def _audit_times() -> list[float]:
    """Raises RuntimeError when a promise does not hold."""
    found: list[float] = []
    for _ in range(AUDITS):
        begun = time.perf_counter()
        outcome = examine()
        found.append((time.perf_counter() - begun) * 1_000)
        if not outcome.holds:
            raise RuntimeError("a promise of the books does not hold")
    return found


def _times(read: Callable[[], object]) -> list[float]:
    found: list[float] = []
    for _ in range(READS):
        begun = time.perf_counter()
        read()
        found.append((time.perf_counter() - begun) * 1_000)
    return found


async def _times_of(read: Callable[[], Awaitable[None]]) -> list[float]:
    found: list[float] = []
    for _ in range(READS):
        begun = time.perf_counter()
        await read()
        found.append((time.perf_counter() - begun) * 1_000)
    return found


if __name__ == "__main__":
    main()
