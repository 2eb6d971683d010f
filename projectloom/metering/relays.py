"""Turns whose answers pass through to a program as they are: started, told of their cost, and left."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from projectloom.errors import IdempotencyConflict
from projectloom.metering.feeds import WireFeed
from projectloom.metering.requests import TurnRequest
from projectloom.metering.running import runner
from projectloom.metering.turn import open_request
from projectloom.money import Nanos
from projectloom.pricing import costs
from projectloom.providers import WireCall
from projectloom.tokens import Usage


@dataclass(frozen=True, slots=True)
class Told:
    """What a relayed answer costs by what its provider has reported so far, before it is settled."""

    turn_id: str
    funding: str
    charged_nanos: Nanos
    provider_cost_nanos: Nanos
    balance_nanos: Nanos | None
    """What is left after it, other replies of the same time left out; None where credits do not pay."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A turn whose answer passes through, under way."""

    turn_id: str
    user_id: str
    funding: str
    held_nanos: Nanos
    balance_nanos: Nanos | None
    """What the person had when it began; None where credits do not pay."""
    max_output_tokens: int
    clamped: bool
    feed: WireFeed = field(repr=False)


async def start_relay(request: TurnRequest, tell: Callable[[Told], Mapping[str, Any]]) -> Relayed:
    """As :func:`start_turn`, for a request that is passed on as it is (``request.wire``).

    ``tell`` makes what a stream that reports usage tells of its cost.

    Raises what :func:`projectloom.metering.opening.open_turn` raises; IdempotencyConflict also where the same request
    came before: its answer is not kept.
    """
    return await asyncio.shield(asyncio.ensure_future(_open_and_relay(request, tell)))


async def _open_and_relay(request: TurnRequest, tell: Callable[[Told], Mapping[str, Any]]) -> Relayed:
    opened = await open_request(request)
    turn, call = opened.turn, opened.call
    if not isinstance(call, WireCall):
        raise IdempotencyConflict("This request was answered before. Send it again under another id.")

    def extras(usage: Usage) -> Mapping[str, Any]:
        due, provider_cost = costs(opened.card, turn.model, usage)
        cost = Nanos(min(due, turn.held_nanos))
        left = None if opened.balance_nanos is None else Nanos(opened.balance_nanos - cost)
        return tell(Told(turn.id, turn.funding, cost, provider_cost, left))

    return Relayed(
        turn_id=turn.id,
        user_id=turn.user_id,
        funding=turn.funding,
        held_nanos=Nanos(turn.held_nanos),
        balance_nanos=opened.balance_nanos,
        max_output_tokens=turn.max_output_tokens,
        clamped=turn.clamped,
        feed=runner.relay(turn, opened.card, call, extras, opened.ready),
    )


def leave_relay(relayed: Relayed) -> None:
    """Its client has gone: nobody else can get this answer, so its call ends. What came is charged."""
    runner.stop(relayed.turn_id)
