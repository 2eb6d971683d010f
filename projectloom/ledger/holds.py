"""Holds: reserve before a call, then capture, void or expire, exactly once.

One conditional update decides each step, so any number of concurrent callers agree on the outcome, on both engines. A
caller that lost the race is told the final state.
"""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from projectloom.clock import now
from projectloom.db import insert_once
from projectloom.errors import HoldResolved, IdempotencyConflict, InsufficientCredits, NotFound
from projectloom.ids import new_id
from projectloom.ledger.accounts import EARNINGS, credits_address, debt_address
from projectloom.ledger.journal import Line, input_hash, post_entry
from projectloom.ledger.lots import draw
from projectloom.ledger.models import EntryKind, Hold, HoldState, LedgerAccount
from projectloom.ledger.reversals import repay_debt


def authorize(
    session: Session, *, user_id: str, amount_nanos: int, idempotency_key: str, cause: str, expires_at: datetime
) -> Hold:
    """Reserve ``amount_nanos`` (> 0) of a person's available credit.

    The same key and input returns the hold that is already there, whatever its state.

    Raises:
        InsufficientCredits: less is available, there is debt, or the person has no account.
        IdempotencyConflict: the key was used with other input.
    """
    if amount_nanos <= 0:
        raise ValueError("a hold must be positive")
    account_id = credits_address(user_id)
    wanted = input_hash({"account": account_id, "amount": amount_nanos, "cause": cause})
    hold = Hold(
        id=new_id("hold"),
        account_id=account_id,
        amount_nanos=amount_nanos,
        idempotency_key=idempotency_key,
        input_hash=wanted,
        cause=cause,
        created_at=now(),
        expires_at=expires_at,
    )
    if session.get(LedgerAccount, account_id) is None:
        raise InsufficientCredits
    if not insert_once(session, Hold, hold.model_dump(), key=["idempotency_key"]):
        found = session.exec(select(Hold).where(Hold.idempotency_key == idempotency_key)).one()
        if found.input_hash != wanted:
            raise IdempotencyConflict(idempotency_key=idempotency_key)
        return found
    in_debt = select(LedgerAccount.id).where(LedgerAccount.id == debt_address(user_id), LedgerAccount.posted_nanos < 0)
    reserved = session.connection().execute(
        update(LedgerAccount)
        .where(
            col(LedgerAccount.id) == account_id,
            col(LedgerAccount.posted_nanos) - col(LedgerAccount.held_nanos) >= amount_nanos,
            ~in_debt.exists(),
        )
        .values(held_nanos=LedgerAccount.held_nanos + amount_nanos)
    )
    if reserved.rowcount != 1:
        raise InsufficientCredits
    return hold


def capture(session: Session, *, hold_id: str, amount_nanos: int) -> str | None:
    """Charge ``amount_nanos`` of a hold and free the rest; the journal entry's id.

    A capture of nothing voids the hold and makes no entry (None). Repeating a capture with the same amount returns the
    first answer.

    Raises:
        HoldResolved: it was resolved otherwise before. ``data['state']`` says how.
        NotFound: there is no such hold.
        ValueError: the amount is negative or above the hold.
    """
    hold = _find(session, hold_id)
    if not 0 <= amount_nanos <= hold.amount_nanos:
        raise ValueError("a capture must be between nothing and the hold")
    if amount_nanos == 0:
        void(session, hold_id=hold_id)
        return None
    if not _resolve(session, hold_id=hold_id, state=HoldState.CAPTURED, captured_nanos=amount_nanos):
        final = _find(session, hold_id)
        if final.state != HoldState.CAPTURED or final.captured_nanos != amount_nanos:
            raise HoldResolved(state=final.state, captured_nanos=final.captured_nanos)
    posted = post_entry(
        session,
        kind=EntryKind.CAPTURE,
        idempotency_key=f"capture:{hold_id}",
        cause=hold.cause,
        lines=(
            Line(hold.account_id, -amount_nanos, held_nanos=-hold.amount_nanos, spent_nanos=amount_nanos),
            Line(EARNINGS, amount_nanos),
        ),
    )
    if not posted.replayed:
        draw(session, account_id=hold.account_id, entry_id=posted.entry_id, amount_nanos=amount_nanos)
        _repay_from(session, hold)
    return posted.entry_id


def void(session: Session, *, hold_id: str) -> None:
    """Release a hold without a charge. Repeating it changes nothing.

    Raises:
        HoldResolved: it was captured or expired before.
        NotFound: there is no such hold.
    """
    _release(session, hold_id=hold_id, state=HoldState.VOIDED)


def expire(session: Session, *, hold_id: str) -> None:
    """Release a hold that nobody resolved in time. Errors as in :func:`void`."""
    _release(session, hold_id=hold_id, state=HoldState.EXPIRED)


def _release(session: Session, *, hold_id: str, state: HoldState) -> None:
    hold = _find(session, hold_id)
    if not _resolve(session, hold_id=hold_id, state=state, captured_nanos=0):
        final = _find(session, hold_id)
        if final.state != state:
            raise HoldResolved(state=final.state, captured_nanos=final.captured_nanos)
        return
    session.connection().execute(
        update(LedgerAccount)
        .where(col(LedgerAccount.id) == hold.account_id)
        .values(held_nanos=LedgerAccount.held_nanos - hold.amount_nanos)
    )
    _repay_from(session, hold)


def _repay_from(session: Session, hold: Hold) -> None:
    # A purchase that was taken back while a reply ran may have left debt, which what the hold frees now pays.
    owner = session.exec(select(LedgerAccount.user_id).where(LedgerAccount.id == hold.account_id)).one()
    if owner is not None:
        repay_debt(session, user_id=owner, cause=hold.id)


def _resolve(session: Session, *, hold_id: str, state: HoldState, captured_nanos: int) -> bool:
    changed = session.connection().execute(
        update(Hold)
        .where(col(Hold.id) == hold_id, col(Hold.state) == HoldState.HELD)
        .values(state=state, captured_nanos=captured_nanos, resolved_at=now())
    )
    return changed.rowcount == 1


def _find(session: Session, hold_id: str) -> Hold:
    hold = session.exec(select(Hold).where(Hold.id == hold_id).execution_options(populate_existing=True)).one_or_none()
    if hold is None:
        raise NotFound(hold_id=hold_id)
    return hold
