"""The tables of the books. Entries, postings and lot movements are only ever inserted; the database sees to it."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, text
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import NanosColumn, SerialColumn, UtcDateTime


class AccountKind(StrEnum):
    """What an account is for."""

    CREDITS = "credits"
    """A person's spendable credit. Never below zero."""
    FROZEN = "frozen"
    """Credit of a disputed purchase, out of reach until the dispute ends. Never below zero."""
    DEBT = "debt"
    """What a refund or dispute could not take back. Never above zero; below zero it blocks spending."""
    PLATFORM = "platform"
    """The operator's side. Carries no cache: no two people's replies may meet on one row."""


class EntryKind(StrEnum):
    """Why money moved."""

    TOP_UP = "top_up"
    """A paid order's credit, bonus included."""
    GRANT = "grant"
    """Credit that was given."""
    CAPTURE = "capture"
    """The exact cost of a reply, taken from its hold."""
    REVERSAL = "reversal"
    """What a refund or a dispute took back. What was spent already became debt."""
    REINSTATEMENT = "reinstatement"
    """The mirror of a reversal or a freeze that did not stand."""
    FREEZE = "freeze"
    """Credit of a disputed purchase, put out of reach."""
    DEBT_REPAYMENT = "debt_repayment"
    """Credit that paid off debt."""
    EXPIRY = "expiry"
    """Given credit that was not used in time."""
    REVOCATION = "revocation"
    """Given credit that the operator took back."""


class HoldState(StrEnum):
    """The life of a hold: ``held``, then exactly one of the others."""

    HELD = "held"
    """Reserved; the call may be running."""
    CAPTURED = "captured"
    """Settled: a part was charged, the rest is free again."""
    VOIDED = "voided"
    """Released: nothing was charged."""
    EXPIRED = "expired"
    """Released because nobody resolved it in time."""


class LotKind(StrEnum):
    """Where credit came from, which decides what is spent first and what may expire."""

    PAID = "paid"
    """Bought. Never expires, spent last."""
    BONUS = "bonus"
    """Given with a purchase."""
    PROMOTIONAL = "promotional"
    """Given for another reason. May expire."""


class LedgerAccount(SQLModel, table=True):
    """One account. A person's accounts cache their balance; a platform account's is the sum of its postings."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint(
            "kind <> 'credits' OR (posted_nanos >= 0 AND held_nanos >= 0 AND held_nanos <= posted_nanos)",
            name="spendable",
        ),
        CheckConstraint("kind <> 'frozen' OR (posted_nanos >= 0 AND held_nanos = 0)", name="frozen"),
        CheckConstraint("kind <> 'debt' OR (posted_nanos <= 0 AND held_nanos = 0)", name="debt"),
        CheckConstraint("kind <> 'platform' OR (posted_nanos = 0 AND held_nanos = 0)", name="platform_uncached"),
    )

    id: str = Field(primary_key=True)
    """The address, such as ``user:{id}:credits`` or ``platform:earnings``."""
    user_id: str | None = Field(default=None, index=True)
    kind: str = Field(sa_type=String)
    posted_nanos: int = Field(default=0, sa_type=NanosColumn)
    """The sum of the account's postings."""
    held_nanos: int = Field(default=0, sa_type=NanosColumn)
    """The sum of its unresolved holds."""
    spent_nanos: int = Field(default=0, sa_type=NanosColumn)
    """The sum of everything ever captured from it."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


# Nearly every entry is one, and what looks for another kind must not read them.
_NO_CAPTURE = text("kind <> 'capture'")


class JournalEntry(SQLModel, table=True):
    """One balanced event. Immutable."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        Index("ix_journal_entries_few", "kind", "cause", postgresql_where=_NO_CAPTURE, sqlite_where=_NO_CAPTURE),
    )

    id: str = Field(primary_key=True)
    kind: str = Field(sa_type=String)
    idempotency_key: str = Field(unique=True)
    input_hash: str
    """Hash of what was asked for under the key: the same key with other input is a conflict."""
    cause: str = Field(index=True)
    """The id of what caused it: an order, a turn, a grant."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Posting(SQLModel, table=True):
    """One signed line of an entry. Immutable."""

    __tablename__ = "postings"
    __table_args__ = (Index("ix_postings_account_id_id", "account_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=SerialColumn)
    entry_id: str = Field(foreign_key="journal_entries.id", index=True)
    account_id: str = Field(foreign_key="ledger_accounts.id")
    amount_nanos: int = Field(sa_type=NanosColumn)
    balance_nanos: int | None = Field(default=None, sa_type=NanosColumn)
    """The account's posted balance after this line; none for platform accounts."""


