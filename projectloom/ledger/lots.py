"""Credit lots: where each dollar came from and in which order it is spent.

Given credit goes first, the soonest expiry first; paid credit last, the oldest first. Callers change the account's row
in the same transaction before they come here, so two spenders of one account never draw at once.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, update
from sqlmodel import Session, col, select

from projectloom.ids import new_id
from projectloom.ledger.models import CreditLot, JournalEntry, LotKind, LotMovement

_never_last = case((col(CreditLot.expires_at).is_(None), 1), else_=0)
_paid_last = case((col(CreditLot.kind) == LotKind.PAID, 1), else_=0)


def add_lot(
    session: Session,
    *,
    account_id: str,
    entry_id: str,
    kind: LotKind,
    amount_nanos: int,
    expires_at: datetime | None = None,
) -> None:
    """Record credit that an entry brought. Paid credit may not have an expiry."""
    if kind == LotKind.PAID and expires_at is not None:
        raise ValueError("paid credit never expires")
    session.add(
        CreditLot(
            id=new_id("lot"),
            account_id=account_id,
            entry_id=entry_id,
            kind=kind,
            amount_nanos=amount_nanos,
            remaining_nanos=amount_nanos,
            expires_at=expires_at,
        )
    )
    session.flush()


@dataclass(frozen=True, slots=True)
class LotLeft:
    """A lot and what is left in it."""

    id: str
    remaining_nanos: int


def lots_of(session: Session, *, idempotency_key: str) -> tuple[LotLeft, ...]:
    """The lots that the entry under a key brought, given credit first; none when there is no such entry."""
    query = (
        select(CreditLot.id, CreditLot.remaining_nanos)
        .join(JournalEntry, col(JournalEntry.id) == col(CreditLot.entry_id))
        .where(JournalEntry.idempotency_key == idempotency_key)
        .order_by(_paid_last, col(CreditLot.id))
    )
    return tuple(LotLeft(*row) for row in session.exec(query).all())


def lots_left(session: Session, *, account_id: str, limit: int) -> list[CreditLot]:
    """The account's lots that have something left, in the order in which they are spent."""
    query = (
        select(CreditLot)
        .where(CreditLot.account_id == account_id, CreditLot.remaining_nanos > 0)
        .order_by(_paid_last, _never_last, col(CreditLot.expires_at), col(CreditLot.id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def unpromised(session: Session, *, lot: CreditLot, held_nanos: int) -> int:
    """What of a lot no running reply was promised: what is left of it when all that is held is spent, in order."""
    promised = held_nanos
    for one in _in_order(session, lot.account_id):
        spent = min(promised, one.remaining_nanos)
        if one.id == lot.id:
            return one.remaining_nanos - spent
        promised -= spent
    return 0


def draw(
    session: Session, *, account_id: str, entry_id: str, amount_nanos: int, first: tuple[LotLeft, ...] = ()
) -> None:
    """Take an amount from the account's lots and keep which entry took what: from ``first``, then in their order.

    Raises:
        RuntimeError: the lots hold less than the account; a broken invariant.
    """
    preferred = {lot.id for lot in first}
    wanted = amount_nanos
    for lot in (*first, *(lot for lot in _in_order(session, account_id) if lot.id not in preferred)):
        taken = min(wanted, lot.remaining_nanos)
        if taken:
            _move(session, lot_id=lot.id, entry_id=entry_id, amount_nanos=-taken)
            wanted -= taken
        if not wanted:
            break
    if wanted:
        raise RuntimeError(f"the lots of {account_id} hold {wanted} nanos less than its balance")
    session.flush()


def return_to_lots(session: Session, *, undone_entry_id: str, entry_id: str) -> None:
    """Put back into each lot exactly what an earlier entry took out of it."""
    query = select(LotMovement.lot_id, LotMovement.amount_nanos).where(LotMovement.entry_id == undone_entry_id)
    for lot_id, amount in session.exec(query.order_by(col(LotMovement.id))).all():
        _move(session, lot_id=lot_id, entry_id=entry_id, amount_nanos=-amount)
    session.flush()


def _in_order(session: Session, account_id: str) -> list[LotLeft]:
    """What is left in each of an account's lots, in the order in which they are spent."""
    query = (
        select(CreditLot.id, CreditLot.remaining_nanos)
        .where(CreditLot.account_id == account_id, CreditLot.remaining_nanos > 0)
        .order_by(_paid_last, _never_last, col(CreditLot.expires_at), col(CreditLot.id))
    )
    return [LotLeft(*row) for row in session.exec(query).all()]


def _move(session: Session, *, lot_id: str, entry_id: str, amount_nanos: int) -> None:
    session.connection().execute(
        update(CreditLot)
        .where(col(CreditLot.id) == lot_id)
        .values(remaining_nanos=CreditLot.remaining_nanos + amount_nanos)
    )
    session.add(LotMovement(lot_id=lot_id, entry_id=entry_id, amount_nanos=amount_nanos))
