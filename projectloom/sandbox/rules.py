"""How the Stripe stand-in is told to behave: its deliveries, its refunds, and the faults of its next API calls.

All of it lies in the sandbox's own store, so that it outlives ``kill -9`` as the money does.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_COPIES = 50
MAX_DELAY_SECONDS = 7 * 24 * 3_600
MAX_DROPS = 1_000_000
MAX_KINDS = 300
MAX_FAULT_SECONDS = 120
MAX_FAULT_TIMES = 1_000

ENDPOINT_EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""What the endpoint is subscribed to at first. Other events are only listed, as at Stripe."""

Kind = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z_0-9]+(\.[a-z_0-9]+)+)$", max_length=80)]


class RefundCourse(StrEnum):
    """What becomes of a refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    """It waits until it is settled or failed by hand."""
    SUCCEEDS_LATER = "succeeds_later"
    FAILS_LATER = "fails_later"


class Rules(BaseModel):
    """How the stand-in behaves until it is told otherwise."""

    model_config = ConfigDict(extra="forbid")

    duplicates: int = Field(default=0, ge=0, le=MAX_COPIES)
    """How many more times each delivery is sent, at the same moment."""
    delay_seconds: float = Field(default=0, ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False)
    """How long a new event waits before its first delivery."""
    reorder: Literal["none", "newest_first", "random"] = "none"
    """Events of about a second are gathered and sent one after another in this order."""
    drop_next: int = Field(default=0, ge=0, le=MAX_DROPS)
    """So many of the next events are never delivered; they are listed as not delivered."""
    drop_types: list[Kind] = Field(default_factory=list[Kind], max_length=MAX_KINDS)
    """Events of these kinds are never delivered."""
    hold: bool = False
    """New events wait until they are released."""
    refunds: RefundCourse = RefundCourse.SUCCEEDED
    """What becomes of refunds that are asked for over the API."""
    enabled_events: list[Kind] = Field(default_factory=lambda: list(ENDPOINT_EVENTS), max_length=MAX_KINDS)
    """What the webhook endpoint is subscribed to; ``*`` is everything."""


class FaultKind(StrEnum):
    """What goes wrong with an API call."""

    CONFLICT = "409"
    RATE_LIMIT = "429"
    ERROR = "500"
    """Kept under the idempotency key and replayed, as Stripe's are."""
    TIMEOUT = "timeout"
    """Nothing is done, and the connection closes after a while without an answer."""
    RESET = "reset"
    """Nothing is done, and the connection closes at once."""
    LOST = "lost"
    """It is done, and the connection closes without an answer."""


class FaultRequest(BaseModel):
    """A fault for the next calls of a path."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    path: str = Field(default="/v1/", min_length=1, max_length=200)
    """Paths that begin like this."""
    method: Literal["POST", "GET", "DELETE", "*"] = "POST"
    times: int = Field(default=1, ge=1, le=MAX_FAULT_TIMES)
    seconds: float = Field(default=0, ge=0, le=MAX_FAULT_SECONDS, allow_inf_nan=False)
    """How long ``timeout`` and ``lost`` keep the caller waiting."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call."""

    kind: FaultKind
    seconds: float


def current(db: sqlite3.Connection) -> Rules:
    """The rules in force."""
    row = db.execute("SELECT value FROM control WHERE name = 'rules'").fetchone()
    return Rules.model_validate_json(row["value"]) if row else Rules()


def replace(db: sqlite3.Connection, rules: Rules) -> None:
    """Put other rules in force, for events and calls from now on."""
    db.execute("INSERT OR REPLACE INTO control VALUES ('rules', ?)", (rules.model_dump_json(),))


def add_fault(db: sqlite3.Connection, asked: FaultRequest) -> int:
    """Let the next calls of a path go wrong, after those that were asked for before; the fault's number."""
    added = db.execute(
        "INSERT INTO api_faults (method, path, kind, seconds, remaining) VALUES (?, ?, ?, ?, ?)",
        (asked.method, asked.path, asked.kind, asked.seconds, asked.times),
    )
    return added.lastrowid or 0


def take_fault(db: sqlite3.Connection, method: str, path: str) -> Fault | None:
    """The fault of this call, used up by it."""
    row = db.execute(
        "SELECT * FROM api_faults WHERE method IN (?, '*') AND substr(?, 1, length(path)) = path ORDER BY id LIMIT 1",
        (method, path),
    ).fetchone()
    if row is None:
        return None
    db.execute("UPDATE api_faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
    db.execute("DELETE FROM api_faults WHERE remaining <= 0")
    return Fault(FaultKind(row["kind"]), row["seconds"])


def faults(db: sqlite3.Connection) -> list[dict[str, object]]:
    """The faults that are still to come, in their order."""
    return [dict(row) for row in db.execute("SELECT * FROM api_faults ORDER BY id").fetchall()]


def clear_faults(db: sqlite3.Connection) -> None:
    """Let nothing more go wrong."""
    db.execute("DELETE FROM api_faults")
