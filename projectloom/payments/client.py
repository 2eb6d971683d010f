"""The connection to Stripe: one client a use, with our limits, and one kind of trouble."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from projectloom import limits
from projectloom.config import settings
from projectloom.errors import NotFound, PaymentUnavailable
from projectloom.payments.sdk import load_stripe

if TYPE_CHECKING:
    from stripe import StripeClient

STRIPE_API_VERSION = "2026-10-28.endive"

_NOT_FOUND = 404


@asynccontextmanager
async def stripe_client() -> AsyncGenerator["StripeClient"]:
    """A client for the configured account.

    Raises:
        PaymentUnavailable: Stripe is not set up, refused, failed or did not answer within the named limits.
        NotFound: Stripe knows no such thing.
    """
    key, base, _ = settings().stripe()
    if not key:
        raise PaymentUnavailable("This server does not sell credits.")
    await load_stripe()
    from stripe import HTTPXClient, StripeClient, StripeError  # noqa: PLC0415 - see sdk.py

    http = HTTPXClient(timeout=limits.STRIPE_TIMEOUT_SECONDS)
    try:
        yield StripeClient(
            key,
            stripe_version=STRIPE_API_VERSION,
            base_addresses={"api": base} if base else None,
            max_network_retries=limits.STRIPE_MAX_RETRIES,
            http_client=http,
        )
    except StripeError as error:
        if error.http_status == _NOT_FOUND:
            raise NotFound from error
        raise PaymentUnavailable(kind=type(error).__name__, status=error.http_status, code=error.code) from error
    finally:
        await http.close_async()
