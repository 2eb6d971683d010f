"""Money that goes back: refunds and disputes, as Stripe reports them.

Sources: https://docs.stripe.com/refunds and https://docs.stripe.com/disputes. Reports repeat and come in any order, so
each is reduced to a stage that only ever rises: the furthest stage reported is where things are.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, cast

from projectloom import limits
from projectloom.errors import InvalidEvent
from projectloom.payments.client import stripe_client
from projectloom.payments.fields import cents, expandable, part, text

_log = logging.getLogger(__name__)


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
    decided: bool = False
    """A dispute is over: nothing more comes of it."""


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


_DECIDED = frozenset({"won", "lost", "prevented", "warning_closed"})


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
        if told == Stage.UNDONE and _net(dispute) < 0:
            # It ended without the bank's verdict, and what was taken stays taken.
            stages = [Stage.TAKEN]
    found = _facts(dispute, "dispute", max(stages))
    return found and replace(found, decided=dispute["status"] in _DECIDED)


def _net(dispute: Mapping[str, Any]) -> int:
    """What all movements of a dispute come to, in cents, fees left out; zero when they cannot be read."""
    moved = dispute.get("balance_transactions")
    amounts = [part(one).get("amount") for one in cast("list[object]", moved)] if isinstance(moved, list) else []
    return sum(amount for amount in amounts if isinstance(amount, int))


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
            if facts := _readable(refund_facts, refund.to_dict()):
                yield facts
        disputes = await client.v1.disputes.list_async({"created": {"gte": since}, "limit": limits.STRIPE_PAGE_SIZE})
        async for dispute in disputes.auto_paging_iter():
            if facts := _readable(dispute_facts, dispute.to_dict()):
                yield facts


def _readable(
    read: Callable[[Mapping[str, Any]], ReversalFacts | None], found: Mapping[str, Any]
) -> ReversalFacts | None:
    """One that cannot be read, of another product's perhaps, must not keep the others from being followed."""
    try:
        return read(found)
    except InvalidEvent as error:
        _log.error("Stripe lists what cannot be read: %s", error.message)
        return None


async def refunds_of(payment_intent_id: str) -> list[ReversalFacts]:
    """What Stripe says of every refund of one payment.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    async with stripe_client() as client:
        found = await client.v1.refunds.list_async(
            {"payment_intent": payment_intent_id, "limit": limits.STRIPE_PAGE_SIZE}
        )
        read = [refund_facts(refund.to_dict()) async for refund in found.auto_paging_iter()]
    return [facts for facts in read if facts is not None]


async def retrieve_dispute(dispute_id: str) -> ReversalFacts | None:
    """What Stripe says of one dispute now.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer. NotFound: there is none.
        InvalidEvent: it lacks a part.
    """
    async with stripe_client() as client:
        found = await client.v1.disputes.retrieve_async(dispute_id)
    return dispute_facts(found.to_dict())


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
