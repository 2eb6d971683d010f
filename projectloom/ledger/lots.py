"""Credit lots: where each dollar came from and in which order it is spent.

Given credit goes first, the soonest expiry first; paid credit last, the oldest first. Callers change the account's row
in the same transaction before they come here, so two spenders of one account never draw at once.
"""

from datetime import datetime

from sqlalchemy import case, update
from sqlmodel import Session, col, select

from projectloom.ids import new_id
from projectloom.ledger.models import CreditLot, LotKind, LotMovement


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


def draw(session: Session, *, account_id: str, entry_id: str, amount_nanos: int) -> None:
    """Take an amount from the account's lots in their order and keep which entry took what.

    Raises:
        RuntimeError: the lots hold less than the account; a broken invariant.
    """
    paid_last = case((col(CreditLot.kind) == LotKind.PAID, 1), else_=0)
    never_last = case((col(CreditLot.expires_at).is_(None), 1), else_=0)
    lots = session.exec(
        select(CreditLot.id, CreditLot.remaining_nanos)
        .where(CreditLot.account_id == account_id, CreditLot.remaining_nanos > 0)
        .order_by(paid_last, never_last, col(CreditLot.expires_at), col(CreditLot.id))
    ).all()
    wanted = amount_nanos
    for lot_id, remaining in lots:
        if wanted == 0:
            break
        taken = min(wanted, remaining)
        session.connection().execute(
            update(CreditLot).where(col(CreditLot.id) == lot_id).values(remaining_nanos=remaining - taken)
        )
        session.add(LotMovement(lot_id=lot_id, entry_id=entry_id, amount_nanos=-taken))
        wanted -= taken
    if wanted:
        raise RuntimeError(f"the lots of {account_id} hold {wanted} nanos less than its balance")
    session.flush()
