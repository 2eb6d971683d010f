"""What the control page and its API can do: move demo money as banks would, and trouble the line to the product.

Each action takes what was asked for, checked, and does it in the caller's transaction. Nothing here speaks HTTP.
"""

import sqlite3
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from projectloom.sandbox import (
    checkout,
    events,
    provider_faults,
    rules,
    store,
    stripe_cards,
    stripe_disputes,
    stripe_refunds,
)
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.events import HELD
from projectloom.sandbox.rules import RefundCourse, Rules
from projectloom.sandbox.stripe_cards import Behaviour
from projectloom.sandbox.stripe_disputes import Step
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_lists import found

MAX_WIND_SECONDS = 400 * 24 * 3_600
MAX_SHOWN = 500
MAX_RELEASED = 5_000


class ControlFault(Exception):
    """A request that the control page or its API cannot act on: a status, a code and words for a person."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RefundRequest(_Asked):
    """A refund made on Stripe's dashboard."""

    payment_intent: str | None = Field(None, max_length=100)
    charge: str | None = Field(None, max_length=100)
    amount: int | None = Field(None, ge=1, le=forms.MAX_AMOUNT)
    """Cents; all that is left if not said."""
    reason: str | None = Field(None, pattern=f"^({'|'.join(stripe_refunds.REASONS)})$")
    course: RefundCourse = RefundCourse.SUCCEEDED


class FailureRequest(_Asked):
    """Why a refund fails."""

    reason: str = Field("unknown", pattern=f"^({'|'.join(stripe_refunds.FAILURE_REASONS)})$")


class DisputeRequest(_Asked):
    """A dispute that a buyer's bank opens."""

    payment_intent: str | None = Field(None, max_length=100)
    charge: str | None = Field(None, max_length=100)
    amount: int | None = Field(None, ge=1, le=forms.MAX_AMOUNT)
    reason: str = Field("fraudulent", pattern=f"^({'|'.join(stripe_disputes.REASONS)})$")
    inquiry: bool = False
    withdraw: bool = False
    """Withdraw the money at once, as Stripe nearly always does."""


class ClockRequest(_Asked):
    """How far the clock is wound forward."""

    seconds: float = Field(gt=0, le=MAX_WIND_SECONDS, allow_inf_nan=False)


class CardRequest(_Asked):
    """How a saved card behaves from now on."""

    behaviour: Behaviour


class ReleaseRequest(_Asked):
    """Which held events are sent, in this order; all if not said."""

    events: list[str] | None = Field(None, max_length=MAX_RELEASED)


def change_rules(db: sqlite3.Connection, changes: dict[str, Any]) -> Rules:
    """Put some of the rules in force otherwise; the others stay."""
    changed = Rules.model_validate(rules.current(db).model_dump() | changes)
    rules.replace(db, changed)
    return changed


def reset(db: sqlite3.Connection) -> Rules:
    """Everything as at first: no troubles, and what was held is sent."""
    rules.clear_faults(db)
    provider_faults.disarm(db)
    rules.replace(db, Rules())
    events.release(db, None)
    return Rules()


def refund(db: sqlite3.Connection, asked: RefundRequest) -> dict[str, Any]:
    """Make a refund."""
    charge = stripe_refunds.charge_of(db, intent_id=asked.payment_intent, charge_id=asked.charge)
    return stripe_refunds.make(db, charge, amount=asked.amount, reason=asked.reason, metadata={}, course=asked.course)


def settle_refund(db: sqlite3.Connection, refund_id: str) -> dict[str, Any]:
    """Let a pending refund succeed."""
    return stripe_refunds.settle(db, found(db, "refund", refund_id).body)


def fail_refund(db: sqlite3.Connection, refund_id: str, asked: FailureRequest) -> dict[str, Any]:
    """Let a refund fail."""
    return stripe_refunds.fail(db, found(db, "refund", refund_id).body, asked.reason)


def dispute(db: sqlite3.Connection, asked: DisputeRequest) -> dict[str, Any]:
    """Open a dispute."""
    if asked.inquiry and asked.withdraw:
        raise StripeFault("An inquiry withdraws nothing.", param="withdraw")
    charge = stripe_refunds.charge_of(db, intent_id=asked.payment_intent, charge_id=asked.charge)
    made = stripe_disputes.make(db, charge, amount=asked.amount, reason=asked.reason, inquiry=asked.inquiry)
    return stripe_disputes.move(db, made, Step.WITHDRAW) if asked.withdraw else made


def move_dispute(db: sqlite3.Connection, dispute_id: str, step: Step) -> dict[str, Any]:
    """Take a dispute one step on."""
    return stripe_disputes.move(db, found(db, "dispute", dispute_id).body, step)


def change_card(db: sqlite3.Connection, method_id: str, asked: CardRequest) -> dict[str, Any]:
    """Let a saved card behave otherwise."""
    stripe_cards.behave(db, found(db, "payment_method", method_id), asked.behaviour)
    return _card_row(found(db, "payment_method", method_id))


def saved_cards(db: sqlite3.Connection, *, limit: int, customer: str | None = None) -> list[dict[str, Any]]:
    """The newest saved cards, of one customer or of all, and how each behaves when it is charged."""
    where = "json_extract(body, '$.type') = 'card' AND json_extract(body, '$.customer') IS NOT NULL"
    if customer:
        where += " AND json_extract(body, '$.customer') = ?"
    values = (customer,) if customer else ()
    cards = store.newest(db, "payment_method", where=where, values=values, before=None, limit=min(limit, MAX_SHOWN))
    return [_card_row(kept) for kept in cards]


