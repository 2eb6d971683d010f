"""The quick path of settling: a plain reply is charged, recorded and stored, committed together with others.

Plain is a charge within the hold, of somebody without caps, debt or a key with limits, that brings no balance under the
amount of which people are told. Everything else is answered with ``NOT_PLAIN``, nothing is written, and
:func:`projectloom.metering.settling.settle_turn` does it. Row for row the two write the same.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from projectloom import limits
from projectloom.clock import now
from projectloom.group_commit import submit
from projectloom.group_stores import GONE, NOT_PLAIN, Answer, Operation
from projectloom.group_stores import Outcome as Fate
from projectloom.ids import new_id
from projectloom.ledger.quick_holds import CaptureItem, capture_on_sqlite, capture_row, stored
from projectloom.metering.begun import Begun
from projectloom.metering.models import OPEN_STATES, Completion, Funding, TurnState
from projectloom.metering.settling import Bill, Outcome, dump_usage
from projectloom.tokens import Usage


@dataclass(frozen=True, slots=True)
class UsageItem:
    """What a reply used and costs: the usage record to be written."""

    usage_id: str
    usage: Usage
    estimated: bool
    provider_cost_nanos: int
    charged_nanos: int
    """At most what is held; zero where nothing is held or nothing was delivered."""


@dataclass(frozen=True, slots=True)
class SettleItem:
    """A turn to be resolved, with every id that its rows get."""

    turn_id: str
    user_id: str
    state: TurnState
    completion: str
    text: str = field(repr=False)
    usage_json: str | None
    ended_at: datetime
    hold_id: str | None = None
    entry_id: str = ""
    """Of the journal entry, where something is charged."""
    used: UsageItem | None = None
    """None where neither an answer nor a report came."""
    error_code: str | None = None
    error_message: str | None = None


def settle_item(turn: Begun, outcome: Outcome, bill: Bill | None) -> SettleItem | None:
    """The item of an open turn's outcome and bill; None where they are not plain: the house pays, or somebody looks."""
    paid = turn.funding == Funding.CREDITS
    if bill is not None:
        unpaid = paid and not bill.due_nanos and bill.provider_cost_nanos > 0
        if bill.usage.flagged or unpaid or (paid and bill.due_nanos > turn.held_nanos):
            return None
    completion = outcome.completion
    if not outcome.delivered and completion == Completion.PARTIAL:
        completion = Completion.FAILED
    return SettleItem(
        turn_id=turn.id,
        user_id=turn.user_id,
        state=TurnState.SETTLED if outcome.delivered else TurnState.VOIDED,
        completion=completion,
        text=outcome.text,
        usage_json=dump_usage(outcome.usage, final=outcome.usage_final),
        ended_at=now(),
        hold_id=turn.hold_id,
        entry_id=new_id("je"),
        used=UsageItem(
            usage_id=new_id("use"),
            usage=bill.usage,
            estimated=bill.estimated,
            provider_cost_nanos=bill.provider_cost_nanos,
            charged_nanos=bill.due_nanos if paid else 0,
        )
        if bill is not None
        else None,
        error_code=outcome.error.code if outcome.error else None,
        error_message=outcome.error.message if outcome.error else None,
    )


async def quick_settle(item: SettleItem, *, patient: bool = False) -> Answer:
    """Resolve a turn for good: ``DONE`` with its entry's id and what the account has posted and held now.

    A patient one waits a moment for others, where nobody waits for it.

    ``GONE`` when somebody else had resolved it, which then stands; ``NOT_PLAIN`` when it is still to be resolved.

    Raises:
        DatabaseUnavailable: it may be resolved, or not. Sending the same item again tells, and so does
            :func:`projectloom.metering.settling.settle_turn`, which resolves only what is open.
    """
    return await submit(SETTLE, item, patient=patient)


def _capture(item: SettleItem) -> CaptureItem | None:
    if item.hold_id is None:
        return None
    charged = item.used.charged_nanos if item.used else 0
    return CaptureItem(
        hold_id=item.hold_id,
        user_id=item.user_id,
        amount_nanos=charged,
        entry_id=item.entry_id,
        moment=item.ended_at,
        warn_below_nanos=limits.LOW_BALANCE_NANOS if charged else None,
    )


