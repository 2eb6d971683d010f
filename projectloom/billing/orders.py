"""A person's purchases, as they see them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from projectloom import limits
from projectloom.billing.models import Order, OrderSource, Reversal
from projectloom.billing.refunds import Obstacle, obstacle_to_refund
from projectloom.config import SANDBOX_PREFIX, settings
from projectloom.db import reading
from projectloom.money import Nanos, from_cents


@dataclass(frozen=True, slots=True)
class OrderView:
    """One purchase. ``status`` is an :class:`~projectloom.billing.models.OrderStatus` value."""

    id: str
    status: str
    waiting: bool
    price_nanos: Nanos
    """What was asked for it, before a discount and tax."""
    discount_nanos: Nanos
    tax_nanos: Nanos
    paid_nanos: Nanos
    """What was paid in all; the price while it is not paid."""
    credit_nanos: Nanos
    """What it is to bring, and brought once it is complete."""
    taken_back_nanos: Nanos
    """What of that went back with refunds and disputes."""
    created_at: datetime
    completed_at: datetime | None
    auto: bool
    """Whether auto top-up bought it."""
    refundable: bool
    """Whether the person may take it back by themselves now."""
    obstacle: Obstacle | None
    """Why they may not."""
    refund_pending: bool
    """Whether they did, and Stripe has yet to make the refund."""
    receipt_url: str | None
    invoice_url: str | None


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase by what a person remembers of it."""

    paid_nanos: Nanos
    at: datetime


def list_orders(user_id: str) -> list[OrderView]:
    """A person's purchases, the latest first."""
    query = select(Order).where(Order.user_id == user_id).order_by(col(Order.id).desc()).limit(limits.PURCHASES_SHOWN)
    with reading() as session:
        return [_view(session, order) for order in session.exec(query).all()]


def name_orders(user_id: str, order_ids: Collection[str]) -> dict[str, Bought]:
    """Those of a person's purchases that have these ids."""
    if not order_ids:
        return {}
    query = select(Order).where(col(Order.id).in_(order_ids), Order.user_id == user_id)
    with reading() as session:
        return {
            order.id: Bought(from_cents(order.received_cents), order.completed_at or order.created_at)
            for order in session.exec(query).all()
        }


def _view(session: Session, order: Order) -> OrderView:
    obstacle = obstacle_to_refund(session, order)
    back = func.coalesce(func.sum(Reversal.paid_nanos + Reversal.bonus_nanos), 0)
    return OrderView(
        id=order.id,
        status=order.status,
        waiting=order.awaiting_bank,
        price_nanos=from_cents(order.price_cents),
        discount_nanos=from_cents(order.discount_cents or 0),
        tax_nanos=from_cents(order.tax_cents or 0),
        paid_nanos=from_cents(order.received_cents),
        credit_nanos=from_cents(order.price_cents + order.bonus_cents),
        taken_back_nanos=Nanos(int(session.exec(select(back).where(Reversal.order_id == order.id)).one())),
        created_at=order.created_at,
        completed_at=order.completed_at,
        auto=order.source == OrderSource.AUTO,
        refundable=obstacle is None,
        obstacle=obstacle,
        refund_pending=order.refund_requested_at is not None,
        receipt_url=_fit_to_link(order.receipt_url),
        invoice_url=_fit_to_link(order.invoice_url),
    )


def _fit_to_link(url: str | None) -> str | None:
    """An address that a person may be sent to: a secure one, or a page of our own sandbox."""
    if url is None:
        return None
    own = settings().sandbox_on and url.startswith(f"{settings().public_url}{SANDBOX_PREFIX}/")
    return url if own or url.startswith("https://") else None
