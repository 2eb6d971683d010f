"""What a message would cost, told before it is sent."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from sqlmodel import Session

from projectloom import limits
from projectloom.conversations.tree import Place
from projectloom.db import reading
from projectloom.errors import (
    BudgetReached,
    CapReached,
    CreditsUnavailable,
    InsufficientCredits,
    LoomError,
    MissingApiKey,
    NoPictures,
    PromptTooLong,
    TooLarge,
    UnknownModel,
)
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.habits import Lengths, lengths_with, recent_lengths, usual_of
from projectloom.metering.models import Funding
from projectloom.metering.own_key_caps import without_markup
from projectloom.metering.payers import model_and_key, payer_of
from projectloom.metering.prompts import check_messages, likely_of
from projectloom.metering.requests import TurnRequest, asked_of
from projectloom.metering.send import Asking, Draft, asking_again, asking_of
from projectloom.metering.terms import Asked, Terms, terms_of
from projectloom.money import ZERO, Nanos
from projectloom.pricing import PriceCard, PricedModel, charge, typical_page_cost
from projectloom.tokens import Usage

Obstacle = Literal[
    "insufficient_credits",
    "cap_reached",
    "missing_api_key",
    "prompt_too_long",
    "no_pictures",
    "too_large",
    "credits_unavailable",
    "budget_reached",
]

_OBSTACLES = (
    InsufficientCredits,
    CapReached,
    BudgetReached,
    PromptTooLong,
    NoPictures,
    TooLarge,
    CreditsUnavailable,
)

# The smaller models that would do are compared by a reply of this length.
_COMPARED_TOKENS = 350


@dataclass(frozen=True, slots=True)
class Cheaper:
    """A smaller model of the same provider that would do."""

    model: PricedModel
    times: int
    """So many times less would it cost, rounded down."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is usual, from ``low`` to ``high``, and ``at_most`` for the longest reply that may come: what is held."""

    funding: str
    low_nanos: Nanos
    likely_nanos: Nanos
    high_nanos: Nanos
    at_most_nanos: Nanos
    max_output_tokens: int
    clamped: bool
    """The balance covers only a shorter reply."""
    by_habit: bool = False
    """What is usual rests on how long replies to this person were."""
    obstacle: Obstacle | None = None
    """Why it could not be sent now; the error's code."""
    obstacle_words: str = ""
    """The same in words."""
    capped: bool = False
    """It is a cap of the person's that covers only a shorter reply."""
    past_nanos: Nanos = ZERO
    """Of ``likely``, what is paid for the messages before this one."""
    usual_nanos: Nanos | None = None
    """What the person's questions cost on the average, where this one costs more than is usual for them."""
    cheaper: Cheaper | None = None


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


def estimate(
    user_id: str,
    model_id: str,
    conversation_id: str | None,
    draft: str,
    place: Place | None = None,
    *,
    files: Sequence[str] = (),
    instructions: str = "",
) -> Estimate:
    """What sending ``draft`` would cost now, at a place of its conversation or after what is shown there.

    With ``files`` of the person's, and with the ``instructions`` of a conversation that it would begin.

    Raises:
        UnknownModel, NotFound, InvalidInput: as sending it would.
    """
    with reading() as session:
        message = Draft(draft, files, instructions)
        asking = asking_of(session, user_id, conversation_id, message, place, pictures=False)
        recent = recent_lengths(session, user_id=user_id, source="chat")
        found = _estimated(session, _request(user_id, model_id, conversation_id, asking), recent)
        usual = usual_of(session, user_id=user_id, funding=found.funding)
        card = current_card(session).card
    dear = usual is not None and found.likely_nanos > max(usual.most_nanos, limits.DEAR_NANOS)
    # What is attached may be what another model cannot read.
    told = not found.obstacle and not files
    return replace(
        found,
        usual_nanos=usual.average_nanos if usual and dear else None,
        cheaper=_cheaper(card, model_id, asking) if told else None,
    )


