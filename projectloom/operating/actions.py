"""The record of what operators did: who, when, what, why, on whom. It is only added to; the database sees to it.

What moves credit or prices is written down in the transaction that does it. A retry is written down before it is tried,
as what comes of it stands with the order, the turn or the event itself.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.models import User
from projectloom.db import database_now, reading
from projectloom.errors import InvalidInput
from projectloom.operating.models import Action, OperatorAction
from projectloom.texts import is_storable
from projectloom.workspace.identity import Person


def note(
    session: Session,
    operator: Person,
    action: Action,
    *,
    subject: str,
    user_id: str | None = None,
    reason: str = "",
    details: str = "",
    entry_id: str | None = None,
) -> None:
    """Write an action down within the caller's transaction."""
    session.add(
        OperatorAction(
            at=database_now(session),
            operator_id=operator.user_id,
            action=action,
            subject=subject,
            user_id=user_id,
            reason=reason,
            details=details,
            entry_id=entry_id,
        )
    )
    session.flush()


def reason_of(typed: str) -> str:
    """A reason as it is kept: one line. Raises InvalidInput when there is none or it is too long."""
    reason = " ".join(typed.split())
    if not reason:
        raise InvalidInput("Please say why.")
    if len(reason) > limits.MAX_REASON_CHARS or not is_storable(reason):
        raise InvalidInput(f"Please give a reason of at most {limits.MAX_REASON_CHARS} characters.")
    return reason


@dataclass(frozen=True, slots=True)
class ActionView:
    """One line of the record. People who left are named by their ids alone."""

    id: int
    at: datetime
    operator: str
    """Their e-mail."""
    action: str
    subject: str
    user_id: str | None
    person: str | None
    """The e-mail of the person that it was done to."""
    reason: str
    details: str
    entry_id: str | None


def read_actions(*, before: int | None = None, user_id: str | None = None) -> list[ActionView]:
    """The record, the latest first, older than ``before`` if it is given; all of it, or what was on a person."""
    who, whom = aliased(User), aliased(User)
    query = (
        select(OperatorAction, who, whom)
        .join(who, col(who.id) == col(OperatorAction.operator_id))
        .outerjoin(whom, col(whom.id) == col(OperatorAction.user_id))
        .order_by(col(OperatorAction.id).desc())
        .limit(limits.ACTIONS_PAGE)
    )
    if before is not None:
        query = query.where(col(OperatorAction.id) < before)
    if user_id is not None:
        query = query.where(OperatorAction.user_id == user_id)
    with reading() as session:
        return [_view(row, by, on) for row, by, on in session.exec(query).all()]


def _view(row: OperatorAction, by: User, on: User | None) -> ActionView:
    return ActionView(
        id=row.id or 0,
        at=row.at,
        operator=name_of(by),
        action=row.action,
        subject=row.subject,
        user_id=row.user_id,
        person=name_of(on) if on is not None else None,
        reason=row.reason,
        details=row.details,
        entry_id=row.entry_id,
    )


def name_of(user: User) -> str:
    """How a person is named to an operator: their e-mail, or the id of somebody who left."""
    return user.email if user.deleted_at is None else f"{user.id} (left)"
