"""The table of the outbox."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import UtcDateTime


class MailKind(StrEnum):
    """What a mail tells."""

    PURCHASE = "purchase"
    """Bought credit has arrived."""
    NOT_PAID = "not_paid"
    """A bank that was waited for refused the payment."""
    TAKEN_BACK = "taken_back"
    """A refund or dispute took credit back."""
    FROZEN = "frozen"
    """A dispute put credit out of reach until it ends."""
    GIVEN_BACK = "given_back"
    """A refund or dispute did not stand, and its credit is there again."""
    LOW_BALANCE = "low_balance"
    """A reply brought the balance under the named amount."""
    AUTO_TOP_UP = "auto_top_up"
    """Auto top-up switched itself off, or came to its monthly ceiling."""
    CAP = "cap"
    """A cap that the person set is used to 50, 80 or 100 per cent."""
    EXPIRY = "expiry"
    """Given credit is about to expire."""
    CONFIRM_EMAIL = "confirm_email"
    """A link by which a person confirms their address."""
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a kind
    """A link by which a person chooses another password."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a kind
    """A person's password is another now."""
    ALERT = "alert"
    """The operator must look at something."""
    ALERT_WEBHOOK = "alert_webhook"
    """The same, told to the operator's webhook."""


SECRET_KINDS = frozenset({MailKind.CONFIRM_EMAIL, MailKind.RESET_PASSWORD})
"""Mails by which somebody who reads them can act: nothing is kept of what they said once they are sent or given up."""


class MailOut(SQLModel, table=True):
    """One mail to one person or to the operator, or one call of the operator's webhook.

    Kept once it is sent: its key keeps it from being written again.
    """

    __tablename__ = "mail_outbox"
    __table_args__ = (Index("ix_mail_outbox_sent_at_next_try_at", "sent_at", "next_try_at"),)

    id: str = Field(primary_key=True)
    user_id: str | None = Field(default=None, foreign_key="users.id", index=True)
    """Whom it is about; none when it is to the operator."""
    to: str
    """The address that they had when it was written."""
    kind: str = Field(sa_type=String)
    subject: str
    body: str = Field(sa_type=Text)
    """Plain text."""
    dedupe_key: str = Field(unique=True)
    """What it tells of: the same thing is told once."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is due; none when it is sent or given up."""
    error: str | None = None
    """Why the last attempt failed."""
