"""Counting a prompt for a program, by the provider that would be asked. It is free: no turn, no hold, no record."""

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.db import reading
from projectloom.metering.cards import current_card
from projectloom.metering.endings import too_much
from projectloom.metering.models import Funding
from projectloom.metering.payers import model_and_key, payer_of
from projectloom.metering.requests import TurnRequest
from projectloom.metering.terms import Terms
from projectloom.metering.wire_calls import check_wire, wire_call
from projectloom.money import ZERO
from projectloom.providers import WireCall, open_wire

# It costs nobody anything, but the operator's account may make only so many.
_allowance = Attempts(
    most=limits.PROGRAM_COUNTS_PER_MINUTE, seconds=60, refusal="Too many prompts were counted. Please wait a moment."
)


async def count_as_asked(call: WireCall) -> bytes:
    """The provider's own answer to a call of :func:`counting_call`. Raises ProviderError: it did not count."""
    async with open_wire(call) as answered:
        counted = bytearray()
        async for chunk in answered.chunks:
            counted += chunk
            if len(counted) > limits.MAX_REFUSAL_BYTES:
                raise too_much()
    return bytes(counted)


def counting_call(request: TurnRequest) -> tuple[WireCall, Funding]:
    """The call that counts ``request.wire``, and whose key it is made with.

    Raises UnknownModel, InvalidInput, MissingApiKey, CreditsUnavailable as for a reply, and TooManyRequests.
    """
    if request.wire is None:
        raise ValueError("only requests that are passed on as they are can be counted so")
    with reading() as session:
        versioned, funding = current_card(session), payer_of(session, request)
        model, api_key = model_and_key(session, request, versioned, funding)
    check_wire(request.wire, model, funding)
    if funding == Funding.CREDITS:
        _allowance.count(request.user_id)
    terms = Terms(0, clamped=False, hold_nanos=ZERO, input_estimate=0)
    return wire_call(request.wire, terms, funding, api_key), funding
