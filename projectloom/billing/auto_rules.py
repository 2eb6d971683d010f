"""When auto top-up may charge, and when it stops itself: the rules, without Stripe.

It never charges more than the person's monthly ceiling, never twice at once, and after any refusal, dispute or refund
it is off until the person switches it on again. Whatever it does, the person is told.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, and_, col, func, or_, select

from projectloom import limits
from projectloom.billing.models import AutoTopUp, Order, OrderSource, OrderStatus, SavedCard
from projectloom.billing.notices import tell_auto_ceiling, tell_auto_stopped
from projectloom.billing.packs import priced
from projectloom.clock import next_month, now, start_of_month

_AUTHENTICATION = "authentication_required"


class Stop(StrEnum):
    """Why auto top-up switched itself off."""

    DECLINED = "declined"
    """The bank declined the charge."""
    AUTHENTICATION = "authentication"
    """The bank wants to see the card's owner."""
    CARD_GONE = "card_gone"
    """The card can no longer be charged."""
    DISPUTED = "disputed"
    """The bank questions a payment."""
    REFUNDED = "refunded"
    """The person took an auto top-up back."""


def reason_of(refusal: str | None) -> Stop:
    """Why it stops, from Stripe's code for a refused charge."""
    return Stop.AUTHENTICATION if refusal == _AUTHENTICATION else Stop.DECLINED


def stop(session: Session, *, user_id: str, why: Stop) -> None:
    """Switch a person's auto top-up off and tell them; nothing when it is off."""
    rules = session.get(AutoTopUp, user_id, with_for_update=True, populate_existing=True)
    if rules is None or not rules.enabled:
        return
    rules.enabled, rules.stopped, rules.changed_at = False, why, now()
    session.add(rules)
    session.flush()
    tell_auto_stopped(session, user_id=user_id, why=why, moment=rules.changed_at)


def switch_off(session: Session, *, user_id: str) -> None:
    """Switch a person's auto top-up off because they asked for it."""
    rules = session.get(AutoTopUp, user_id, with_for_update=True, populate_existing=True)
    if rules is not None:
        rules.enabled, rules.stopped, rules.changed_at = False, None, now()
        session.add(rules)


def refuse_charge(session: Session, order: Order, refusal: str | None) -> None:
    """An auto top-up was not paid: its order has failed, and there is none until the person wants it. Order locked."""
    close_charge(session, order, problem=f"the charge was refused: {refusal or 'card_declined'}")
    stop(session, user_id=order.user_id, why=reason_of(refusal))


def close_charge(session: Session, order: Order, *, problem: str) -> None:
    """An auto top-up came to nothing. Should money arrive for it after all, it is credited all the same."""
    order.status, order.awaiting_bank, order.problem = OrderStatus.FAILED, False, problem
    session.add(order)
    session.flush()


def may_charge(session: Session, rules: AutoTopUp, *, moment: datetime) -> bool:
    """Whether the ceiling leaves room for one more charge. If not, it rests until next month and the person is told."""
    left = rules.monthly_ceiling_cents - charged_this_month(session, user_id=rules.user_id, moment=moment)
    if left >= priced(rules.amount_usd).price_cents:
        return True
    rules.next_try_at = next_month(moment)
    session.add(rules)
    tell_auto_ceiling(session, user_id=rules.user_id, ceiling_cents=rules.monthly_ceiling_cents, moment=moment)
    return False


def charged_this_month(session: Session, *, user_id: str, moment: datetime) -> int:
    """What auto top-up charged a person in the calendar month (UTC) of a moment, in cents; refused charges left out."""
    query = select(func.coalesce(func.sum(Order.price_cents), 0)).where(
        Order.user_id == user_id,
        Order.source == OrderSource.AUTO,
        Order.status != OrderStatus.FAILED,
        Order.created_at >= start_of_month(moment),
    )
    return int(session.exec(query).one())


def has_card(session: Session, *, user_id: str) -> bool:
    """Whether the person let us charge a card."""
    card = session.get(SavedCard, user_id)
    return card is not None and card.payment_method_id is not None


def charged_lately(session: Session, *, user_id: str, moment: datetime) -> bool:
    """Whether a charge is under way, or one was made so lately that the next one must wait."""
    query = select(Order.id).where(
        Order.user_id == user_id,
        Order.source == OrderSource.AUTO,
        or_(
            Order.status == OrderStatus.PENDING,
            and_(
                Order.status != OrderStatus.FAILED,
                col(Order.created_at) > moment - timedelta(seconds=limits.AUTO_COOLDOWN_SECONDS),
            ),
        ),
    )
    return session.exec(query.limit(1)).first() is not None
