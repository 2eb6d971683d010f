"""The tables of the meter: price card versions, turns, and usage records."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, Index, String, Text, UniqueConstraint, false, literal_column
from sqlmodel import Field, SQLModel, col

from projectloom.clock import now
from projectloom.db import NanosColumn, SerialColumn, UtcDateTime, partial_index


class Funding(StrEnum):
    """Who pays the provider."""

    OWN_KEY = "own_key"
    """The person, with their own API key. Costs no credit."""
    CREDITS = "credits"
    """The operator, who is paid from the person's credit."""
    HOUSE = "house"
    """The operator, who is paid by nobody: the person did not ask for it."""


class TurnState(StrEnum):
    """The life of a turn."""

    HELD = "held"
    """Opened; the most it can cost is reserved; nothing has arrived."""
    STREAMING = "streaming"
    """Text is arriving."""
    SETTLED = "settled"
    """Ended with text; charged."""
    VOIDED = "voided"
    """Ended without text; it cost the person nothing."""


OPEN_STATES = (TurnState.HELD, TurnState.STREAMING)


class Completion(StrEnum):
    """How a turn ended."""

    COMPLETE = "complete"
    """The provider's terminal event came."""
    STOPPED = "stopped"
    """The person stopped it."""
    PARTIAL = "partial"
    """It broke off after text had come."""
    FAILED = "failed"
    """It broke off before any text."""


class CapScope(StrEnum):
    """What a cap counts over."""

    DAY = "day"
    MONTH = "month"
    CONVERSATION = "conversation"


class KeyScope(StrEnum):
    """What a limit of an API key counts over."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class PriceCardVersion(SQLModel, table=True):
    """One version of the price card. Inserted, never changed."""

    __tablename__ = "price_card_versions"

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    effective_at: datetime = Field(sa_type=UtcDateTime)
    source: str
    digest: str
    card_json: str = Field(sa_type=Text)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class PriceProposal(SQLModel, table=True):
    """A price card that is not in force. Inserted, never changed; an operator makes a version of it, or does not."""

    __tablename__ = "price_proposals"

    id: int | None = Field(default=None, primary_key=True, sa_type=SerialColumn)
    source: str
    digest: str = Field(unique=True)
    card_json: str = Field(sa_type=Text)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Turn(SQLModel, table=True):
    """One prompt and its reply, with what it began with: payer, model, price version and hold."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("user_id", "client_request_id"),
        CheckConstraint("(funding = 'credits') = (hold_id IS NOT NULL)", name="credits_have_a_hold"),
        Index("ix_turns_state_lease_until", "state", "lease_until"),
        Index("ix_turns_conversation_id", "conversation_id"),
        # Asked before each reply, so they hold no more than what is asked for.
        partial_index("ix_turns_open", "user_id", where="state IN ('held', 'streaming')"),
        partial_index(
            "ix_turns_stopped",
            "user_id",
            "lease_until",
            where="state = 'voided' AND completion = 'stopped' AND funding = 'credits'",
        ),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    conversation_id: str | None = Field(default=None, foreign_key="conversations.id")
    client_request_id: str | None = None
    """The client's own id of the request: the same one is the same turn."""
    input_hash: str
    source: str
    provider: str
    model: str
    funding: str = Field(sa_type=String)
    price_version: int = Field(foreign_key="price_card_versions.version")
    state: str = Field(default=TurnState.HELD, sa_type=String)
    completion: str | None = None
    max_output_tokens: int
    clamped: bool = False
    """The balance covered less than was asked for."""
    input_estimate: int
    """Likely input tokens, for a reply whose provider never told."""
    hold_id: str | None = Field(default=None, foreign_key="holds.id")
    held_nanos: int = Field(default=0, sa_type=NanosColumn)
    most_nanos: int | None = Field(default=None, sa_type=NanosColumn)
    """What it may cost at most where no credit is held and a limit of the person's own key bounds it."""
    text: str = Field(default="", sa_type=Text)
    """The reply up to the last checkpoint."""
    usage_json: str | None = Field(default=None, sa_type=Text)
    """The last usage that the provider reported, and whether it was the final one."""
    error_code: str | None = None
    error_message: str | None = None
    lease_until: datetime = Field(sa_type=UtcDateTime)
    """Until when, by the database's clock, its process vouches for it; afterwards recovery resolves it."""
    stop_requested: bool = False
    """Somebody pressed Stop; the process that runs it sees it at its next checkpoint."""
    api_key_id: str | None = Field(default=None, foreign_key="api_keys.id")
    """The key of the person's that it came with, if one did."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def is_open() -> ColumnElement[bool]:
    """The condition that a turn has not ended, in the words of the index of such turns."""
    return col(Turn.state).in_([literal_column(f"'{state.value}'") for state in OPEN_STATES])


class SpendingCap(SQLModel, table=True):
    """The most that a person wants to spend from credit in a day, a month or one conversation."""

    __tablename__ = "spending_caps"
    __table_args__ = (CheckConstraint("limit_nanos > 0", name="positive"),)

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    scope: str = Field(primary_key=True)
    limit_nanos: int = Field(sa_type=NanosColumn)


class UsageRecord(SQLModel, table=True):
    """What one turn used and cost. Inserted when the turn ends, never changed."""

    __tablename__ = "usage_records"
    __table_args__ = (
        Index("ix_usage_records_user_id_created_at", "user_id", "created_at"),
        Index("ix_usage_records_conversation_id", "conversation_id"),
        # What a key spent in a window is read from the index alone. What came without a key is not in it.
        partial_index(
            "ix_usage_records_api_key_id_created_at",
            "api_key_id",
            "created_at",
            "charged_nanos",
            where="api_key_id IS NOT NULL",
        ),
        partial_index(
            "ix_usage_records_lost", "user_id", "created_at", where="charged_nanos = 0 AND funding = 'credits'"
        ),
    )

    id: str = Field(primary_key=True)
    turn_id: str = Field(foreign_key="turns.id", unique=True)
    user_id: str = Field(foreign_key="users.id")
    conversation_id: str | None = None
    provider: str
    model: str
    source: str
    funding: str = Field(sa_type=String)
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    reasoning_tokens: int
    web_searches: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    estimated: bool
    """Counted by us, because the provider did not tell."""
    flagged: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """The provider's report contradicts itself; see :class:`projectloom.tokens.Usage`."""
    provider_cost_nanos: int = Field(sa_type=NanosColumn)
    """What the provider asks for it at the card's rates, without markup."""
    charged_nanos: int = Field(sa_type=NanosColumn)
    """What the person paid from credit."""
    uncollected_nanos: int = Field(default=0, sa_type=NanosColumn)
    """What the charge came to above the hold: the house's loss."""
    price_version: int = Field(foreign_key="price_card_versions.version")
    hold_id: str | None = Field(default=None, foreign_key="holds.id", unique=True)
    entry_id: str | None = Field(default=None, foreign_key="journal_entries.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_keys.id")
    """The key of the person's that its turn came with, if one did."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
