"""Giving credit and taking it back, each with a reason, written down in the transaction that moves it.

A grant is one for its person and reason, so a second press gives nothing more. Revoking takes what is left of one grant
and was promised to no running reply; docs/decisions says why it goes no further.
"""

from dataclasses import dataclass

from sqlmodel import Session

from projectloom.accounts.models import User
from projectloom.billing.grants import Given, give_credit
from projectloom.db import transaction
from projectloom.errors import IdempotencyConflict, NotFound
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.credits import Revoked, revoke
from projectloom.ledger.models import CreditLot
from projectloom.money import format_usd
from projectloom.operating.actions import note, reason_of
from projectloom.operating.models import Action
from projectloom.workspace.identity import Person

_NOTHING_ADDED = "Nothing was added: it was given for this reason before."


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, as a sentence for the operator."""

    words: str
    entry_id: str | None


def grant_credit(operator: Person, user_id: str, dollars: int, *, reason: str, days: int | None = None) -> Done:
    """Give whole dollars to a person, once for the reason; ``days`` after which what is left expires.

    Raises:
        NotFound: there is no such person, or they left. InvalidInput, InvalidAmount: as
            :func:`~projectloom.billing.grants.give_credit`, or no reason.
        IdempotencyConflict: another amount was given for this reason before.
    """
    why = reason_of(reason)
    try:
        with transaction() as session:
            person = session.get(User, user_id)
            if person is None or person.deleted_at is not None:
                raise NotFound("There is no such person.")
            given = give_credit(session, user_id=user_id, dollars=dollars, reason=why, days=days)
            words = _NOTHING_ADDED if given.already else _given(given)
            note(
                session,
                operator,
                Action.GRANT,
                subject=user_id,
                user_id=user_id,
                reason=why,
                details=words,
                entry_id=given.entry_id,
            )
    except IdempotencyConflict as error:
        raise IdempotencyConflict(
            "Another amount was given to this person for the same reason before. Choose another reason."
        ) from error
    return Done(words, given.entry_id)


def _given(given: Given) -> str:
    ends = f"until {given.expires_at:%Y-%m-%d}" if given.expires_at else "for ever"
    return f"{format_usd(given.amount_nanos)} was given, {ends}."


def revoke_credit(operator: Person, user_id: str, lot_id: str, *, reason: str) -> Done:
    """Take back what is left of one of a person's grants; a second press finds nothing left.

    Raises:
        NotFound: the person has no such credit. NotRevocable: it was bought, or came with a purchase.
        InvalidInput: no reason.
    """
    why = reason_of(reason)
    with transaction() as session:
        _theirs(session, user_id, lot_id)
        revoked = revoke(session, lot_id=lot_id)
        words = _revoked(revoked)
        note(
            session,
            operator,
            Action.REVOKE,
            subject=lot_id,
            user_id=user_id,
            reason=why,
            details=words,
            entry_id=revoked.entry_id,
        )
    return Done(words, revoked.entry_id)


def _theirs(session: Session, user_id: str, lot_id: str) -> None:
    lot = session.get(CreditLot, lot_id)
    if lot is None or lot.account_id != credits_address(user_id):
        raise NotFound("This person has no such credit.")


def _revoked(revoked: Revoked) -> str:
    stays = f"{format_usd(revoked.left_nanos)} stays: a running reply may spend it."
    if revoked.entry_id is None:
        return f"Nothing was taken back. {stays}" if revoked.left_nanos else "Nothing was left to take back."
    taken = f"{format_usd(revoked.taken_nanos)} was taken back."
    return f"{taken} {stays}" if revoked.left_nanos else taken
