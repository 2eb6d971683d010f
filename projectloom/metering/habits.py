"""What a person's own questions cost as they ask them: what is usual for them, and how far an amount reaches.

It rests on the latest replies that they asked for here by themselves. Programs with keys of theirs have other habits,
and what cost nothing says nothing about a price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

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


@dataclass(frozen=True, slots=True)
class Usual:
    """What questions of a person's cost whoever pays for them."""

    average_nanos: Nanos
    most_nanos: Nanos
    """Nine in ten cost no more."""


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
    place = (len(costs) * _USUAL_PERCENT + 99) // 100 - 1
    return Usual(Nanos(-(-sum(costs) // len(costs))), Nanos(costs[place]))


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
    latest = (
        select(UsageRecord)
        .where(UsageRecord.user_id == user_id)
        .order_by(col(UsageRecord.created_at).desc())
        .limit(limits.USUAL_LOOKED_AT)
        .subquery()
    )
    paid = latest.c.charged_nanos if funding == Funding.CREDITS else latest.c.provider_cost_nanos
    query = (
        select(paid)
        .where(latest.c.funding == funding, latest.c.source == "chat", latest.c.api_key_id.is_(None), paid > 0)
        .order_by(latest.c.created_at.desc())
        .limit(limits.USUAL_REPLIES)
    )
    return [int(cost) for cost in session.exec(query).all()]
