"""Self-service refunds: an unspent purchase, within the named days, back to where it was paid from.

The credit is put out of reach first, then Stripe is asked, under the order's own key, so that the money cannot be spent
while it is on its way back and is never sent twice. If Stripe refuses, the credit returns; if it does not answer, the
reconciler asks again.
"""

from datetime import timedelta
from enum import StrEnum

from sqlmodel import Session, func, select

from projectloom.billing.auto_rules import Stop, stop
from projectloom.billing.models import Order, OrderStatus, Reversal
from projectloom.billing.reversals import note_reversal, record_reversal, refund_freeze, release_refund
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import in_thread, transaction
from projectloom.errors import NotFound, NotRefundable, PaymentUnavailable
from projectloom.ledger.accounts import lock_accounts, read_balances
from projectloom.ledger.lots import lots_of
from projectloom.ledger.reversals import freeze
from projectloom.mails.alerts import alert
from projectloom.money import from_cents
from projectloom.payments import ReversalFacts, Stage, create_refund, refunds_of

_REFUSED_WORDS = "The refund could not be made. Your credit is on your balance again. Please try again later."
_WAITING_WORDS = "The refund is on its way, but has not been confirmed yet. Its credit is set aside until it is."

_REFUSED = range(400, 500)
_DONE_BEFORE = "charge_already_refunded"
# Stripe's "the same key is in use" and "too many requests": it has not said no.
_NOT_YET = (409, 429)


async def request_refund(user_id: str, order_id: str) -> None:
    """Give back a purchase of the person's that is unspent.

    Raises:
        NotFound: there is no such purchase, or it is somebody else's.
        NotRefundable: too old, spent in part, refunded or disputed before.
        PaymentUnavailable: Stripe refused; the credit is there again. Or it did not answer; the reconciler goes on.
    """
    await in_thread(_reserve, user_id, order_id)
    await finish_refund(order_id)


async def finish_refund(order_id: str) -> None:
    """Ask Stripe for a refund that was requested, or ask again; the key makes it the same one.

    Raises:
        PaymentUnavailable: as :func:`request_refund`.
    """
    wanted = await in_thread(_wanted, order_id)
    if wanted is None:
        return
    payment_intent_id, cents, key = wanted
    try:
        facts = await create_refund(payment_intent_id=payment_intent_id, amount_cents=cents, idempotency_key=key)
    except NotFound as error:
        await in_thread(_give_up, order_id)
        raise PaymentUnavailable(_REFUSED_WORDS) from error
    except PaymentUnavailable as error:
        if error.data.get("code") == _DONE_BEFORE and await _note_made(payment_intent_id):
            return
        status = error.data.get("status")
        if isinstance(status, int) and status in _REFUSED and status not in _NOT_YET:
            await in_thread(_give_up, order_id)
            raise PaymentUnavailable(_REFUSED_WORDS, **error.data) from error
        raise PaymentUnavailable(_WAITING_WORDS, **error.data) from error
    await in_thread(_made, order_id, facts)


async def _note_made(payment_intent_id: str) -> bool:
    """Whether Stripe has made refunds of this payment; what they are is followed. Its key may be forgotten by then."""
    made = await refunds_of(payment_intent_id)
    for facts in made:
        await in_thread(record_reversal, facts)
    return any(facts.stage == Stage.TAKEN for facts in made)


class Obstacle(StrEnum):
    """Why a buyer cannot take a purchase back by themselves."""

    NOT_STANDING = "not_standing"
    """It is not complete, cost nothing, or was reversed or is about to be."""
    OLD = "old"
    """It is older than the days in which they may."""
    SPENT = "spent"
    """Its credit is spent, or a part of it."""


def is_refundable(session: Session, order: Order) -> bool:
    """Whether the buyer may take this purchase back: recent, whole, and not reversed before."""
    return obstacle_to_refund(session, order) is None


def obstacle_to_refund(session: Session, order: Order) -> Obstacle | None:
    """Why the buyer may not take this purchase back; None where they may."""
    if order.status != OrderStatus.COMPLETED or order.completed_at is None or order.refund_requested_at is not None:
        return Obstacle.NOT_STANDING
    if order.received_cents == 0:
        return Obstacle.NOT_STANDING
    if order.completed_at < now() - timedelta(days=settings().refund_days):
        return Obstacle.OLD
    reversed_before = session.exec(
        select(func.count()).select_from(Reversal).where(Reversal.order_id == order.id)
    ).one()
    left = sum(lot.remaining_nanos for lot in lots_of(session, idempotency_key=f"top_up:{order.id}"))
    if reversed_before:
        return Obstacle.NOT_STANDING
    return None if left == _credit(order) else Obstacle.SPENT


def _reserve(user_id: str, order_id: str) -> None:
    with transaction() as session:
        order = session.get(Order, order_id, with_for_update=True)
        if order is None or order.user_id != user_id:
            raise NotFound("There is no such purchase.")
        lock_accounts(session, user_id=user_id)
        if not is_refundable(session, order):
            raise NotRefundable
        balances = read_balances(session, user_id=user_id)
        if balances is None or balances.posted_nanos - balances.held_nanos < _credit(order):
            raise NotRefundable("A reply is being written with this credit. Please try again when it has ended.")
        order.refund_requested_at = now()
        session.add(order)
        # Or the next minute it would buy again what is taken back.
        stop(session, user_id=user_id, why=Stop.REFUNDED)
        freeze(session, user_id=user_id, order_id=order_id, dispute_id=refund_freeze(order))


def _credit(order: Order) -> int:
    return from_cents(order.price_cents + order.bonus_cents)


def _wanted(order_id: str) -> tuple[str, int, str] | None:
    with transaction() as session:
        order = session.get_one(Order, order_id)
        if order.refund_requested_at is None or order.payment_intent_id is None:
            return None
        # A request that was refused is over, and Stripe would repeat its refusal under the same key for a day.
        return order.payment_intent_id, order.received_cents, refund_freeze(order)


def _made(order_id: str, facts: ReversalFacts) -> None:
    with transaction() as session:
        note_reversal(session, facts)
        release_refund(session, session.get_one(Order, order_id, with_for_update=True))


def _give_up(order_id: str) -> None:
    with transaction() as session:
        order = session.get_one(Order, order_id, with_for_update=True)
        if order.refund_requested_at is None:
            return
        alert(
            session,
            key=f"refund_refused:{order_id}",
            subject="Stripe refused a refund",
            words=f"Stripe refused to refund order {order_id}, as its buyer had asked. Its credit is there again.",
        )
        release_refund(session, order)
