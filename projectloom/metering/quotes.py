"""What a message would cost, told before it is sent."""

from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session

from projectloom.accounts.keys import open_key
from projectloom.config import settings
from projectloom.db import reading
from projectloom.errors import CreditsUnavailable, InsufficientCredits, LoomError, PromptTooLong
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.models import Funding
from projectloom.metering.send import history_of
from projectloom.metering.terms import funding_of, terms_of
from projectloom.money import ZERO, Nanos
from projectloom.pricing import PricedModel, charge, likely_tokens, typical_page_cost
from projectloom.providers import ChatMessage
from projectloom.tokens import Usage

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
    obstacle: Literal["insufficient_credits", "missing_api_key", "prompt_too_long", "credits_unavailable"] | None = None
    """Why it could not be sent now; the error's code."""


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
        versioned = current_card(session)
        model = versioned.card.model(model_id)
        funding = funding_of(session, user_id)
        history = history_of(session, user_id, conversation_id)
        messages = (*history, ChatMessage("user", draft))
        try:
            return _estimate(
                session, user_id=user_id, versioned=versioned, model=model, funding=funding, messages=messages
            )
        except (InsufficientCredits, PromptTooLong, CreditsUnavailable) as error:
            return _blocked(funding, error)


def _estimate(
    session: Session,
    *,
    user_id: str,
    versioned: VersionedCard,
    model: PricedModel,
    funding: Funding,
    messages: tuple[ChatMessage, ...],
) -> Estimate:
    if funding == Funding.CREDITS and settings().operator_key(model.provider) is None:
        raise CreditsUnavailable(provider=model.provider)
    terms = terms_of(session, user_id=user_id, versioned=versioned, model=model, funding=funding, messages=messages)
    prompt = sum(likely_tokens(message.text) for message in messages)
    typical = Usage(input_tokens=prompt, output_tokens=min(TYPICAL_REPLY_TOKENS, terms.max_output_tokens))
    has_key = funding == Funding.CREDITS or open_key(
        session, user_id=user_id, provider=model.provider, master_secret=settings().master_secret
    )
    longest = Usage(input_tokens=prompt, output_tokens=terms.max_output_tokens)
    return Estimate(
        funding=funding,
        likely_nanos=charge(versioned.card, model.id, typical),
        at_most_nanos=terms.hold_nanos or charge(versioned.card, model.id, longest),
        max_output_tokens=terms.max_output_tokens,
        clamped=terms.clamped,
        obstacle=None if has_key else "missing_api_key",
    )


def _blocked(funding: Funding, error: LoomError) -> Estimate:
    obstacle = error.code
    return Estimate(funding, ZERO, ZERO, 0, clamped=False, obstacle=obstacle)  # pyright: ignore[reportArgumentType]