def _row(number: int, item: SettleItem) -> Mapping[str, Any]:
    capture, used = _capture(item), item.used
    row: dict[str, Any] = {
        "n": number,
        "turn_id": item.turn_id,
        "state": item.state,
        "completion": item.completion,
        "text": item.text,
        "usage_json": item.usage_json,
        "error_code": item.error_code,
        "error_message": item.error_message,
        "ended_at": item.ended_at.isoformat(),
    }
    if capture is not None:
        row["capture"] = capture_row(number, capture)
    if used is not None:
        row |= used.usage.counts()
        row |= {
            "usage_id": used.usage_id,
            "estimated": used.estimated,
            "provider_cost_nanos": used.provider_cost_nanos,
            "charged_nanos": used.charged_nanos,
        }
    return row


def _settle_on_sqlite(db: sqlite3.Connection, item: SettleItem) -> Answer:
    turn = db.execute("SELECT state, hold_id, user_id, api_key_id FROM turns WHERE id = ?", (item.turn_id,)).fetchone()
    capture, charged = _capture(item), item.used.charged_nanos if item.used else 0
    if turn is None:
        return NOT_PLAIN
    if turn[0] not in OPEN_STATES:
        return _settled_before(db, item, capture)
    if turn[1] != item.hold_id or (charged and _is_limited(db, turn[2], turn[3])):
        return NOT_PLAIN
    answer = Answer(Fate.DONE) if capture is None else capture_on_sqlite(db, capture)
    if answer.outcome == Fate.GONE:
        return NOT_PLAIN
    if answer.outcome == Fate.DONE:
        _close(db, item)
        _record(db, item, answer.entry_id)
    return answer


def _settled_before(db: sqlite3.Connection, item: SettleItem, capture: CaptureItem | None) -> Answer:
    known = db.execute("SELECT id FROM usage_records WHERE turn_id = ?", (item.turn_id,)).fetchone()
    if known is None or item.used is None or known[0] != item.used.usage_id:
        return GONE
    return Answer(Fate.DONE) if capture is None else capture_on_sqlite(db, capture)


def _is_limited(db: sqlite3.Connection, user_id: str, api_key_id: str | None) -> bool:
    """Whether a charge may bring somebody to a limit that they set, of which they are told."""
    if db.execute("SELECT 1 FROM spending_caps WHERE user_id = ?", (user_id,)).fetchone():
        return True
    query = "SELECT COALESCE(limit_day_nanos, limit_month_nanos, limit_total_nanos) FROM api_keys WHERE id = ?"
    return (db.execute(query, (api_key_id,)).fetchone() or (None,))[0] is not None


def _close(db: sqlite3.Connection, item: SettleItem) -> None:
    db.execute(
        "UPDATE turns SET state = ?, completion = ?, text = ?, usage_json = ?, error_code = ?, error_message = ?, "
        "ended_at = ? WHERE id = ?",
        (
            item.state,
            item.completion,
            item.text,
            item.usage_json,
            item.error_code,
            item.error_message,
            stored(item.ended_at),
            item.turn_id,
        ),
    )
    db.execute("UPDATE messages SET text = ? WHERE turn_id = ?", (item.text, item.turn_id))


def _record(db: sqlite3.Connection, item: SettleItem, entry_id: str | None) -> None:
    used = item.used
    if used is None:
        return
    values: dict[str, Any] = {
        "id": used.usage_id,
        **used.usage.counts(),
        "estimated": used.estimated,
        "provider_cost_nanos": used.provider_cost_nanos,
        "charged_nanos": used.charged_nanos,
        "uncollected_nanos": 0,
        "entry_id": entry_id,
        "created_at": stored(now()),
    }
    of_turn = "user_id, conversation_id, provider, model, source, funding, price_version, hold_id, api_key_id"
    places = ", ".join("?" * len(values))
    db.execute(
        f"INSERT INTO usage_records ({', '.join(values)}, turn_id, {of_turn}) "  # noqa: S608 - names of columns
        f"SELECT {places}, id, {of_turn} FROM turns WHERE id = ?",
        (*values.values(), item.turn_id),
    )


SETTLE = Operation("quick_settle", _row, _settle_on_sqlite)
