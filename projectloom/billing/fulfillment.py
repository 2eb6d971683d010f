"""Fulfillment: the one function that turns a paid order into credit.

The webhook and the return page call it, in any order, at once and as often as they like. The order's row is locked, so
one of them credits and the others see that it is done.
"""

import logging
from enum import StrEnum

from sqlmodel import Session

from projectloom import limits
from projectloom.billing.auto_rules import refuse_charge
from projectloom.billing.models import Order, OrderSource, OrderStatus
from projectloom.billing.notices import tell_not_paid, tell_purchase
from projectloom.billing.reversals import follow
from projectloom.clock import now
from projectloom.db import lock_name
from projectloom.ledger.credits import top_up
from projectloom.mails.alerts import alert
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
    if facts.payment_intent_id:
        # Or a refund that is noted at the same moment would find no order, and this would find no refund.
        lock_name(session, facts.payment_intent_id)
    order = session.get(Order, facts.order_id, with_for_update=True)
    if order is None:
        _log.info("payment of an unknown order", extra={"order_id": facts.order_id})
        return Fulfillment.UNKNOWN
    if not _may_speak(order, facts):
        return Fulfillment.OPEN
    if order.completed_at is not None:
        return _after_completion(session, order, facts)
    problem = _mismatch(order, facts)
    if problem:
        return _set_aside(session, order, problem)
    order.session_id = order.session_id or facts.session_id
    order.payment_intent_id = facts.payment_intent_id or order.payment_intent_id
    order.customer_id = facts.customer_id or order.customer_id
    if facts.paid:
        return _credit(session, order, facts)
    return _unpaid(session, order, facts)


def _may_speak(order: Order, facts: CheckoutFacts) -> bool:
    """Whether this can decide anything about the order.

    Where a discount was offered, a payment by itself does not tell a discount from a shortfall: its session does. And a
    card that was refused on a payment page ends nothing, as another may be tried there.
    """
    if facts.session_id or order.source == OrderSource.AUTO:
        return True
    return not order.discountable and not facts.failed


def _after_completion(session: Session, order: Order, facts: CheckoutFacts) -> Fulfillment:
    """What is said of an order that is credited. A second payment of it is not credited, but somebody must look."""
    again = _mismatch(order, facts)
    if facts.payment_intent_id and order.payment_intent_id and facts.payment_intent_id != order.payment_intent_id:
        again = "another payment names this order"
    if not again or not facts.paid:
        if not again:
            _keep_links(order, facts)
        session.add(order)
        if order.payment_intent_id is None and facts.payment_intent_id:
            order.payment_intent_id = facts.payment_intent_id
            follow(session, order)
        return Fulfillment.ALREADY
    alert(
        session,
        key=f"paid_again:{order.id}:{facts.payment_intent_id or facts.session_id}",
        subject="A completed order was paid again",
        words=f"Order {order.id} is credited and was paid again: {again}. The second payment was not credited.",
    )
    return Fulfillment.SET_ASIDE


def _mismatch(order: Order, facts: CheckoutFacts) -> str | None:
    if facts.currency != order.currency:
        return f"currency is {facts.currency}, not {order.currency}"
    if facts.livemode != order.livemode:
        return "live and test mode differ"
    if facts.session_id and order.session_id and facts.session_id != order.session_id:
        return "another session names this order"
    if max(facts.total_cents, facts.tax_cents, facts.discount_cents) > limits.MAX_CENTS:
        return f"amount is {facts.subtotal_cents} (total {facts.total_cents}) cents, more than anybody pays"
    if facts.discount_cents and not order.discountable:
        return f"a discount of {facts.discount_cents} cents was not offered"
    # Tax may stand on top of the price.
    due = order.price_cents - facts.discount_cents
    if facts.total_cents < due or (facts.session_id and facts.subtotal_cents != order.price_cents):
        return f"amount is {facts.subtotal_cents} (total {facts.total_cents}) cents, not {order.price_cents}"
    return None


def _set_aside(session: Session, order: Order, problem: str) -> Fulfillment:
    order.status = OrderStatus.SET_ASIDE
    order.problem = problem
    order.awaiting_bank = False
    session.add(order)
    session.flush()
    alert(
        session,
        key=f"set_aside:{order.id}",
        subject="An order was set aside",
        words=f"Order {order.id} is set aside: {problem}. Nothing was credited.",
    )
    return Fulfillment.SET_ASIDE


def _keep_links(order: Order, facts: CheckoutFacts) -> None:
    order.receipt_url = facts.receipt_url or order.receipt_url
    order.invoice_url = facts.invoice_url or order.invoice_url
    # A payment that was heard of by itself says nothing of tax.
    order.tax_cents = facts.tax_cents if facts.session_id and not order.tax_cents else order.tax_cents


def _credit(session: Session, order: Order, facts: CheckoutFacts) -> Fulfillment:
    order.paid_cents = facts.total_cents
    order.discount_cents = facts.discount_cents
    _keep_links(order, facts)
    order.status = OrderStatus.COMPLETED
    order.completed_at = now()
    order.awaiting_bank = False
    order.problem = None
    session.add(order)
    top_up(
        session,
        user_id=order.user_id,
        order_id=order.id,
        paid_nanos=from_cents(order.charged_cents),
        bonus_nanos=from_cents(order.given_cents),
    )
    tell_purchase(session, order)
    # A refund or dispute may have been reported before the payment was.
    follow(session, order)
    return Fulfillment.CREDITED


def _unpaid(session: Session, order: Order, facts: CheckoutFacts) -> Fulfillment:
    if order.status != OrderStatus.PENDING:
        return Fulfillment.CLOSED
    outcome = Fulfillment.OPEN
    if facts.failed and order.source == OrderSource.AUTO:
        refuse_charge(session, order, facts.refusal)
        return Fulfillment.CLOSED
    if facts.failed:
        tell_not_paid(session, order)
        order.status, order.awaiting_bank, outcome = OrderStatus.FAILED, False, Fulfillment.CLOSED
        order.problem = "the bank refused the payment"
    elif facts.expired:
        order.status, order.awaiting_bank, outcome = OrderStatus.EXPIRED, False, Fulfillment.CLOSED
    elif facts.waiting:
        order.awaiting_bank, outcome = True, Fulfillment.WAITING
    session.add(order)
    session.flush()
    return outcome
