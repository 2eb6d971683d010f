"""What Stripe itself says of our webhook: its endpoints, and the events that it could not deliver."""

from dataclasses import dataclass
from datetime import datetime

from projectloom import limits
from projectloom.payments.client import stripe_client
from projectloom.payments.events import DISPUTE_EVENTS, INTENT_EVENTS, SESSION_EVENTS

# Without one of these a purchase, a refusal, a refund or a dispute is only heard of when the reconciler asks.
NEEDED_EVENTS = (
    SESSION_EVENTS
    | INTENT_EVENTS
    | DISPUTE_EVENTS
    | {"payment_intent.payment_failed", "refund.created", "refund.updated", "refund.failed"}
)


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An address that Stripe sends events to."""

    url: str
    enabled: bool
    events: frozenset[str]
    """The kinds that it is sent; ``*`` is all."""


async def webhook_endpoints() -> list[WebhookEndpoint]:
    """Every endpoint of the account, in the key's mode.

    Raises:
        PaymentUnavailable: Stripe refused (``data['status']``), failed or did not answer.
    """
    async with stripe_client() as client:
        found = await client.v1.webhook_endpoints.list_async({"limit": limits.STRIPE_PAGE_SIZE})
        return [
            WebhookEndpoint(one.url, one.status == "enabled", frozenset(one.enabled_events))
            async for one in found.auto_paging_iter()
        ]


async def undelivered_since(moment: datetime) -> int:
    """How many events since a moment some endpoint did not take; no more than a page of them is counted.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    since = int(moment.timestamp())
    async with stripe_client() as client:
        found = await client.v1.events.list_async(
            {"delivery_success": False, "created": {"gte": since}, "limit": limits.STRIPE_PAGE_SIZE}
        )
        return len(found.data)
