"""Credit that comes in: bought (a top-up) or given (a grant), each once. And given credit that ends unspent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom.errors import NotFound, NotRevocable
from projectloom.ledger.accounts import BREAKAGE, PROMOTIONS, STRIPE_CLEARING, credits_address, open_accounts
from projectloom.ledger.journal import Line, Posted, post_entry
from projectloom.ledger.lots import LotLeft, add_lot, draw, unpromised
from projectloom.ledger.models import CreditLot, EntryKind, LedgerAccount, LotKind, LotMovement
from projectloom.ledger.reversals import repay_debt
from projectloom.money import Nanos

# Reasons of grants that the server makes by itself.
SIGN_UP_REASON = "sign_up"
CODE_REASON = "code:"


def top_up(session: Session, *, user_id: str, order_id: str, paid_nanos: int, bonus_nanos: int) -> Posted:
    """Add an order's credit, once for the order: what was paid, and what was given with it. Opens missing accounts.

    Raises:
        IdempotencyConflict: the order was credited with other amounts.
        ValueError: an amount is negative, or there is none.
    """
    if paid_nanos < 0 or bonus_nanos < 0 or not paid_nanos + bonus_nanos:
        raise ValueError("a top-up needs an amount and no negative one")
    open_accounts(session, user_id=user_id)
    address = credits_address(user_id)
    lines = (
        Line(address, paid_nanos + bonus_nanos),
        Line(STRIPE_CLEARING, -paid_nanos),
        Line(PROMOTIONS, -bonus_nanos),
    )
    posted = post_entry(
        session,
        kind=EntryKind.TOP_UP,
        idempotency_key=f"top_up:{order_id}",
        cause=order_id,
        lines=tuple(line for line in lines if line.amount_nanos),
    )
    if not posted.replayed:
        for kind, amount in ((LotKind.PAID, paid_nanos), (LotKind.BONUS, bonus_nanos)):
            if amount:
                add_lot(session, account_id=address, entry_id=posted.entry_id, kind=kind, amount_nanos=amount)
        repay_debt(session, user_id=user_id, cause=posted.entry_id)
    return posted


def grant(
    session: Session, *, user_id: str, reason: str, amount_nanos: int, expires_at: datetime | None = None
) -> Posted:
    """Give credit, once for the person and reason.

    Raises:
        IdempotencyConflict: the same grant was made with another amount.
        ValueError: the amount is not positive.
    """
    if amount_nanos <= 0:
        raise ValueError("a grant must be positive")
    open_accounts(session, user_id=user_id)
    address = credits_address(user_id)
    posted = post_entry(
        session,
        kind=EntryKind.GRANT,
        idempotency_key=f"grant:{reason}:{user_id}",
        cause=reason,
        lines=(Line(address, amount_nanos), Line(PROMOTIONS, -amount_nanos)),
    )
    if not posted.replayed:
        add_lot(
            session,
            account_id=address,
            entry_id=posted.entry_id,
            kind=LotKind.PROMOTIONAL,
            amount_nanos=amount_nanos,
            expires_at=expires_at,
        )
        repay_debt(session, user_id=user_id, cause=posted.entry_id)
    return posted


def expire_lot(session: Session, *, lot_id: str, moment: datetime) -> Posted | None:
    """Book what is left of a given lot as breakage once its time is over; None when there is nothing to book yet.

    While a running reply holds the credit nothing is booked: the reply was promised it.
    """
    lot = session.get(CreditLot, lot_id, populate_existing=True)
    if lot is None or lot.expires_at is None or lot.expires_at > moment:
        return None
    account = session.get_one(LedgerAccount, lot.account_id, with_for_update=True, populate_existing=True)
    remaining = session.exec(select(CreditLot.remaining_nanos).where(CreditLot.id == lot_id)).one()
    if not remaining or account.posted_nanos - account.held_nanos < remaining:
        return None
    return _end_lot(session, lot, EntryKind.EXPIRY, amount_nanos=remaining, to=BREAKAGE)


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken back of a lot."""

    entry_id: str | None
    """None where nothing could be taken."""
    taken_nanos: Nanos
    left_nanos: Nanos
    """What stays, because running replies were promised it."""


