"""What a message would cost, told before it is sent."""

from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session

from projectloom.db import reading
from projectloom.errors import (
    CapReached,
    CreditsUnavailable,
    InsufficientCredits,
    LoomError,
    MissingApiKey,
    PromptTooLong,
)
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.models import Funding
from projectloom.metering.payers import model_and_key, payer_of
from projectloom.metering.requests import TurnRequest
from projectloom.metering.send import history_of
from projectloom.metering.terms import Asked, Terms, terms_of
from projectloom.money import ZERO, Nanos
from projectloom.pricing import PricedModel, charge, likely_tokens, typical_page_cost
from projectloom.providers import ChatMessage
from projectloom.tokens import Usage

Obstacle = Literal["insufficient_credits", "cap_reached", "missing_api_key", "prompt_too_long", "credits_unavailable"]

# A typical reply, for the lower end of the range. The upper end is the hold's exact bound.
TYPICAL_REPLY_TOKENS = 350


@dataclass(frozen=True, slots=True)
class Estimate:
    """An honest range: ``likely`` for a typical reply, ``at_most`` for the longest that may come."""

    funding: str
    likely_nanos: Nanos
    at_most_nanos: Nanos
    max_output_tokens: int
    clamped: bool
    """The balance covers only a shorter reply."""
    obstacle: Obstacle | None = None
    """Why it could not be sent now; the error's code."""
    obstacle_words: str = ""
    """The same in words."""
    capped: bool = False
    """It is a cap of the person's that covers only a shorter reply."""


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """A chat model as a person chooses it."""

    model: PricedModel
    page_nanos: Nanos
    """What a reply of about a page costs."""


def offers() -> list[ModelOffer]:
    """The chat models on the card in force, with what a page costs."""
    with reading() as session:
        card = current_card(session).card
    return [ModelOffer(model, typical_page_cost(card, model.id)) for model in card.chat_models()]


def estimate(user_id: str, model_id: str, conversation_id: str | None, draft: str) -> Estimate:
    """What sending ``draft`` would cost now.

    Raises:
        UnknownModel, NotFound, InvalidInput: as sending it would.
    """
    with reading() as session:
        history = history_of(session, user_id, conversation_id)
        request = TurnRequest(user_id, model_id, (*history, ChatMessage("user", draft)), conversation_id)
        versioned = current_card(session)
        funding = payer_of(session, request)
        try:
            model, has_key = _model(session, request, versioned, funding)
            asked = Asked(user_id, versioned, model, funding, request.messages, conversation_id)
            return _estimate(asked, terms_of(session, asked), has_key=has_key)
        except (InsufficientCredits, CapReached, PromptTooLong, CreditsUnavailable) as error:
            return _blocked(funding, error)


def _model(
    session: Session, request: TurnRequest, versioned: VersionedCard, funding: Funding
) -> tuple[PricedModel, bool]:
    try:
        return model_and_key(session, request, versioned, funding)[0], True
    except MissingApiKey:
        return versioned.card.model(request.model or ""), False


def _estimate(asked: Asked, terms: Terms, *, has_key: bool) -> Estimate:
    prompt = sum(likely_tokens(message.text) for message in asked.messages)
    typical = Usage(input_tokens=prompt, output_tokens=min(TYPICAL_REPLY_TOKENS, terms.max_output_tokens))
    longest = Usage(input_tokens=prompt, output_tokens=terms.max_output_tokens)
    card, model_id = asked.versioned.card, asked.model.id
    return Estimate(
        funding=asked.funding,
        likely_nanos=charge(card, model_id, typical),
        at_most_nanos=terms.hold_nanos or charge(card, model_id, longest),
        max_output_tokens=terms.max_output_tokens,
        clamped=terms.clamped,
        capped=terms.capped,
        obstacle=None if has_key else "missing_api_key",
    )


def _blocked(funding: Funding, error: LoomError) -> Estimate:
    obstacle = error.code
    return Estimate(
        funding,
        ZERO,
        ZERO,
        0,
        clamped=False,
        obstacle=obstacle,  # pyright: ignore[reportArgumentType]
        obstacle_words=error.message,
    )