class Hold(SQLModel, table=True):
    """Credit reserved before a call. Resolved once; afterwards the database refuses any change."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("amount_nanos > 0", name="positive"),
        CheckConstraint("captured_nanos >= 0 AND captured_nanos <= amount_nanos", name="captured_within"),
        Index("ix_holds_state_expires_at", "state", "expires_at"),
        Index("ix_holds_resolved_at", "resolved_at"),
    )

    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="ledger_accounts.id", index=True)
    amount_nanos: int = Field(sa_type=NanosColumn)
    state: str = Field(default=HoldState.HELD, sa_type=String)
    captured_nanos: int = Field(default=0, sa_type=NanosColumn)
    idempotency_key: str = Field(unique=True)
    input_hash: str
    cause: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CreditLot(SQLModel, table=True):
    """Credit of one origin. What remains in a person's lots sums to the posted balance."""

    __tablename__ = "credit_lots"
    __table_args__ = (
        CheckConstraint("remaining_nanos >= 0 AND remaining_nanos <= amount_nanos", name="remaining_within"),
    )

    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="ledger_accounts.id", index=True)
    entry_id: str = Field(foreign_key="journal_entries.id", index=True)
    kind: str = Field(sa_type=String)
    amount_nanos: int = Field(sa_type=NanosColumn)
    remaining_nanos: int = Field(sa_type=NanosColumn)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class LotMovement(SQLModel, table=True):
    """What one entry took from (negative) or put back into a lot. Immutable."""

    __tablename__ = "lot_movements"
    __table_args__ = (Index("ix_lot_movements_lot_id_id", "lot_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=SerialColumn)
    lot_id: str = Field(foreign_key="credit_lots.id")
    entry_id: str = Field(foreign_key="journal_entries.id", index=True)
    amount_nanos: int = Field(sa_type=NanosColumn)


class AuditMark(SQLModel, table=True):
    """One row: how far the audit has proven the books. Written only when every promise held."""

    __tablename__ = "audit_marks"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    clean_until: datetime = Field(sa_type=UtcDateTime)
    """What was committed and dated before this moment has been proven; the next audit begins here."""
    posting_id: int = Field(sa_type=NanosColumn)
    """The last posting of an entry from before that moment."""
    movement_id: int = Field(sa_type=NanosColumn)
    """The last lot movement of an entry from before that moment."""
    checked_at: datetime = Field(sa_type=UtcDateTime)
    """When the last audit that held began."""
    full_checked_at: datetime = Field(sa_type=UtcDateTime)
    """When the last one that read everything and held began."""


class AuditedAccount(SQLModel, table=True):
    """What a person had spent by one of their postings, as the audit proved it."""

    __tablename__ = "audited_accounts"

    account_id: str = Field(primary_key=True, foreign_key="ledger_accounts.id")
    posting_id: int = Field(sa_type=NanosColumn)
    spent_nanos: int = Field(sa_type=NanosColumn)


class AuditedLot(SQLModel, table=True):
    """What remained of a lot after one of its movements, as the audit proved it."""

    __tablename__ = "audited_lots"

    lot_id: str = Field(primary_key=True, foreign_key="credit_lots.id")
    movement_id: int = Field(sa_type=NanosColumn)
    remaining_nanos: int = Field(sa_type=NanosColumn)
