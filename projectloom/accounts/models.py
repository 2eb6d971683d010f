"""The tables of people, their sessions, preferences, provider keys and API keys."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Text, text, true
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import NanosColumn, UtcDateTime


class User(SQLModel, table=True):
    """A person."""

    __tablename__ = "users"
    __table_args__ = (Index("ux_users_clerk_id", "clerk_id", unique=True),)

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    """As they sign in: trimmed and lower case."""
    password_hash: str | None = None
    """Argon2id. None for a person who signs in another way."""
    email_confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was shown that they read mails at their address."""
    clerk_id: str | None = None
    """Clerk's id of them, where Clerk signs them in. Of somebody who left only its hash, which lets nobody back in."""
    clerk_changed_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """The latest change at Clerk that was followed, since its events come in any order."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When they had their data deleted. The row stays without a name, because the books refer to it."""


class UserSession(SQLModel, table=True):
    """One signed-in browser or client."""

    __tablename__ = "user_sessions"

    token_hash: str = Field(primary_key=True)
    """SHA-256 of the token; the token itself is only with the person."""
    user_id: str = Field(foreign_key="users.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    device: str | None = None
    """Browser and system in words, as far as it told: ``Firefox on Linux``."""


class Preference(SQLModel, table=True):
    """What a person chose. A missing row means every default."""

    __tablename__ = "preferences"
    __table_args__ = (
        CheckConstraint("api_key_mode IN ('own', 'credits')", name="api_key_mode"),
        CheckConstraint("guide IN ('new', 'closed', 'again')", name="guide"),
    )

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    api_key_mode: str = "own"
    default_model: str | None = None
    guide: str = Field(default="new", sa_column_kwargs={"server_default": "new"})
    """The first-run guide: ``new`` until it is put away (``closed``), ``again`` while it is asked for once more."""
    favourites: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": text("''")})
    """Ids of the models that they like best, with blanks between them, in the order in which they were chosen."""
    cheaper_told: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether a cheaper model is pointed out where it would do."""
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ProviderKey(SQLModel, table=True):
    """A person's own key for a model provider, encrypted."""

    __tablename__ = "provider_keys"
    __table_args__ = (CheckConstraint("limit_month_nanos > 0", name="month_positive"),)

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    provider: str = Field(primary_key=True)
    key_id: str
    """Which master secret it is encrypted under."""
    sealed: bytes = Field(sa_type=LargeBinary)
    """Nonce and AES-GCM ciphertext; person and provider are its associated data."""
    hint: str
    """What may be shown: ``sk-ant-…abcd``."""
    limit_month_nanos: int | None = Field(default=None, sa_type=NanosColumn)
    """The most that its provider may be asked for in a calendar month (UTC) by replies made here."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A person's key for programs that ask in their name. A revoked one stays, because receipts name it."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("limit_day_nanos > 0", name="day_positive"),
        CheckConstraint("limit_month_nanos > 0", name="month_positive"),
        CheckConstraint("limit_total_nanos > 0", name="total_positive"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id", index=True)
    name: str
    secret_hash: str = Field(unique=True)
    """SHA-256 of the secret; the secret itself is only with the person."""
    hint: str
    """What may be shown: ``loom-sk-…abcd``."""
    scopes: str
    """Names of what it may do, with blanks between them."""
    limit_day_nanos: int | None = Field(default=None, sa_type=NanosColumn)
    limit_month_nanos: int | None = Field(default=None, sa_type=NanosColumn)
    limit_total_nanos: int | None = Field(default=None, sa_type=NanosColumn)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """About when it was last used: written at most once a minute."""
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ClerkEvent(SQLModel, table=True):
    """The inbox of Clerk's events, each once. What it says of a person goes as soon as it is handled."""

    __tablename__ = "clerk_events"
    __table_args__ = (Index("ix_clerk_events_handled_at_next_try_at", "handled_at", "next_try_at"),)

    id: str = Field(primary_key=True)
    """The sender's own id of the event."""
    kind: str
    clerk_id: str
    """Whom it is about, until it is handled; then, where nobody here had that id, only its hash."""
    email: str | None = None
    """The address that they have now, until it is handled."""
    confirmed: bool = False
    changed_ms: int = Field(default=0, sa_type=BigInteger)
    received_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    handled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is handled again; none once it is handled."""
    error: str | None = None
    """Why it is not handled yet."""


class MailedLink(SQLModel, table=True):
    """One link in a mail, which opens once and for a while."""

    __tablename__ = "mailed_links"

    id: str = Field(primary_key=True)
    secret_hash: str = Field(unique=True)
    """SHA-256 of the secret; the secret itself is only in the mail."""
    user_id: str = Field(foreign_key="users.id", index=True)
    purpose: str
    email: str
    """The address that it was sent to."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class SignInWait(SQLModel, table=True):
    """Tries to sign in under one name, an account's or a network address's, that count as wrong."""

    __tablename__ = "sign_in_waits"

    name: str = Field(primary_key=True)
    tries: int = 0
    last_at: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Before this no further try is looked at."""