def setups(db: sqlite3.Connection, *, limit: int, customer: str | None = None) -> list[dict[str, Any]]:
    """The newest checkout sessions that save a card and take no payment, of one customer or of all."""
    where = "json_extract(body, '$.mode') = 'setup'"
    if customer:
        where += " AND json_extract(body, '$.customer') = ?"
    values = (customer,) if customer else ()
    checkout.expire_due(db)
    kept = store.newest(db, "checkout.session", where=where, values=values, before=None, limit=min(limit, MAX_SHOWN))
    return [one.body for one in kept]


def redeliver(db: sqlite3.Connection, event_id: str) -> dict[str, Any]:
    """Send an event again."""
    found(db, "event", event_id)
    events.redeliver(db, event_id)
    return event_row(db, event_id)


def twin(db: sqlite3.Connection, event_id: str) -> dict[str, Any]:
    """Tell the same thing in an event of another id."""
    return event_row(db, events.twin(db, found(db, "event", event_id).body)["id"])


def drop(db: sqlite3.Connection, event_id: str) -> dict[str, Any]:
    """Deliver an event no more."""
    found(db, "event", event_id)
    events.drop(db, event_id)
    return event_row(db, event_id)


def wind(db: sqlite3.Connection, asked: ClockRequest) -> dict[str, Any]:
    """Let everything that waits come due as if this time had passed.

    Due moments move nearer rather than the clock ahead, so that signatures stay timely and new sessions can be bought.
    """
    by = asked.seconds
    db.execute(
        "UPDATE objects SET body = json_set(body, '$.expires_at', json_extract(body, '$.expires_at') - ?)"
        " WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open'",
        (int(by),),
    )
    db.execute("UPDATE bank_answers SET due_at = due_at - ?", (by,))
    db.execute("UPDATE refund_answers SET due_at = due_at - ?", (by,))
    db.execute("UPDATE idempotency_keys SET created_at = created_at - ?", (by,))
    db.execute(
        "UPDATE deliveries SET next_attempt_at = next_attempt_at - ? WHERE state = 'pending' AND next_attempt_at < ?",
        (by, HELD),
    )
    checkout.settle_bank_answers(db)
    stripe_refunds.settle_due(db)
    checkout.expire_due(db)
    return summary(db)


def summary(db: sqlite3.Connection) -> dict[str, Any]:
    """What is in force and what is still on its way."""
    row = db.execute(
        "SELECT coalesce(sum(state = 'pending' AND next_attempt_at >= ?), 0) AS held,"
        " coalesce(sum(state = 'pending' AND next_attempt_at < ?), 0) AS pending,"
        " coalesce(sum(state = 'delivered'), 0) AS delivered, coalesce(sum(state = 'given_up'), 0) AS given_up"
        " FROM deliveries",
        (HELD, HELD),
    ).fetchone()
    waiting = db.execute(
        "SELECT (SELECT count(*) FROM bank_answers) + (SELECT count(*) FROM refund_answers) AS n"
    ).fetchone()
    return {
        "rules": rules.current(db).model_dump(mode="json"),
        "faults": rules.faults(db),
        "provider_faults": provider_faults.armed(db),
        "deliveries": dict(row),
        "bank_answers": waiting["n"],
    }


def event_rows(
    db: sqlite3.Connection, *, limit: int, kind: str | None = None, state: str | None = None
) -> list[dict[str, Any]]:
    """Events and what became of them, newest first; ``state`` is held, pending, delivered, given_up or unsent."""
    rows = db.execute(
        f"SELECT * FROM ({_EVENT_ROWS}) WHERE (?1 IS NULL OR type = ?1) AND (?2 IS NULL OR state = ?2)"  # noqa: S608
        " ORDER BY seq DESC LIMIT ?3",
        (kind, state, min(limit, MAX_SHOWN)),
    )
    return [_without_seq(row) for row in rows.fetchall()]


def event_row(db: sqlite3.Connection, event_id: str) -> dict[str, Any]:
    """One event and what became of it."""
    row = db.execute(f"SELECT * FROM ({_EVENT_ROWS}) WHERE id = ?", (event_id,)).fetchone()  # noqa: S608
    return _without_seq(row)


def recent(db: sqlite3.Connection, kind: str, limit: int) -> list[dict[str, Any]]:
    """The newest objects of a kind."""
    return [kept.body for kept in store.newest(db, kind, where="1", values=(), before=None, limit=limit)]


_EVENT_ROWS = f"""
SELECT o.seq, o.id, o.created, json_extract(o.body, '$.type') AS type,
  json_extract(o.body, '$.data.object.id') AS object_id,
  CASE WHEN d.state IS NULL THEN 'unsent' WHEN d.state = 'pending' AND d.next_attempt_at >= {HELD:.0f} THEN 'held'
    ELSE d.state END AS state,
  coalesce(d.attempts, 0) AS attempts
FROM objects o LEFT JOIN deliveries d ON d.event_id = o.id WHERE o.kind = 'event'
"""  # noqa: S608 - a number of our own


def _card_row(kept: store.Kept) -> dict[str, Any]:
    return kept.body | {"behaviour": stripe_cards.behaviour_of(kept)}


def _without_seq(row: sqlite3.Row) -> dict[str, Any]:
    shown = dict(row)
    del shown["seq"]
    return shown
