"""The tables of what operators do: the record of their actions, the last word on each promise, and full audits."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, String, Text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import SerialColumn, UtcDateTime


class Action(StrEnum):
    """What an operator can do."""

    GRANT = "grant"
    """Credit was given to a person."""
    REVOKE = "revoke"
    """What was left of given credit was taken back."""
    RETRY_ORDER = "retry_order"
    """Stripe was asked again about an order."""
    RETRY_REFUND = "retry_refund"
    """Stripe was asked again for a refund."""
    RETRY_TURN = "retry_turn"
    """A reply without a process was to be settled."""
    RETRY_EVENT = "retry_event"
    """An event of Stripe's was to be handled again."""
    PROPOSE_PRICES = "propose_prices"
    """A price card was proposed. It charges nobody."""
    APPLY_PRICES = "apply_prices"
    """A proposal was put in force."""
    PROVE_BOOKS = "prove_books"
    """A full audit was asked for."""


class OperatorAction(SQLModel, table=True):
    """One thing that an operator did. Inserted, never changed; the database refuses anything else.

    It names people by their ids, so that who leaves is nameless here as well.
    """

    __tablename__ = "operator_actions"

    id: int | None = Field(default=None, primary_key=True, sa_type=SerialColumn)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    operator_id: str = Field(foreign_key="users.id", index=True)
    """Who."""
    action: str = Field(sa_type=String)
    subject: str
    """What it was done to: the id of a lot, an order, a turn, an event, a proposal or an audit."""
    user_id: str | None = Field(default=None, foreign_key="users.id", index=True)
    """On whom, where it is about a person."""
    reason: str = ""
    details: str = Field(default="", sa_type=Text)
    """What came of it, in words, where that was decided with it."""
    entry_id: str | None = Field(default=None, foreign_key="journal_entries.id", index=True)
    """The entry that moved credit."""


class ProofOutcome(SQLModel, table=True):
    """What the last audit found of one promise, and when it was last kept."""

    __tablename__ = "proof_outcomes"

    name: str = Field(primary_key=True)
    """The promise, as a sentence."""
    examined: int = Field(sa_type=BigInteger)
    """How many rows the last audit looked at."""
    offenders: str = Field(default="", sa_type=Text)
    """The first few ids that break it, with line breaks between them; empty while it holds."""
    looked_at: datetime = Field(sa_type=UtcDateTime)
    """The snapshot of the last audit."""
    proven_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The last snapshot on which it held."""
    full_examined: int | None = Field(default=None, sa_type=BigInteger)
    """How many rows the last audit that read everything looked at."""
    full_proven_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The last snapshot on which it held over everything."""


class FullAudit(SQLModel, table=True):
    """A full audit that somebody asked for: one at a time, done by whichever server takes it."""

    __tablename__ = "full_audits"
    __table_args__ = (CheckConstraint("done >= 0 AND done <= total", name="progress"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=SerialColumn)
    asked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    asked_by: str = Field(foreign_key="users.id")
    done: int = 0
    """How many promises were looked at."""
    total: int
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when, by the database's clock, a server vouches for it; afterwards another one begins it anew."""
    under_way: int | None = Field(default=1, unique=True)
    """1 until it has ended, so that two who ask at once get one audit; afterwards nothing."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    broken: int | None = None
    """How many promises it found broken, once it has ended."""
