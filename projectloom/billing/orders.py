"""A person's purchases, as they see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.billing.models import Order
from projectloom.billing.refunds import is_refundable
from projectloom.db import reading
from projectloom.money import Nanos, from_cents


@dataclass(frozen=True, slots=True)
class OrderView:
    """One purchase. ``status`` is an :class:`~projectloom.billing.models.OrderStatus` value."""

    id: str
    status: str
    waiting: bool
    price_nanos: Nanos
    credit_nanos: Nanos
    created_at: datetime
    completed_at: datetime | None
    refundable: bool
    """Whether the person may take it back by themselves now."""


def list_orders(user_id: str) -> list[OrderView]:
    """A person's purchases, the latest first."""
    query = select(Order).where(Order.user_id == user_id).order_by(col(Order.id).desc()).limit(limits.PURCHASES_SHOWN)
    with reading() as session:
        return [_view(session, order) for order in session.exec(query).all()]


def _view(session: Session, order: Order) -> OrderView:
    return OrderView(
        id=order.id,
        status=order.status,
        waiting=order.awaiting_bank,
        price_nanos=from_cents(order.price_cents),
        credit_nanos=from_cents(order.price_cents + order.bonus_cents),
        created_at=order.created_at,
        completed_at=order.completed_at,
        refundable=is_refundable(session, order),
    )
