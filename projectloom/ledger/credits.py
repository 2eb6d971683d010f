"""Credit that comes in: bought (a top-up) or given (a grant), each once."""

from datetime import datetime

from sqlmodel import Session

from projectloom.ledger.accounts import PROMOTIONS, STRIPE_CLEARING, credits_address, open_accounts
from projectloom.ledger.journal import Line, Posted, post_entry
from projectloom.ledger.lots import add_lot
from projectloom.ledger.models import EntryKind, LotKind


def top_up(session: Session, *, user_id: str, order_id: str, paid_nanos: int, bonus_nanos: int) -> Posted:
    """Add a paid order's credit and its bonus, once for the order. Opens the accounts if they are missing.

    Raises:
        IdempotencyConflict: the order was credited with other amounts.
        ValueError: nothing was paid, or the bonus is negative.
    """
    if paid_nanos <= 0 or bonus_nanos < 0:
        raise ValueError("a top-up needs a payment and no negative bonus")
    open_accounts(session, user_id=user_id)
    address = credits_address(user_id)
    lines = [Line(address, paid_nanos + bonus_nanos), Line(STRIPE_CLEARING, -paid_nanos)]
    if bonus_nanos:
        lines.append(Line(PROMOTIONS, -bonus_nanos))
    posted = post_entry(
        session, kind=EntryKind.TOP_UP, idempotency_key=f"top_up:{order_id}", cause=order_id, lines=tuple(lines)
    )
    if not posted.replayed:
        add_lot(session, account_id=address, entry_id=posted.entry_id, kind=LotKind.PAID, amount_nanos=paid_nanos)
        if bonus_nanos:
            add_lot(session, account_id=address, entry_id=posted.entry_id, kind=LotKind.BONUS, amount_nanos=bonus_nanos)
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
    return posted
