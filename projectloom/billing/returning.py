"""The return page: what became of the purchase that a person comes back from.

It asks Stripe itself and runs the same fulfillment as the webhook, so credit is there when the person is, whichever
came first, and also when the webhook never comes.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlmodel import and_, col, or_, select

from projectloom import limits
from projectloom.billing.looking_again import fulfill
from projectloom.billing.models import Order, OrderStatus
from projectloom.clock import now
from projectloom.db import in_thread, reading
from projectloom.errors import InvalidEvent, NotFound, PaymentUnavailable
from projectloom.money import ZERO, Nanos, from_cents
from projectloom.payments import retrieve_session

_log = logging.getLogger(__name__)

# How long after its end a purchase is still the one that a person is coming back from.
_RECENT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ReturnOutcome:
    """What the return page says. ``credit_nanos`` is what was, or will be, added."""

    status: Literal["completed", "waiting", "failed", "set_aside", "pending", "none"]
    credit_nanos: Nanos = ZERO


async def settle_return(user_id: str) -> ReturnOutcome:
    """Ask Stripe about a person's latest unpaid orders, fulfil what is paid, and tell what happened to the last one.

    Stripe being out of reach is not an error here: the webhook will come, and the outcome says ``pending``.
    """
    try:
        async with asyncio.timeout(limits.RETURN_SECONDS):
            await _ask_stripe(user_id)
    except TimeoutError:
        _log.warning("Stripe took too long for the return page")
    return await in_thread(_outcome, user_id)


async def _ask_stripe(user_id: str) -> None:
    for session_id in await in_thread(_open_sessions, user_id):
        try:
            facts = await retrieve_session(session_id)
        except (PaymentUnavailable, NotFound, InvalidEvent) as error:
            _log.warning("return page could not ask Stripe", extra={"session_id": session_id, "code": error.code})
            continue
        await in_thread(fulfill, facts)


def _open_sessions(user_id: str) -> list[str]:
    query = (
        select(Order.session_id)
        .where(
            Order.user_id == user_id,
            col(Order.session_id).is_not(None),
            # Also what a webhook has credited just now: it did not bring the receipt.
            or_(
                Order.status == OrderStatus.PENDING,
                and_(col(Order.receipt_url).is_(None), col(Order.completed_at) > now() - _RECENT),
            ),
        )
        .order_by(col(Order.id).desc())
        .limit(limits.RETURN_ORDERS_CHECKED)
    )
    with reading() as session:
        return [session_id for session_id in session.exec(query).all() if session_id]


def _outcome(user_id: str) -> ReturnOutcome:
    with reading() as session:
        recent = session.exec(
            select(Order)
            .where(
                Order.user_id == user_id, Order.created_at > now() - timedelta(seconds=limits.CHECKOUT_LIFETIME_SECONDS)
            )
            .order_by(col(Order.id).desc())
            .limit(limits.RETURN_ORDERS_CHECKED)
        ).all()
    # The latest page on which something came about is the one that the person returns from; others are only open.
    opened = [order for order in recent if order.session_id]
    for order in opened:
        if order.completed_at and order.completed_at > now() - _RECENT:
            return ReturnOutcome("completed", _credit(order))
        if order.awaiting_bank:
            return ReturnOutcome("waiting", _credit(order))
        if order.status == OrderStatus.SET_ASIDE:
            return ReturnOutcome("set_aside", _credit(order))
        if order.status == OrderStatus.FAILED:
            return ReturnOutcome("failed", _credit(order))
    pending = next((order for order in opened if order.status == OrderStatus.PENDING), None)
    return ReturnOutcome("pending", _credit(pending)) if pending else ReturnOutcome("none")


def _credit(order: Order) -> Nanos:
    return from_cents(order.price_cents + order.bonus_cents)
