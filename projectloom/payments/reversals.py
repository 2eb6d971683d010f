"""Money that goes back: refunds and disputes, as Stripe reports them.

Sources: https://docs.stripe.com/refunds and https://docs.stripe.com/disputes. Reports repeat and come in any order, so
each is reduced to a stage that only ever rises: the furthest stage reported is where things are.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

from projectloom import limits
from projectloom.errors import InvalidEvent
from projectloom.payments.client import stripe_client
from projectloom.payments.fields import cents, expandable, text


class Stage(IntEnum):
    """How far a refund or dispute has come."""

    NOTED = 0
    """An inquiry: no money is at stake yet."""
    OPEN = 1
    """A dispute was opened; the money is still here."""
    TAKEN = 2
    """The money went back to the person."""
    UNDONE = 3
    """It came to nothing: the refund failed, or the dispute was won."""


@dataclass(frozen=True, slots=True)
class ReversalFacts:
    """What Stripe says of one refund or dispute."""

    id: str
    kind: Literal["refund", "dispute"]
    payment_intent_id: str
    amount_cents: int
    currency: str
    stage: Stage


_REFUND_STAGES = {
    "pending": Stage.TAKEN,
    "requires_action": Stage.TAKEN,
    "succeeded": Stage.TAKEN,
    "failed": Stage.UNDONE,
    "canceled": Stage.UNDONE,
}
_DISPUTE_STAGES = {
    "needs_response": Stage.OPEN,
    "under_review": Stage.OPEN,
    "lost": Stage.TAKEN,
    "won": Stage.UNDONE,
    "prevented": Stage.UNDONE,
    "warning_closed": Stage.UNDONE,
}
_DISPUTE_EVENT_STAGES = {
    "charge.dispute.funds_withdrawn": Stage.TAKEN,
    "charge.dispute.funds_reinstated": Stage.UNDONE,
}


def refund_facts(refund: Mapping[str, Any]) -> ReversalFacts | None:
    """What a Refund says; None when it refunds no PaymentIntent, as ours always do. Raises InvalidEvent."""
    try:
        stage = _REFUND_STAGES.get(text(refund["status"]), Stage.NOTED)
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent("Not a refund") from None
    return _facts(refund, "refund", stage)


def dispute_facts(dispute: Mapping[str, Any], *, kind: str = "") -> ReversalFacts | None:
    """What a Dispute says, with the kind of event that brought it if one did. As :func:`refund_facts`."""
    try:
        told = _DISPUTE_STAGES.get(text(dispute["status"]), Stage.NOTED)
        moved = bool(dispute.get("balance_transactions"))
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent("Not a dispute") from None
    stages = [told, _DISPUTE_EVENT_STAGES.get(kind, Stage.NOTED)]
    if moved:
        # The dispute's own account of the money: taken at first, given back by a second movement.
        stages.append(Stage.TAKEN)
    return _facts(dispute, "dispute", max(stages))


def _facts(found: Mapping[str, Any], kind: Literal["refund", "dispute"], stage: Stage) -> ReversalFacts | None:
    try:
        intent = expandable(found.get("payment_intent"))
        if intent is None:
            return None
        return ReversalFacts(
            id=text(found["id"]),
            kind=kind,
            payment_intent_id=intent,
            amount_cents=_storable(cents(found["amount"])),
            currency=text(found["currency"]).lower(),
            stage=stage,
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent(f"Not a {kind}") from None


def _storable(amount: int) -> int:
    if amount > limits.MAX_CENTS:
        raise ValueError("more than any amount")
    return amount


async def reversals_since(moment: datetime) -> AsyncGenerator[ReversalFacts]:
    """What Stripe says of every refund and dispute that was made since a moment.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    since = int(moment.timestamp())
    async with stripe_client() as client:
        refunds = await client.v1.refunds.list_async({"created": {"gte": since}, "limit": limits.STRIPE_PAGE_SIZE})
        async for refund in refunds.auto_paging_iter():
            if facts := refund_facts(refund.to_dict()):
                yield facts
        disputes = await client.v1.disputes.list_async({"created": {"gte": since}, "limit": limits.STRIPE_PAGE_SIZE})
        async for dispute in disputes.auto_paging_iter():
            if facts := dispute_facts(dispute.to_dict()):
                yield facts


async def create_refund(*, payment_intent_id: str, amount_cents: int, idempotency_key: str) -> ReversalFacts:
    """Send money back to where a payment came from. The key makes a repetition the same refund.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer. Nothing, or this one refund, was made.
    """
    async with stripe_client() as client:
        made = await client.v1.refunds.create_async(
            {"payment_intent": payment_intent_id, "amount": amount_cents, "reason": "requested_by_customer"},
            {"idempotency_key": idempotency_key},
        )
    facts = refund_facts(made.to_dict())
    if facts is None:
        raise InvalidEvent("Not a refund")
    return facts
