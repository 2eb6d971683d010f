"""The tables of people, their sessions, preferences and provider keys."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import UtcDateTime


class User(SQLModel, table=True):
    """A person."""

    __tablename__ = "users"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    """As they sign in: trimmed and lower case."""
    password_hash: str | None = None
    """Argon2id. None for a person who signs in another way."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class UserSession(SQLModel, table=True):
    """One signed-in browser or client."""

    __tablename__ = "user_sessions"

    token_hash: str = Field(primary_key=True)
    """SHA-256 of the token; the token itself is only with the person."""
    user_id: str = Field(foreign_key="users.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Preference(SQLModel, table=True):
    """What a person chose. A missing row means every default."""

    __tablename__ = "preferences"
    __table_args__ = (CheckConstraint("api_key_mode IN ('own', 'credits')", name="api_key_mode"),)

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    api_key_mode: str = "own"
    default_model: str | None = None
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class ProviderKey(SQLModel, table=True):
    """A person's own key for a model provider, encrypted."""

    __tablename__ = "provider_keys"

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    provider: str = Field(primary_key=True)
    key_id: str
    """Which master secret it is encrypted under."""
    sealed: bytes = Field(sa_type=LargeBinary)
    """Nonce and AES-GCM ciphertext; person and provider are its associated data."""
    hint: str
    """What may be shown: ``sk-ant-…abcd``."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
