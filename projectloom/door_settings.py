"""What an operator may set about the doors: who stands in front of them, how often they open, what a day may cost."""

from decimal import Decimal
from functools import cached_property
from typing import Literal

from limits import parse
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from projectloom.addresses import Proxies
from projectloom.money import Nanos, from_cents


class DoorSettings(BaseSettings):
    """The part of the settings that is about limits at the doors. A limit reads ``60/minute`` or ``10 per hour``."""

    # Addresses or networks of proxies whose X-Forwarded-For is believed, or how many stand in a row; none by default.
    trusted_proxies: str = ""
    # For a person, and for each of their access keys. For one network address several times as many.
    rate_chat: str = "60/minute"
    rate_agent: str = "20/minute"
    rate_checkout: str = "10/hour"
    rate_upload: str = "120/minute"
    rate_program: str = "600/minute"
    # For one network address; sign-ups also over all, as each may be given credit.
    rate_sign_in: str = "30/minute"
    rate_sign_up: str = "20/hour"
    rate_sign_up_all: str = "500/hour"
    # What people's replies on credits may cost the operator at their providers in a day, in UTC; no ceiling unless set.
    daily_spend_usd: Decimal | None = Field(None, gt=0, le=1_000_000, decimal_places=2)

    # How the log is written, and how much of it.
    log_format: Literal["human", "json"] = "human"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_can_be_read(cls, value: str) -> str:
        try:
            Proxies.read(value)
        except ValueError:
            raise ValueError("must be a number, or addresses and networks separated by commas") from None
        return value

    @field_validator(
        "rate_chat",
        "rate_agent",
        "rate_checkout",
        "rate_upload",
        "rate_program",
        "rate_sign_in",
        "rate_sign_up",
        "rate_sign_up_all",
    )
    @classmethod
    def _rate_can_be_read(cls, value: str) -> str:
        try:
            parse(value)
        except ValueError:
            raise ValueError("must read like 60/minute") from None
        return value

    @cached_property
    def proxies(self) -> Proxies:
        """Who may say on whose behalf they ask."""
        return Proxies.read(self.trusted_proxies)

    @property
    def daily_spend_nanos(self) -> Nanos | None:
        """The ceiling of a day's spending; None for none."""
        return None if self.daily_spend_usd is None else from_cents(int(self.daily_spend_usd * 100))
