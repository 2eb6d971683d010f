"""The tables of purchases and of what Stripe sent."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import NanosColumn, UtcDateTime

# A person's card is charged for one auto top-up at a time; the database sees to it.
_IN_FLIGHT = text("source = 'auto' AND status = 'pending'")


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


class OrderSource(StrEnum):
    """How an order came about."""

    CHECKOUT = "checkout"
    """A person bought on the payment page."""
    AUTO = "auto"
    """Auto top-up charged the saved card."""


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
        Index("ix_orders_completed_at", "completed_at"),
        Index(
            "ux_orders_auto_in_flight",
            "user_id",
            unique=True,
            sqlite_where=_IN_FLIGHT,
            postgresql_where=_IN_FLIGHT,
        ),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    status: str = Field(default=OrderStatus.PENDING, sa_type=String)
    price_cents: int
    bonus_cents: int
    currency: str
    livemode: bool
    source: str = Field(
        default=OrderSource.CHECKOUT, sa_type=String, sa_column_kwargs={"server_default": OrderSource.CHECKOUT}
    )
    discountable: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether a promotion code of Stripe's could be entered on its payment page."""
    awaiting_bank: bool = False
    """The person did their part and the bank has yet to confirm."""
    session_id: str | None = Field(default=None, unique=True)
    payment_intent_id: str | None = Field(default=None, index=True)
    paid_cents: int | None = None
    """What the person paid in all, tax included; known once it is credited."""
    discount_cents: int | None = None
    """What a promotion code took off; known once it is credited."""
    tax_cents: int | None = None
    """What of the payment is tax; known once it is credited."""
    customer_id: str | None = None
    """Stripe's id of the customer, where there is one."""
    receipt_url: str | None = None
    """Stripe's receipt, once Stripe was asked for it."""
    invoice_url: str | None = None
    """Stripe's invoice, where invoices are made."""
    refund_requested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the person asked for their money back, until Stripe has made the refund."""
    problem: str | None = None
    """Why it was set aside or failed, in words for the operator."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def charged_cents(self) -> int:
        """What of its credit is paid: the price less the discount."""
        return self.price_cents - (self.discount_cents or 0)

    @property
    def given_cents(self) -> int:
        """What of its credit is given: the bonus and the discount."""
        return self.bonus_cents + (self.discount_cents or 0)

    @property
    def received_cents(self) -> int:
        """What arrived for it, tax included: what can go back."""
        return self.charged_cents if self.paid_cents is None else self.paid_cents


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
    decided: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """A dispute is over: nothing more comes of it."""
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
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a run last went well; not every one of those that follow each other quickly is noted."""
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many runs failed since."""
    error: str | None = None
    """How the last one failed; none when it went well."""
    found: int | None = Field(default=None, sa_type=NanosColumn)
    """What the last one that went well found, where a job counts something."""


class SavedCard(SQLModel, table=True):
    """The card that a person lets us charge. Its number is Stripe's alone; this is enough to tell it by."""

    __tablename__ = "saved_cards"

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    customer_id: str = Field(unique=True)
    """Stripe's id of the customer that the card belongs to."""
    session_id: str | None = None
    """The page on which a card was last to be entered."""
    setup_due: bool = False
    """A card was entered there, and Stripe has yet to be asked which."""
    payment_method_id: str | None = None
    """Stripe's id of the card; none when there is no card."""
    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    saved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AutoTopUp(SQLModel, table=True):
    """When a person wants credit bought by itself, and how much at most."""

    __tablename__ = "auto_top_ups"
    __table_args__ = (
        CheckConstraint(
            "threshold_cents > 0 AND amount_usd > 0 AND monthly_ceiling_cents >= amount_usd * 100", name="amounts"
        ),
    )

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    enabled: bool = False
    threshold_cents: int
    """It buys when less than this is available."""
    amount_usd: int
    """What it buys, in whole dollars."""
    monthly_ceiling_cents: int
    """The most that it charges in one calendar month (UTC), in cents."""
    stopped: str | None = None
    """Why it switched itself off, as a :class:`~projectloom.billing.auto_top_up.Stop`."""
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Not before this is it looked at again."""
    changed_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class PromotionalCode(SQLModel, table=True):
    """A code of the operator's that gives credit to whoever redeems it, once a person."""

    __tablename__ = "promotional_codes"
    __table_args__ = (CheckConstraint("amount_nanos > 0 AND uses >= 0 AND uses <= max_uses", name="amounts"),)

    code: str = Field(primary_key=True)
    """In capitals, as it is compared."""
    amount_nanos: int = Field(sa_type=NanosColumn)
    credit_days: int | None = None
    """After how many days what is left of the credit expires."""
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when the code can be redeemed."""
    max_uses: int
    uses: int = 0
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
