"""Fulfillment: the one function that turns a paid order into credit.

The webhook and the return page call it, in any order, at once and as often as they like. The order's row is locked, so
one of them credits and the others see that it is done.
"""

import logging
from enum import StrEnum

from sqlmodel import Session

from projectloom.billing.models import Order, OrderStatus
from projectloom.billing.notices import tell_purchase
from projectloom.billing.reversals import follow
from projectloom.clock import now
from projectloom.ledger.credits import top_up
from projectloom.money import from_cents
from projectloom.payments import CheckoutFacts

_log = logging.getLogger(__name__)


class Fulfillment(StrEnum):
    """What came of the facts about an order."""

    CREDITED = "credited"
    """Credited now."""
    ALREADY = "already"
    """Credited before."""
    WAITING = "waiting"
    """The bank has yet to confirm."""
    OPEN = "open"
    """Not paid yet."""
    CLOSED = "closed"
    """Expired or refused."""
    SET_ASIDE = "set_aside"
    """It differs from the order: nothing was credited."""
    UNKNOWN = "unknown"
    """Not one of our orders."""


def fulfill_checkout(session: Session, facts: CheckoutFacts) -> Fulfillment:
    """Bring an order to where Stripe says it is, within the caller's transaction.

    Only the order's own pack is ever credited, and only when money has arrived and every fact agrees with the order.
    """
    order = session.get(Order, facts.order_id, with_for_update=True)
    if order is None:
        _log.info("payment of an unknown order", extra={"order_id": facts.order_id})
        return Fulfillment.UNKNOWN
    if order.completed_at is not None:
        return _after_completion(session, order, facts)
    problem = _mismatch(order, facts)
    if problem:
        return _set_aside(session, order, problem)
    order.session_id = order.session_id or facts.session_id
    order.payment_intent_id = facts.payment_intent_id or order.payment_intent_id
    if facts.paid:
        return _credit(session, order, facts.total_cents)
    return _unpaid(session, order, facts)


def _after_completion(session: Session, order: Order, facts: CheckoutFacts) -> Fulfillment:
    """What is said of an order that is credited. A second payment of it is not credited, but somebody must look."""
    again = _mismatch(order, facts)
    if facts.payment_intent_id and order.payment_intent_id and facts.payment_intent_id != order.payment_intent_id:
        again = "another payment names this order"
    if not again or not facts.paid:
        if order.payment_intent_id is None and facts.payment_intent_id:
            order.payment_intent_id = facts.payment_intent_id
            follow(session, order)
        return Fulfillment.ALREADY
    _log.error("a completed order was paid again", extra={"order_id": order.id, "problem": again})
    return Fulfillment.SET_ASIDE


def _mismatch(order: Order, facts: CheckoutFacts) -> str | None:
    if facts.currency != order.currency:
        return f"currency is {facts.currency}, not {order.currency}"
    if facts.livemode != order.livemode:
        return "live and test mode differ"
    if facts.session_id and order.session_id and facts.session_id != order.session_id:
        return "another session names this order"
    # Tax may stand on top of the price; nothing that we sell is discounted.
    if facts.total_cents < order.price_cents or (facts.session_id and facts.subtotal_cents != order.price_cents):
        return f"amount is {facts.subtotal_cents} (total {facts.total_cents}) cents, not {order.price_cents}"
    return None


def _set_aside(session: Session, order: Order, problem: str) -> Fulfillment:
    order.status = OrderStatus.SET_ASIDE
    order.problem = problem
    order.awaiting_bank = False
    session.add(order)
    session.flush()
    _log.error("order set aside", extra={"order_id": order.id, "problem": problem})
    return Fulfillment.SET_ASIDE


def _credit(session: Session, order: Order, paid_cents: int) -> Fulfillment:
    order.paid_cents = paid_cents
    order.status = OrderStatus.COMPLETED
    order.completed_at = now()
    order.awaiting_bank = False
    order.problem = None
    session.add(order)
    top_up(
        session,
        user_id=order.user_id,
        order_id=order.id,
        paid_nanos=from_cents(order.price_cents),
        bonus_nanos=from_cents(order.bonus_cents),
    )
    tell_purchase(session, order)
    # A refund or dispute may have been reported before the payment was.
    follow(session, order)
    return Fulfillment.CREDITED


def _unpaid(session: Session, order: Order, facts: CheckoutFacts) -> Fulfillment:
    if order.status != OrderStatus.PENDING:
        return Fulfillment.CLOSED
    outcome = Fulfillment.OPEN
    if facts.failed:
        order.status, order.awaiting_bank, outcome = OrderStatus.FAILED, False, Fulfillment.CLOSED
        order.problem = "the bank refused the payment"
    elif facts.expired:
        order.status, order.awaiting_bank, outcome = OrderStatus.EXPIRED, False, Fulfillment.CLOSED
    elif facts.waiting:
        order.awaiting_bank, outcome = True, Fulfillment.WAITING
    session.add(order)
    session.flush()
    return outcome