def retry_estimates(
    user_id: str, conversation_id: str, question_id: str, models: Sequence[str]
) -> list[tuple[str, Estimate]]:
    """What answering a question once more would cost with each of these models; one that is not offered is left out.

    Raises:
        NotFound: there is no such question of the person's.
    """
    found: list[tuple[str, Estimate]] = []
    with reading() as session:
        asking = asking_again(session, user_id, conversation_id, question_id, pictures=False)
        recent = recent_lengths(session, user_id=user_id, source="chat")
        for model_id in models:
            with suppress(UnknownModel):
                request = _request(user_id, model_id, conversation_id, asking)
                found.append((model_id, _estimated(session, request, recent)))
    return found


def estimate_request(request: TurnRequest) -> Estimate:
    """What a request of the product's own would cost now. Errors as in :func:`estimate`."""
    with reading() as session:
        recent = recent_lengths(session, user_id=request.user_id, source=request.source)
        return _estimated(session, request, recent)


def _request(user_id: str, model_id: str, conversation_id: str | None, asking: Asking) -> TurnRequest:
    return TurnRequest(user_id, model_id, asking.messages, conversation_id, place=asking.place)


def _estimated(session: Session, request: TurnRequest, recent: Sequence[tuple[str, int]]) -> Estimate:
    versioned = current_card(session)
    funding = payer_of(session, request)
    try:
        check_messages(request.messages)
        model, has_key = _model(session, request, versioned, funding)
        asked = asked_of(request, versioned, model, funding)
        return _estimate(asked, terms_of(session, asked), lengths_with(model.id, recent), has_key=has_key)
    except _OBSTACLES as error:
        return _blocked(funding, error)


def _model(
    session: Session, request: TurnRequest, versioned: VersionedCard, funding: Funding
) -> tuple[PricedModel, bool]:
    try:
        return model_and_key(session, request, versioned, funding)[0], True
    except MissingApiKey:
        return versioned.card.model(request.model or ""), False


def _cheaper(card: PriceCard, model_id: str, asking: Asking) -> Cheaper | None:
    """The cheapest model of the same provider, where the question is one that it would do for and it costs far less.

    What tells such a question is its shape alone: short, without code, in a conversation that is not long.
    """
    chosen, draft = card.model(model_id), asking.messages[-1].text
    prompt = likely_of(chosen.provider, asking.messages)
    if len(draft) > limits.CHEAPER_DRAFT_CHARS or prompt > limits.CHEAPER_PROMPT_TOKENS or "```" in draft:
        return None
    typical = Usage(input_tokens=prompt, output_tokens=_COMPARED_TOKENS)
    costs = {
        model: charge(card, model.id, typical) for model in card.chat_models() if model.provider == chosen.provider
    }
    best = min(costs, key=lambda model: costs[model])
    if not costs[best] or costs[chosen] < limits.CHEAPER_TIMES * costs[best]:
        return None
    return Cheaper(best, costs[chosen] // costs[best])


def _estimate(asked: Asked, terms: Terms, lengths: Lengths, *, has_key: bool) -> Estimate:
    provider = asked.model.provider
    past = likely_of(provider, asked.messages[:-1])
    prompt = past + likely_of(provider, asked.messages[-1:])
    card = asked.versioned.card
    if asked.funding == Funding.OWN_KEY:
        # Nothing is added to what a provider bills to the person's own key.
        card = without_markup(card)

    def cost(output_tokens: int) -> Nanos:
        shown = min(output_tokens, terms.max_output_tokens)
        return charge(card, asked.model.id, Usage(input_tokens=prompt, output_tokens=shown))

    most = terms.hold_nanos or cost(terms.max_output_tokens)
    return Estimate(
        funding=asked.funding,
        low_nanos=min(cost(lengths.short), most),
        likely_nanos=min(cost(lengths.middle), most),
        high_nanos=min(cost(lengths.long), most),
        at_most_nanos=most,
        by_habit=lengths.own,
        max_output_tokens=terms.max_output_tokens,
        clamped=terms.clamped,
        capped=terms.capped,
        obstacle=None if has_key else "missing_api_key",
        past_nanos=charge(card, asked.model.id, Usage(input_tokens=past)),
    )


def _blocked(funding: Funding, error: LoomError) -> Estimate:
    obstacle = error.code
    return Estimate(
        funding,
        ZERO,
        ZERO,
        ZERO,
        ZERO,
        0,
        clamped=False,
        obstacle=obstacle,  # pyright: ignore[reportArgumentType]
        obstacle_words=error.message,
    )
