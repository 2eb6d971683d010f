"""Recovery: what a crash left is resolved from its last checkpoint.

A turn whose lease has run out has no process any more. It is settled with the text and usage of its checkpoint, as
partial; without text it costs nothing. Several recoverers at once are harmless: the first to settle wins. What cannot
be settled is tried again until its hold's own time is over; then the person's credit is freed, and the reply is the
house's loss.
"""

import logging
import time
from collections.abc import Collection

from sqlalchemy import ColumnElement, update
from sqlmodel import Session, col, select

from projectloom.clock import now
from projectloom.conversations.chats import write_reply
from projectloom.db import database_now, reading, transaction
from projectloom.errors import DatabaseUnavailable, ProviderError
from projectloom.instruments import CAPTURES_FAILED, HOLDS_EXPIRED
from projectloom.ledger.holds import expire
from projectloom.ledger.models import Hold
from projectloom.metering.alarms import tell_expired, tell_not_settled
from projectloom.metering.models import Completion, Turn, TurnState, is_open
from projectloom.metering.patience import patience
from projectloom.metering.settling import Outcome, load_usage, settle

_log = logging.getLogger(__name__)

_BATCH = 100
_NEVER_SETTLED = "The server could not account for this reply, so it is free."
_INTERRUPTED = "The server was interrupted while this reply was being written. You only pay for what is shown."


def recover_turns(living: Collection[str] = ()) -> int:
    """Resolve every turn whose lease has run out; how many were settled.

    ``living`` are turns that this process itself is at work on: it settles them better, however late. One turn that
    cannot be settled is logged and does not keep the others waiting.

    Raises:
        DatabaseUnavailable: the database cannot be reached; nothing is lost, ask again.
    """
    settled = 0
    for turn_id in _abandoned(living):
        try:
            settled += _resolve(turn_id)
        except _Waited:
            return settled
    return settled


def recover_turn(turn_id: str) -> bool:
    """As :func:`recover_turns` for one turn, which this process must not be at work on; whether it was settled now."""
    try:
        return _resolve(turn_id)
    except _Waited:
        return False


def _resolve(turn_id: str) -> bool:
    for attempt in (_settle_if_abandoned, _expire_if_due):
        try:
            return attempt(turn_id)
        except (DatabaseUnavailable, _Waited):
            raise
        except Exception:  # noqa: BLE001 - logged; the others must not wait for it
            CAPTURES_FAILED.inc()
            _log.exception("abandoned turn cannot be settled", extra={"turn_id": turn_id})
            tell_not_settled(turn_id)
    return False


def abandon_turns() -> None:
    """Let every open turn's lease run out now. Only for a process that knows that no other is alive."""
    with transaction() as session:
        query = update(Turn).where(is_open())
        session.connection().execute(query.values(lease_until=database_now(session)))


class _Waited(Exception):
    """Somebody kept this turn from being looked at, and so perhaps all of them from their own processes."""


def _abandoned(living: Collection[str]) -> list[str]:
    with reading() as session:
        query = (
            select(Turn.id)
            .where(*_run_out(session), col(Turn.id).not_in(list(living)))
            .order_by(col(Turn.lease_until).desc())
            .limit(_BATCH)
        )
        return list(session.exec(query).all())


def _settle_if_abandoned(turn_id: str) -> bool:
    began = time.monotonic()
    with transaction() as session:
        turn = _still_abandoned(session, turn_id)
        if patience.note_wait(began):
            # Its own process may have waited for the same lock, and comes back as soon as this one lets go.
            raise _Waited
        return turn is not None and settle(session, turn_id, _left_behind(turn))


def _expire_if_due(turn_id: str) -> bool:
    with transaction() as session:
        turn = _still_abandoned(session, turn_id)
        if turn is None or turn.hold_id is None:
            return False
        if session.get_one(Hold, turn.hold_id).expires_at > database_now(session):
            return False
        expire(session, hold_id=turn.hold_id)
        turn.state, turn.completion, turn.ended_at = TurnState.VOIDED, Completion.FAILED, now()
        turn.error_code, turn.error_message = ProviderError.code, _NEVER_SETTLED
        session.add(turn)
        write_reply(session, turn_id=turn_id, text=turn.text)
        tell_expired(session, turn)
    HOLDS_EXPIRED.inc()
    return True


def _still_abandoned(session: Session, turn_id: str) -> Turn | None:
    # Looked at again under the lock that a checkpoint needs: a process that only could not reach the database for a
    # while keeps its turn, and whatever it wrote last is what counts.
    query = select(Turn).where(Turn.id == turn_id, *_run_out(session)).with_for_update()
    return session.exec(query).one_or_none()


def _run_out(session: Session) -> tuple[ColumnElement[bool], ...]:
    return is_open(), col(Turn.lease_until) < database_now(session)


def _left_behind(turn: Turn) -> Outcome:
    usage, final = load_usage(turn.usage_json)
    error = ProviderError(_INTERRUPTED, kind="interrupted")
    return Outcome(turn.text, usage, final, Completion.PARTIAL, error)