def revoke(session: Session, *, lot_id: str) -> Revoked:
    """Take back what is left of a grant, as far as no running reply was promised it.

    Held credit counts as spent in the order of lots, so a reply that runs takes no more of what was bought than it
    would have without this. Nothing is taken from another lot, and none of it becomes debt. Once nothing is left, a
    repetition takes nothing.

    Raises:
        NotFound: there is no such lot.
        NotRevocable: it was bought, or came with a purchase: that goes back with a refund.
    """
    lot = session.get(CreditLot, lot_id)
    if lot is None:
        raise NotFound("There is no such credit.")
    if lot.kind != LotKind.PROMOTIONAL:
        raise NotRevocable
    # Whoever spends from the account changes its row first, so nothing moves in its lots from here on.
    account = session.get_one(LedgerAccount, lot.account_id, with_for_update=True, populate_existing=True)
    remaining = session.exec(select(CreditLot.remaining_nanos).where(CreditLot.id == lot_id)).one()
    taken = unpromised(session, lot=lot, held_nanos=account.held_nanos)
    if not taken:
        return Revoked(None, Nanos(0), Nanos(remaining))
    posted = _end_lot(session, lot, EntryKind.REVOCATION, amount_nanos=taken, to=PROMOTIONS)
    return Revoked(posted.entry_id, Nanos(taken), Nanos(remaining - taken))


def _end_lot(session: Session, lot: CreditLot, kind: EntryKind, *, amount_nanos: int, to: str) -> Posted:
    """Move an amount out of a lot to the operator's side."""
    # Credit that comes back into a lot may leave it again, so the key counts what moved in it before.
    moved = session.exec(select(func.count()).select_from(LotMovement).where(LotMovement.lot_id == lot.id)).one()
    posted = post_entry(
        session,
        kind=kind,
        idempotency_key=f"{kind}:{lot.id}:{moved}",
        cause=lot.id,
        lines=(Line(lot.account_id, -amount_nanos), Line(to, amount_nanos)),
    )
    if not posted.replayed:
        first = (LotLeft(lot.id, amount_nanos),)
        draw(session, account_id=lot.account_id, entry_id=posted.entry_id, amount_nanos=amount_nanos, first=first)
    return posted


def expired_lots(session: Session, *, moment: datetime, limit: int) -> list[str]:
    """Lots whose time is over and that still have something in them, the earliest first."""
    query = (
        select(CreditLot.id)
        .where(col(CreditLot.expires_at) <= moment, CreditLot.remaining_nanos > 0)
        .order_by(col(CreditLot.expires_at))
        .limit(limit)
    )
    return list(session.exec(query).all())


@dataclass(frozen=True, slots=True)
class ExpiringLot:
    """Given credit whose time is nearly over."""

    id: str
    user_id: str
    remaining_nanos: int
    expires_at: datetime


def expiring_lots(session: Session, *, after: datetime, before: datetime) -> list[ExpiringLot]:
    """People's lots that expire between two moments and still have something in them, the earliest first."""
    query = (
        select(CreditLot.id, LedgerAccount.user_id, CreditLot.remaining_nanos, CreditLot.expires_at)
        .join(LedgerAccount, col(LedgerAccount.id) == col(CreditLot.account_id))
        .where(col(CreditLot.expires_at) > after, col(CreditLot.expires_at) <= before, CreditLot.remaining_nanos > 0)
        .order_by(col(CreditLot.expires_at), col(CreditLot.id))
    )
    return [
        ExpiringLot(lot_id, user_id, remaining, expires_at)
        for lot_id, user_id, remaining, expires_at in session.exec(query).all()
        if user_id is not None and expires_at is not None
    ]
