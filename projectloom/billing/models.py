"""The tables of purchases and of what Stripe sent."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import NanosColumn, UtcDateTime


class OrderStatus(StrEnum):
    """The life of an order."""

    PENDING = "pending"
    """Opened; nothing has arrived."""
    COMPLETED = "completed"
    """Paid and credited."""
    REFUNDED_IN_PART = "refunded_in_part"
    """Credited, and a part of the money went back."""
    REFUNDED = "refunded"
    """Credited, and all of the money went back."""
    DISPUTED = "disputed"
    """Credited, and the bank questions the payment or has taken it back."""
    EXPIRED = "expired"
    """The payment page was left until it closed."""
    FAILED = "failed"
    """The payment page could not be opened, or the bank refused."""
    SET_ASIDE = "set_aside"
    """What Stripe reported differs from the order. Nothing was credited; a person must look."""


class BooksStamp(SQLModel, table=True):
    """One row, written at the first start and never changed: whose money these books are about."""

    __tablename__ = "books_stamp"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    money: str
    """``play`` when the sandbox kept them first, ``real`` otherwise."""
    stamped_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


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
    awaiting_bank: bool = False
    """The person did their part and the bank has yet to confirm."""
    session_id: str | None = Field(default=None, unique=True)
    payment_intent_id: str | None = Field(default=None, index=True)
    paid_cents: int | None = None
    """What the person paid in all, tax included; known once it is credited."""
    refund_requested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the person asked for their money back, until Stripe has made the refund."""
    problem: str | None = None
    """Why it was set aside or failed, in words for the operator."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StripeEvent(SQLModel, table=True):
    """The inbox: one raw event. Only the columns that say how it was handled ever change."""

    __tablename__ = "stripe_events"
    __table_args__ = (Index("ix_stripe_events_handled_at_next_try_at", "handled_at", "next_try_at"),)

    id: str = Field(primary_key=True)
    """Stripe's own id of the event."""
    type: str
    livemode: bool
    payload: str = Field(sa_type=Text)
    received_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    handled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is handled again by ourselves; none when it is handled, or when only a new delivery can help."""
    error: str | None = None
    """Why it is not handled, or what it was set aside for."""


class Reversal(SQLModel, table=True):
    """One refund or dispute of Stripe's, and how far the books have followed it. Stages only rise."""

    __tablename__ = "reversals"
    __table_args__ = (CheckConstraint("amount_cents >= 0 AND applied <= reported", name="stages"),)

    id: str = Field(primary_key=True)
    """Stripe's own id of the refund or dispute."""
    kind: str
    payment_intent_id: str = Field(index=True)
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    """Our order, once it is known: a refund may be reported before its payment."""
    amount_cents: int
    currency: str
    reported: int
    """The furthest stage that Stripe reported, as :class:`~projectloom.payments.Stage`."""
    applied: int = 0
    """The stage that the books are at."""
    takes: int = 0
    """How often its share was taken: anew when another reversal of the purchase did not stand."""
    paid_nanos: int = Field(default=0, sa_type=NanosColumn)
    """What its reversal took back of the paid credit."""
    bonus_nanos: int = Field(default=0, sa_type=NanosColumn)
    """What its reversal took back of the bonus."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class JobLease(SQLModel, table=True):
    """Which process does a periodic job now."""

    __tablename__ = "job_leases"

    name: str = Field(primary_key=True)
    until: datetime = Field(sa_type=UtcDateTime)
