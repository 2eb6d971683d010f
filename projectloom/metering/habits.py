"""What a person's own questions cost as they ask them: what is usual for them, and how far an amount reaches.

How long the replies to them are decides what the next one will usually cost.
It rests on the latest replies that they asked for here by themselves. Programs with keys of theirs have other habits,
and what cost nothing says nothing about a price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from sqlalchemy import Subquery
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.preferences import read_preference
from projectloom.db import reading
from projectloom.metering.cards import current_card
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import Nanos
from projectloom.pricing import PriceCard, PricedModel, typical_page_cost

# So many of a hundred questions cost no more than what still counts as usual.
_USUAL_PERCENT = 90
# One reply in five is shorter than what is usually told, and one in five longer.
_SHORT_PERCENT, _MIDDLE_PERCENT, _LONG_PERCENT = 20, 50, 80
# And the shorter end no further from the middle: of whom most replies are a line, the range would begin at nothing.
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Usual:
    """What questions of a person's cost whoever pays for them."""

    average_nanos: Nanos
    most_nanos: Nanos
    """Nine in ten cost no more."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long replies usually are, in tokens of output."""

    short: int
    middle: int
    long: int
    own: bool
    """The person's own with this model say so; else they are those with others, and what is typical for anybody."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far amounts of credit go: so many questions as this person asks them, or pages of a model for who is new."""

    counts: tuple[int, ...]
    """One for each amount that was asked about, rounded down."""
    pages_of: str = ""
    """The name of the model whose pages are counted; empty where it is the person's own questions."""


def usual_of(session: Session, *, user_id: str, funding: str) -> Usual | None:
    """What a person's questions usually cost with this payer; None until they have asked a few."""
    costs = sorted(_costs(session, user_id, funding))
    if len(costs) < limits.USUAL_LEAST_REPLIES:
        return None
    return Usual(Nanos(-(-sum(costs) // len(costs))), Nanos(_of_hundred(costs, _USUAL_PERCENT)))


def _of_hundred(ordered: Sequence[int], percent: int) -> int:
    """What so many of a hundred do not exceed."""
    return ordered[(len(ordered) * percent + 99) // 100 - 1]


def recent_lengths(session: Session, *, user_id: str, source: str) -> list[tuple[str, int]]:
    """The models and lengths of the latest replies that a person asked for by themselves, the latest first.

    Those that were stopped or cut off, which nobody counted, say nothing of how long a reply would be. Looks at no more
    records than :func:`usual_of`, however many there are.
    """
    latest = _latest(user_id)
    query = (
        select(latest.c.model, latest.c.output_tokens)
        .where(latest.c.source == source, latest.c.api_key_id.is_(None), latest.c.output_tokens > 0)
        .where(latest.c.estimated.is_(False))
        .order_by(latest.c.created_at.desc())
        .limit(limits.USUAL_REPLIES)
    )
    return [(model, int(tokens)) for model, tokens in session.exec(query).all()]


def lengths_with(model_id: str, recent: Sequence[tuple[str, int]]) -> Lengths:
    """How long this model's replies usually are for whom had these; where it gave too few, those of all models."""
    by_model = [tokens for model, tokens in recent if model == model_id]
    own = len(by_model) >= limits.USUAL_LEAST_REPLIES
    ordered = sorted([*(by_model if own else [tokens for _, tokens in recent]), *limits.TYPICAL_REPLIES_TOKENS])
    short, middle, long = (_of_hundred(ordered, at) for at in (_SHORT_PERCENT, _MIDDLE_PERCENT, _LONG_PERCENT))
    # The longer end stands as it is: a price that is exceeded every third time is no usual one.
    return Lengths(max(short, middle // _SHORTEST), middle, long, own=own)


def reach(user_id: str, amounts_nanos: Sequence[int]) -> Reach:
    """How far each amount of credit would go for this person."""
    with reading() as session:
        card = current_card(session).card
        price = _question_nanos(session, user_id, card)
        if price:
            return Reach(tuple(amount // price for amount in amounts_nanos))
        model = _usual_model(card, read_preference(session, user_id=user_id).default_model)
    page = typical_page_cost(card, model.id)
    return Reach(tuple(amount // page if page else 0 for amount in amounts_nanos), model.label)


def _question_nanos(session: Session, user_id: str, card: PriceCard) -> int:
    """What a question costs from credit; who has used none yet: by what own keys paid, with the markup; 0 if new."""
    usual = usual_of(session, user_id=user_id, funding=Funding.CREDITS)
    if usual is not None:
        return usual.average_nanos
    usual = usual_of(session, user_id=user_id, funding=Funding.OWN_KEY)
    if usual is None:
        return 0
    with_markup = Decimal(usual.average_nanos) * (100 + card.markup_percent) / 100
    return int(with_markup.to_integral_value(rounding=ROUND_CEILING))


def _usual_model(card: PriceCard, chosen: str | None) -> PricedModel:
    offered = {model.id: model for model in card.chat_models()}
    wanted = [chosen, *limits.DEFAULT_MODELS]
    return next((offered[one] for one in wanted if one in offered), card.chat_models()[0])


def _costs(session: Session, user_id: str, funding: str) -> list[int]:
    """What the latest questions cost. Not more than so many records are looked at, however many programs have asked."""
    latest = _latest(user_id)
    paid = latest.c.charged_nanos if funding == Funding.CREDITS else latest.c.provider_cost_nanos
    query = (
        select(paid)
        .where(latest.c.funding == funding, latest.c.source == "chat", latest.c.api_key_id.is_(None), paid > 0)
        .order_by(latest.c.created_at.desc())
        .limit(limits.USUAL_REPLIES)
    )
    return [int(cost) for cost in session.exec(query).all()]


def _latest(user_id: str) -> Subquery:
    return (
        select(UsageRecord)
        .where(UsageRecord.user_id == user_id)
        .order_by(col(UsageRecord.created_at).desc())
        .limit(limits.USUAL_LOOKED_AT)
        .subquery()
    )
