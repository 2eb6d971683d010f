"""Stripe's events: made with what they tell of, and queued for the webhook endpoint under the rules in force.

An event that the endpoint is not subscribed to is listed and never sent. One that is dropped counts as given up, so
that ``events.list(delivery_success=False)`` finds it.
"""

import sqlite3
from typing import Any

from projectloom.sandbox import rules, store
from projectloom.sandbox.stripe_objects import event

HELD = 1e15
"""When a held event is due: never, until it is released."""
REORDER_WINDOW_SECONDS = 1.0


def emit(
    db: sqlite3.Connection, kind: str, subject: dict[str, Any], previous: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Make an event that carries the subject as it is at this moment, and queue it; the event.

    ``previous`` holds what an update changed, as it was before.
    """
    made = event(kind, subject, created=int(store.timestamp()), previous=previous)
    store.insert(db, made)
    asked = rules.current(db)
    if "*" in asked.enabled_events or kind in asked.enabled_events:
        _queue(db, made, asked)
    return made


def twin(db: sqlite3.Connection, original: dict[str, Any]) -> dict[str, Any]:
    """Another event, of another id, that tells of the same thing."""
    return emit(db, original["type"], original["data"]["object"], original["data"].get("previous_attributes"))


def redeliver(db: sqlite3.Connection, event_id: str) -> None:
    """Send an event once more, now, whatever became of it before."""
    db.execute(
        "INSERT INTO deliveries (event_id, next_attempt_at) VALUES (?, ?) ON CONFLICT (event_id) DO UPDATE"
        " SET state = 'pending', attempts = 0, next_attempt_at = excluded.next_attempt_at, claimed_until = 0",
        (event_id, store.timestamp()),
    )


def drop(db: sqlite3.Connection, event_id: str) -> None:
    """Deliver an event no more."""
    db.execute("UPDATE deliveries SET state = 'given_up' WHERE event_id = ? AND state = 'pending'", (event_id,))


def release(db: sqlite3.Connection, event_ids: list[str] | None) -> int:
    """Send held events now: these, in this order, or all of them; how many were released."""
    held = db.execute(
        "SELECT event_id FROM deliveries JOIN objects ON id = event_id WHERE state = 'pending'"
        " AND next_attempt_at >= ? ORDER BY seq",
        (HELD,),
    ).fetchall()
    known = [row["event_id"] for row in held]
    chosen = known if event_ids is None else [one for one in dict.fromkeys(event_ids) if one in set(known)]
    moment = store.timestamp()
    # A microsecond apart, so that they are claimed in the order that was asked for.
    due = [(moment + place * 1e-6, event_id) for place, event_id in enumerate(chosen)]
    db.executemany("UPDATE deliveries SET next_attempt_at = ? WHERE event_id = ?", due)
    return len(chosen)


def _queue(db: sqlite3.Connection, made: dict[str, Any], asked: rules.Rules) -> None:
    moment = store.timestamp()
    dropped = made["type"] in asked.drop_types
    if not dropped and asked.drop_next:
        dropped = True
        rules.replace(db, asked.model_copy(update={"drop_next": asked.drop_next - 1}))
    due = moment + asked.delay_seconds
    if asked.hold:
        due = HELD
    elif asked.reorder != "none":
        due = _with_the_others(db, moment, due)
    db.execute(
        "INSERT INTO deliveries (event_id, state, next_attempt_at) VALUES (?, ?, ?)",
        (made["id"], "given_up" if dropped else "pending", due),
    )
    if dropped:
        db.execute("INSERT INTO delivery_attempts VALUES (?, ?, NULL, 'dropped')", (made["id"], moment))


def _with_the_others(db: sqlite3.Connection, moment: float, due: float) -> float:
    """The moment at which events that wait for their first delivery are due, so that all go out together."""
    row = db.execute(
        "SELECT min(next_attempt_at) AS due FROM deliveries WHERE state = 'pending' AND attempts = 0"
        " AND next_attempt_at > ? AND next_attempt_at < ?",
        (moment, HELD),
    ).fetchone()
    return float(row["due"]) if row["due"] is not None else due + REORDER_WINDOW_SECONDS
