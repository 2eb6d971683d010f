"""What the meter tells the operator: replies that cannot be settled, and those that cost the house."""

from contextlib import suppress

from sqlmodel import Session

from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import DatabaseUnavailable
from projectloom.mails.alerts import alert
from projectloom.metering.models import Turn
from projectloom.money import Nanos, format_usd


def tell_not_settled(turn_id: str) -> None:
    """A reply could not be settled, in a transaction of its own: the one that should have settled it is undone."""
    words = f"The reply {turn_id} could not be settled, so its hold stands; the log says why. It is tried again."
    # What recovery meets again, it tells again.
    with suppress(DatabaseUnavailable), transaction() as session:
        alert(session, key=f"not_settled:{turn_id}", subject="A reply could not be settled", words=words)


def tell_expired(session: Session, turn: Turn) -> None:
    """A hold ran out before anybody could settle its reply."""
    words = (
        f"Nobody could settle the reply {turn.id} within the time of its hold, so {format_usd(Nanos(turn.held_nanos))} "
        "were given back and the reply was free."
    )
    alert(session, key=f"hold_expired:{turn.id}", subject="A hold expired", words=words)


def tell_above_hold(session: Session, turn: Turn, *, uncollected_nanos: int) -> None:
    """A reply used more than was held, once a day and model."""
    words = (
        f"The reply {turn.id} of {turn.model} used {format_usd(Nanos(uncollected_nanos))} more than was held, which "
        "the house pays. Others of this model may follow today: python -m projectloom usage --losses lists them."
    )
    key = f"above_hold:{turn.model}:{now():%Y-%m-%d}"
    alert(session, key=key, subject="A reply cost more than was held", words=words)
