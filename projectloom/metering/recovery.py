"""Recovery: what a crash left is resolved from its last checkpoint.

A turn whose lease has run out has no process any more. It is settled with the text and usage of its checkpoint, as
partial; without text it costs nothing. Several recoverers at once are harmless: the first to settle wins.
"""

import logging
from collections.abc import Collection

from sqlmodel import col, select

from projectloom.db import database_now, reading
from projectloom.errors import DatabaseUnavailable, ProviderError
from projectloom.metering.models import OPEN_STATES, Completion, Turn
from projectloom.metering.settling import Outcome, load_usage, settle_turn

_log = logging.getLogger(__name__)

_BATCH = 100
_INTERRUPTED = "The server was interrupted while this reply was being written. You only pay for what is shown."


def recover_turns(living: Collection[str] = ()) -> int:
    """Resolve every turn whose lease has run out; how many were settled.

    ``living`` are turns that this process itself is at work on: it settles them better, however late. One turn that
    cannot be settled is logged and does not keep the others waiting.

    Raises:
        DatabaseUnavailable: the database cannot be reached; nothing is lost, ask again.
    """
    settled = 0
    for turn in _abandoned(living):
        try:
            settled += settle_turn(turn.id, _left_behind(turn))
        except DatabaseUnavailable:
            raise
        except Exception:  # noqa: BLE001 - logged; the others must not wait for it
            _log.exception("abandoned turn cannot be settled", extra={"turn_id": turn.id})
    return settled


def _abandoned(living: Collection[str]) -> list[Turn]:
    with reading() as session:
        query = (
            select(Turn)
            .where(
                col(Turn.state).in_(OPEN_STATES),
                Turn.lease_until < database_now(session),
                col(Turn.id).not_in(list(living)),
            )
            .order_by(col(Turn.lease_until).desc())
            .limit(_BATCH)
        )
        return list(session.exec(query).all())


def _left_behind(turn: Turn) -> Outcome:
    usage, final = load_usage(turn.usage_json)
    error = ProviderError(_INTERRUPTED, kind="interrupted")
    return Outcome(turn.text, usage, final, Completion.PARTIAL, error)
