"""What this server is, read once from the environment and ``.env`` and frozen.

Each part becomes real when its key is set; with nothing set the sandbox stands in for Stripe and both model providers.
Half a configuration, or the sandbox beside any live key, is refused here with the name of what is missing, before a
port is opened.
"""

import base64
import os
from decimal import Decimal
from email.errors import MessageError
from email.headerregistry import Address
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from projectloom import limits
from projectloom.door_settings import DoorSettings
from projectloom.half_configured import LIVE_KEYS, halves
from projectloom.kept_secret import kept_secret
from projectloom.money import Nanos, from_cents
from projectloom.sign_in_settings import SignInSettings, listed, origin_of

PROJECT_ROOT = Path(__file__).resolve().parent.parent

SANDBOX_WEBHOOK_SECRET = "whsec_sandbox"  # noqa: S105 - signs the stand-in's own webhooks, no secret
SANDBOX_PREFIX = "/sandbox"


class ConfigurationError(SystemExit):
    """The server cannot start as configured. The message names what is missing or contradictory."""


class Settings(DoorSettings, SignInSettings):
    """The configuration. Field names are the environment's, in lower case."""

    model_config = SettingsConfigDict(
        env_file=os.environ.get("LOOM_ENV_FILE", str(PROJECT_ROOT / ".env")),
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(3000, ge=1, le=65535)
    base_url: str = Field("", validation_alias=AliasChoices("BASE_URL", "NEXT_PUBLIC_BASE_URL"))
    data_dir: Path = Field(PROJECT_ROOT / "data", validation_alias="LOOM_DATA_DIR")
    sandbox: Literal["auto", "on", "off"] = Field("auto", validation_alias="LOOM_SANDBOX")
    secret_key: SecretStr | None = None
    # Its address may carry a password. Reflex has a name of its own for it.
    redis_url: str | None = Field(None, repr=False, validation_alias=AliasChoices("REDIS_URL", "REFLEX_REDIS_URL"))
    # For so long a server that is asked to end lets replies end by themselves before it cuts them.
    stop_grace_seconds: int = Field(0, ge=0, le=600)
    secret_key_previous: SecretStr | None = None
    database_url: SecretStr | None = Field(None, validation_alias=AliasChoices("DATABASE_URL", "POSTGRES_URL"))

    stripe_secret_key: SecretStr | None = None
    stripe_publishable_key: str | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_api_base: str | None = None

    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None

    # What is sold, and how Stripe's page sells it.
    min_purchase_usd: int = Field(5, ge=1, le=10_000)
    max_purchase_usd: int = Field(500, ge=1, le=10_000)
    stripe_promotion_codes: bool = False
    stripe_tax: bool = False
    stripe_invoices: bool = False
    # Whether a cheap model names conversations; with credits at the operator's expense.
    automatic_titles: bool = True
    # For so many days a buyer takes an unspent purchase back by themselves; 0 is never.
    refund_days: int = Field(14, ge=0, le=365)
    trash_days: int = Field(30, ge=1, le=3650)

    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = None
    smtp_starttls: bool = True
    # Who is told when somebody must look at a payment.
    alert_email: str | None = None
    # Who sees the operator's pages: e-mails, with commas between.
    admin_emails: str = ""
    # What is called as well, or instead, and what signs the call. Its address may itself be a secret.
    alert_webhook_url: str | None = Field(None, repr=False)
    alert_webhook_secret: SecretStr | None = None

    # What shows it may read /metrics from anywhere; without one only programs on this machine do.
    metrics_token: SecretStr | None = None

    # What everybody who makes an account is given, and after how many days what is left of it expires.
    sign_up_bonus_usd: Decimal = Field(Decimal(0), ge=0, le=100, decimal_places=2)
    sign_up_bonus_days: int | None = Field(None, ge=1, le=limits.MAX_CREDIT_DAYS)

    # What comes on top of the providers' prices, in per cent.
    price_markup_percent: Decimal = Field(
        Decimal(0), ge=0, le=limits.MAX_MARKUP_PERCENT, decimal_places=limits.MARKUP_PLACES
    )

    # How much faster than a real model the sandbox speaks.
    sandbox_speed: float = Field(1.0, ge=0.1, le=1_000, validation_alias="LOOM_SANDBOX_SPEED")

    # The port of the Python process where it is not ``port``. Reflex announces the one it chose (8000, or the next free
    # one) under its own name when it runs in development; in production there is one port and this stays unset.
    backend_port: int | None = Field(
        None, ge=1, le=65535, validation_alias=AliasChoices("LOOM_BACKEND_PORT", "REFLEX_BACKEND_PORT")
    )

    @field_validator("base_url", "stripe_api_base", "anthropic_base_url", "openai_base_url", "alert_webhook_url")
    @classmethod
    def _an_http_address(cls, value: str | None) -> str | None:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https address")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _a_known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(_DATABASE_SCHEMES):
            raise ValueError(f"must begin with one of {', '.join(_DATABASE_SCHEMES)}")
        return value

    @field_validator("price_markup_percent")
    @classmethod
    def _without_a_sign(cls, value: Decimal) -> Decimal:
        # A price card takes no negative zero.
        return abs(value)

    @field_validator("smtp_from", "alert_email")
    @classmethod
    def _a_mail_address(cls, value: str | None) -> str | None:
        try:
            if value:
                Address(addr_spec=value)
        except (ValueError, IndexError, MessageError):
            raise ValueError("must be a plain e-mail address") from None
        return value

    @field_validator("admin_emails")
    @classmethod
    def _mail_addresses(cls, value: str) -> str:
        for address in value.split(","):
            if address.strip():
                cls._a_mail_address(address.strip())
        return value

    @field_validator("alert_webhook_secret")
    @classmethod
    def _a_signing_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(_key_in(value)) < limits.MIN_WEBHOOK_KEY_BYTES:
            raise ValueError("must be whsec_ and the base64 of at least 24 bytes, as `openssl rand -base64 32` makes")
        return value

    @field_validator("stripe_webhook_secret")
    @classmethod
    def _at_least_one_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not listed(value):
            raise ValueError("holds no secret: without it no purchase could be credited")
        return value

    @model_validator(mode="after")
    def _whole(self) -> "Settings":
        problems = list(halves(self))
        if problems:
            raise ValueError(" ".join(problems))
        kept = self.data_dir / _MASTER_FILE
        if not self.secret_key and kept.exists():
            kept_secret(kept)  # raises when it was emptied or cut short
        return self

    @property
    def sandbox_on(self) -> bool:
        """Whether the stand-ins are mounted: asked for, or nothing real is configured."""
        if self.sandbox != "auto":
            return self.sandbox == "on"
        bases = (self.anthropic_base_url, self.openai_base_url)
        return not any(getattr(self, name) for name in LIVE_KEYS) and not any(bases)

    @property
    def public_url(self) -> str:
        """Where people reach the site, without a trailing slash."""
        return self.base_url or f"http://localhost:{self.port}"

    @property
    def backend_url(self) -> str:
        """Where a person's browser reaches the Python process. Differs from ``public_url`` in development only."""
        if self.backend_port and self.backend_port != self.port:
            return f"http://localhost:{self.backend_port}"
        return self.public_url

    @property
    def loopback_url(self) -> str:
        """Where this process reaches itself: the sandbox is spoken to over real HTTP."""
        return f"http://127.0.0.1:{self.backend_port or self.port}"

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins that may act for a signed-in person."""
        origins = {self.public_url, self.backend_url}
        if not self.base_url:
            origins |= {f"http://{host}:{self.port}" for host in ("localhost", "127.0.0.1", "[::1]")}
        return tuple(sorted(origin_of(url) for url in origins))

    @property
    def cookie_secure(self) -> bool:
        """Cookies are marked Secure wherever the site is served over https."""
        return self.public_url.startswith("https://")

    @property
    def sql_url(self) -> str:
        """SQLAlchemy's address of the database. Postgres always through psycopg."""
        if not self.database_url:
            # Play money has a file of its own, so that setting live keys begins with clean books.
            name = "projectloom-sandbox.db" if self.sandbox_on else "projectloom.db"
            return f"sqlite:///{self.data_dir / name}"
        url = self.database_url.get_secret_value()
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @property
    def master_secret(self) -> str:
        """What other keys are derived from: SECRET_KEY, or a secret made at first start and kept beside the data."""
        if self.secret_key:
            return self.secret_key.get_secret_value()
        return kept_secret(self.data_dir / _MASTER_FILE)

    @property
    def previous_secrets(self) -> tuple[str, ...]:
        """What SECRET_KEY was before: it opens what is not sealed anew yet. One secret may have commas in it."""
        given = self.secret_key_previous
        return (given.get_secret_value(), *listed(given)) if given else ()

    @property
    def sells_credits(self) -> bool:
        """Whether people can buy credits here."""
        return self.sandbox_on or self.stripe_secret_key is not None

    @property
    def pays_for_replies(self) -> bool:
        """Whether credit can be spent here: the operator, or the sandbox, pays a model provider for it."""
        return any(self.operator_key(provider) for provider in ("anthropic", "openai"))

    @property
    def sign_up_bonus_nanos(self) -> Nanos:
        """What somebody new is given; nothing where there is no bonus."""
        return from_cents(int(self.sign_up_bonus_usd * 100))

    @property
    def sends_mails(self) -> bool:
        """Whether there is a way to send mails: a mail server, or the sandbox's mailbox."""
        return self.sandbox_on or self.smtp_host is not None

    @property
    def alert_address(self) -> str | None:
        """Who is told when somebody must look at a payment; the sandbox has an address that its mailbox shows."""
        return self.alert_email or (_SANDBOX_OPERATOR if self.sandbox_on else None)

    @property
    def operators(self) -> frozenset[str]:
        """Who sees the operator's pages, by their e-mails as accounts spell them."""
        return frozenset(address.strip().lower() for address in self.admin_emails.split(",") if address.strip())

    @property
    def alert_webhook_key(self) -> bytes:
        """What signs calls of the operator's webhook; empty where there is none."""
        return b"" if self.alert_webhook_secret is None else _key_in(self.alert_webhook_secret)

    @property
    def sandbox_mailbox_url(self) -> str:
        """Where the sandbox takes mails in."""
        return f"{self.loopback_url}{SANDBOX_PREFIX}/mailbox/api"

    def stripe(self) -> tuple[str, str | None, tuple[str, ...]]:
        """Stripe's secret key, base address (None is Stripe's own) and webhook secrets."""
        if self.sandbox_on:
            base = f"{self.loopback_url}{SANDBOX_PREFIX}/stripe"
            return "sk_test_sandbox", base, (SANDBOX_WEBHOOK_SECRET,)
        if self.stripe_secret_key is None or self.stripe_webhook_secret is None:
            return "", None, ()
        return self.stripe_secret_key.get_secret_value(), self.stripe_api_base, listed(self.stripe_webhook_secret)

    def operator_key(self, provider: str) -> str | None:
        """The operator's own key for a provider, which pays for replies in credits mode."""
        if self.sandbox_on:
            return f"sk-sandbox-{provider}"
        key: SecretStr | None = {"anthropic": self.anthropic_api_key, "openai": self.openai_api_key}[provider]
        return key.get_secret_value() if key else None

    def provider_base(self, provider: str) -> str | None:
        """A provider's base address as its SDK takes it; None is the provider's own."""
        if self.sandbox_on:
            suffix = "/v1" if provider == "openai" else ""
            return f"{self.loopback_url}{SANDBOX_PREFIX}/{provider}{suffix}"
        return {"anthropic": self.anthropic_base_url, "openai": self.openai_base_url}[provider]

    def is_operators(self, provider: str) -> bool:
        """Whether a provider's requests go to a server that the operator named; the sandbox fetches nothing."""
        return not self.sandbox_on and self.provider_base(provider) is not None


_MASTER_FILE = "secret_key"
_SANDBOX_OPERATOR = "operator@projectloom.example"
_DATABASE_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://", "sqlite://")


def _key_in(value: SecretStr) -> bytes:
    """The bytes of a secret as Standard Webhooks write them, with or without their prefix; empty where it is none."""
    try:
        return base64.b64decode(value.get_secret_value().strip().removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process. Raises :class:`ConfigurationError` (which ends the process) with a plain list."""
    return read_settings()


def read_settings(**overrides: Any) -> Settings:
    """Read the environment afresh. Raises :class:`ConfigurationError` naming each setting that is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines: list[str] = []
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0]).upper() + ": " if problem["loc"] else ""
            lines.append("  - " + name + problem["msg"].removeprefix("Value error, "))
        raise ConfigurationError("ProjectLoom cannot start as configured:\n" + "\n".join(lines)) from None
