"""Credit that goes back: what a refund or dispute takes, what a dispute freezes, and the exact rows back again.

Money that was returned takes its credit with it: the purchase's own lots first, then any other credit, and what was
spent already becomes debt, which blocks spending until the next credit pays it off. Every function is idempotent under
the key that its caller makes from Stripe's own id.
"""

from sqlmodel import Session, select

from projectloom.ledger.accounts import (
    PROMOTIONS,
    STRIPE_CLEARING,
    credits_address,
    debt_address,
    frozen_address,
    lock_accounts,
    read_balances,
)
from projectloom.ledger.journal import Line, Posted, post_entry
from projectloom.ledger.lots import add_lot, draw, lots_of, return_to_lots
from projectloom.ledger.models import EntryKind, JournalEntry, LedgerAccount, LotKind, Posting


def take_back(
    session: Session,
    *,
    user_id: str,
    order_id: str,
    idempotency_key: str,
    cause: str,
    paid_nanos: int,
    bonus_nanos: int,
) -> Posted:
    """Take back credit whose money was returned, and its share of the bonus.

    Raises:
        IdempotencyConflict: the key was used with other amounts.
        ValueError: nothing is to be taken back, or an amount is negative.
    """
    if paid_nanos < 0 or bonus_nanos < 0 or not paid_nanos + bonus_nanos:
        raise ValueError("a reversal needs an amount")
    lock_accounts(session, user_id=user_id)
    due = paid_nanos + bonus_nanos
    taken = min(due, _unheld(session, user_id))
    address = credits_address(user_id)
    lines = [Line(STRIPE_CLEARING, paid_nanos), Line(PROMOTIONS, bonus_nanos)]
    lines += [Line(address, -taken), Line(debt_address(user_id), taken - due)]
    posted = post_entry(
        session,
        kind=EntryKind.REVERSAL,
        idempotency_key=idempotency_key,
        cause=cause,
        lines=tuple(line for line in lines if line.amount_nanos),
        given={"order": order_id, "paid": paid_nanos, "bonus": bonus_nanos},
    )
    if not posted.replayed and taken:
        draw(
            session,
            account_id=address,
            entry_id=posted.entry_id,
            amount_nanos=taken,
            first=lots_of(session, idempotency_key=f"top_up:{order_id}"),
        )
    return posted


def freeze(session: Session, *, user_id: str, order_id: str, dispute_id: str) -> Posted | None:
    """Put what is left of a disputed purchase's credit out of reach; None when nothing is left."""
    lock_accounts(session, user_id=user_id)
    key = f"freeze:{dispute_id}"
    known = session.exec(select(JournalEntry.id).where(JournalEntry.idempotency_key == key)).one_or_none()
    if known is not None:
        return Posted(known, replayed=True)
    lots = lots_of(session, idempotency_key=f"top_up:{order_id}")
    amount = min(sum(lot.remaining_nanos for lot in lots), _unheld(session, user_id))
    if not amount:
        return None
    address = credits_address(user_id)
    posted = post_entry(
        session,
        kind=EntryKind.FREEZE,
        idempotency_key=key,
        cause=dispute_id,
        lines=(Line(address, -amount), Line(frozen_address(user_id), amount)),
        given={"order": order_id},
    )
    draw(session, account_id=address, entry_id=posted.entry_id, amount_nanos=amount, first=lots)
    return posted


def put_back(session: Session, *, user_id: str, undone_key: str, idempotency_key: str, cause: str) -> Posted | None:
    """Mirror the reversal or freeze that was made under ``undone_key``: the exact rows back; None when there is none.

    Debt that was paid off in the meantime comes back as credit.
    """
    lock_accounts(session, user_id=user_id)
    undone = session.exec(select(JournalEntry.id).where(JournalEntry.idempotency_key == undone_key)).one_or_none()
    if undone is None:
        return None
    amounts = dict(
        session.exec(select(Posting.account_id, Posting.amount_nanos).where(Posting.entry_id == undone)).all()
    )
    address, debt = credits_address(user_id), debt_address(user_id)
    forgiven = min(-amounts.get(debt, 0), _debt(session, user_id))
    repaid = -amounts.get(debt, 0) - forgiven
    mirror = {account: -amount for account, amount in amounts.items()} | {debt: forgiven}
    mirror[address] = mirror.get(address, 0) + repaid
    posted = post_entry(
        session,
        kind=EntryKind.REINSTATEMENT,
        idempotency_key=idempotency_key,
        cause=cause,
        lines=tuple(Line(account, amount) for account, amount in mirror.items() if amount),
        given={"undone": undone},
    )
    if not posted.replayed:
        return_to_lots(session, undone_entry_id=undone, entry_id=posted.entry_id)
        if repaid:
            add_lot(session, account_id=address, entry_id=posted.entry_id, kind=LotKind.PAID, amount_nanos=repaid)
        repay_debt(session, user_id=user_id, cause=posted.entry_id)
    return posted


def repay_debt(session: Session, *, user_id: str, cause: str) -> None:
    """Pay off debt with whatever credit is not held. Does nothing without debt or credit. ``cause`` is the entry id."""
    if not _debt(session, user_id):
        return
    lock_accounts(session, user_id=user_id)
    amount = min(_debt(session, user_id), _unheld(session, user_id))
    if not amount:
        return
    address = credits_address(user_id)
    posted = post_entry(
        session,
        kind=EntryKind.DEBT_REPAYMENT,
        idempotency_key=f"debt_repayment:{cause}",
        cause=cause,
        lines=(Line(address, -amount), Line(debt_address(user_id), amount)),
    )
    if not posted.replayed:
        draw(session, account_id=address, entry_id=posted.entry_id, amount_nanos=amount)


def _unheld(session: Session, user_id: str) -> int:
    balances = read_balances(session, user_id=user_id)
    return balances.posted_nanos - balances.held_nanos if balances else 0


def _debt(session: Session, user_id: str) -> int:
    query = select(LedgerAccount.posted_nanos).where(LedgerAccount.id == debt_address(user_id))
    return -(session.exec(query).one_or_none() or 0)
