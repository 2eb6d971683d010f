"""Recovery: what a crash left is resolved from its last checkpoint.

A turn whose lease has run out has no process any more. It is settled with the text and usage of its checkpoint, as
partial; without text it costs nothing. Several recoverers at once are harmless: the first to settle wins.
"""

import logging

from sqlmodel import col, select

from projectloom.clock import now
from projectloom.db import reading
from projectloom.errors import ProviderError
from projectloom.metering.models import Completion, Turn
from projectloom.metering.settling import OPEN_STATES, Outcome, load_usage, settle_turn

_log = logging.getLogger(__name__)

_BATCH = 100
_INTERRUPTED = "The server was interrupted while this reply was being written. You only pay for what is shown."


def recover_turns() -> int:
    """Resolve every turn whose lease has run out; how many there were."""
    with reading() as session:
        query = (
            select(Turn)
            .where(col(Turn.state).in_(OPEN_STATES), Turn.lease_until < now())
            .order_by(col(Turn.lease_until))
            .limit(_BATCH)
        )
        abandoned = list(session.exec(query).all())
    for turn in abandoned:
        usage, final = load_usage(turn.usage_json)
        error = ProviderError(_INTERRUPTED, kind="interrupted")
        outcome = Outcome(turn.text, usage, final, Completion.PARTIAL, error)
        if settle_turn(turn.id, outcome):
            _log.warning("abandoned turn settled", extra={"turn_id": turn.id})
    return len(abandoned)
