"""What Stripe answered to each idempotency key, kept for 24 hours.

Whatever came of a request that had begun is kept, refusals and failures too, and given again to the same input
(https://docs.stripe.com/api/idempotent_requests). A request that was refused before it began uses up no key.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from projectloom.sandbox.store import timestamp

LIFETIME_SECONDS = 24 * 3_600


@dataclass(frozen=True, slots=True)
class Replay:
    """The first answer to an idempotency key."""

    input_hash: str
    answer: dict[str, Any]
    request_id: str
    status: int


def recall(db: sqlite3.Connection, key: str) -> Replay | None:
    """What was answered to this idempotency key in the last 24 hours."""
    db.execute("DELETE FROM idempotency_keys WHERE created_at < ?", (timestamp() - LIFETIME_SECONDS,))
    row = db.execute("SELECT * FROM idempotency_keys WHERE key = ?", (key,)).fetchone()
    return Replay(row["input_hash"], json.loads(row["answer"]), row["request_id"], row["status"]) if row else None


def remember(db: sqlite3.Connection, key: str, first: Replay) -> None:
    """Keep the first answer to an idempotency key."""
    db.execute(
        "INSERT INTO idempotency_keys (key, input_hash, answer, request_id, created_at, status)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key, first.input_hash, json.dumps(first.answer), first.request_id, timestamp(), first.status),
    )
