"""Prices from the operator's pages: proposed and applied by the functions of the command, and written down."""

from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from projectloom.metering import price_changes
from projectloom.metering.price_changes import Applied, Compared
from projectloom.metering.price_diff import plain
from projectloom.operating.actions import note, reason_of
from projectloom.operating.models import Action
from projectloom.workspace.identity import Person


def propose_prices(operator: Person, *, markup_percent: Decimal | None = None) -> Compared:
    """Propose the installed prices. Raises as :func:`~projectloom.metering.price_changes.propose`."""

    def written(session: Session, found: Compared) -> None:
        if found.proposal_id is not None:
            count = len(found.changes)
            words = f"{count} change{'' if count == 1 else 's'} beside version {found.live.version}."
            note(session, operator, Action.PROPOSE_PRICES, subject=str(found.proposal_id), details=words)

    return price_changes.propose(markup_percent=markup_percent, note=written)


def apply_prices(
    operator: Person, proposal_id: int, *, reason: str, at: datetime | None = None, force: bool = False
) -> Applied:
    """Put a proposal in force, now or at a time to come.

    Raises as :func:`~projectloom.metering.price_changes.apply`, and InvalidInput without a reason.
    """
    why = reason_of(reason)

    def written(session: Session, made: Applied) -> None:
        note(
            session,
            operator,
            Action.APPLY_PRICES,
            subject=str(proposal_id),
            reason=why,
            details=(
                f"Version {made.version}, in force from {made.effective_at:%Y-%m-%d %H:%M:%S} UTC, "
                f"with a markup of {plain(made.markup_percent)} %."
            ),
        )

    return price_changes.apply(proposal_id, at=at, force=force, note=written)
