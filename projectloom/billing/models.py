"""The tables of purchases and of what Stripe sent."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import UtcDateTime


class OrderStatus(StrEnum):
    """The life of an order."""

    PENDING = "pending"
    """Opened; nothing has arrived."""
    COMPLETED = "completed"
    """Paid and credited."""
    EXPIRED = "expired"
    """The payment page was left until it closed."""
    FAILED = "failed"
    """The payment page could not be opened, or the bank refused."""
    SET_ASIDE = "set_aside"
    """What Stripe reported differs from the order. Nothing was credited; a person must look."""


class Order(SQLModel, table=True):
    """Our record of one purchase attempt."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("price_cents > 0 AND bonus_cents >= 0", name="amounts"),
        CheckConstraint(
            "(completed_at IS NOT NULL) = (status IN ('completed', 'refunded_in_part', 'refunded', 'disputed'))",
            name="completed",
        ),
        Index("ix_orders_user_id_id", "user_id", "id"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    status: str = Field(default=OrderStatus.PENDING, sa_type=String)
    price_cents: int
    bonus_cents: int
    currency: str
    livemode: bool
    sandbox: bool
    """Paid with the sandbox's play money, which must never meet live keys."""
    awaiting_bank: bool = False
    """The person did their part and the bank has yet to confirm."""
    session_id: str | None = Field(default=None, unique=True)
    payment_intent_id: str | None = Field(default=None, index=True)
    problem: str | None = None
    """Why it was set aside or failed, in words for the operator."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StripeEvent(SQLModel, table=True):
    """The inbox: one raw event. Only the columns that say how it was handled ever change."""

    __tablename__ = "stripe_events"

    id: str = Field(primary_key=True)
    """Stripe's own id of the event."""
    type: str
    livemode: bool
    payload: str = Field(sa_type=Text)
    received_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    handled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    """Why it is not handled, or what it was set aside for."""
