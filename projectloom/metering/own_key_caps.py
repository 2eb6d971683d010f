"""Limits on a person's own provider keys: what replies made here may cost them at one provider in a calendar month.

Nothing is held for such a reply, so what those under way may still cost at most stands on the turns themselves. What
counts is what the provider asks, by the price card and without markup, with whichever of the person's keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from sqlmodel import Session, col, func, select

from projectloom.accounts.models import ProviderKey
from projectloom.clock import next_month, start_of_month
from projectloom.db import database_now, reading
from projectloom.metering.caps import Cap
from projectloom.metering.cards import card_version
from projectloom.metering.models import OPEN_STATES, Funding, Turn, UsageRecord
from projectloom.money import Nanos
from projectloom.pricing import PriceCard, quote

SCOPE = "own_key_month"
_NAMES = {"anthropic": "Anthropic", "openai": "OpenAI"}


@dataclass(frozen=True, slots=True)
class OwnKeyCap(Cap):
    """The monthly limit of one provider key and how far it is used."""

    change: ClassVar[str] = "You can change the limit in the settings"

    provider: str

    @property
    def title(self) -> str:
        """As a refusal calls it."""
        return f"the monthly limit of your own {_NAMES.get(self.provider, self.provider)} key"


@dataclass(frozen=True, slots=True)
class OwnKeyUse:
    """What replies here cost a person at one provider this month, and when the key that is kept was last used."""

    spent_nanos: Nanos
    last_used_at: datetime | None


def own_key_cap(session: Session, *, user_id: str, provider: str) -> OwnKeyCap | None:
    """The limit of a person's key with its use; None where it has none."""
    query = select(ProviderKey.limit_month_nanos).where(
        ProviderKey.user_id == user_id, ProviderKey.provider == provider
    )
    limit = session.exec(query).one_or_none()
    if limit is None:
        return None
    moment = database_now(session)
    return OwnKeyCap(
        scope=SCOPE,
        limit_nanos=Nanos(limit),
        spent_nanos=_spent(session, user_id, provider, moment),
        held_nanos=_under_way(session, user_id, provider),
        resets_at=next_month(moment),
        provider=provider,
    )


def lock_limited_keys(session: Session, *, user_id: str) -> None:
    """Let one reply after the other begin where a key of the person's has a limit, so that none passes it together."""
    query = select(ProviderKey.provider).where(
        ProviderKey.user_id == user_id, col(ProviderKey.limit_month_nanos).is_not(None)
    )
    session.exec(query.order_by(col(ProviderKey.provider)).with_for_update()).all()


def own_key_uses(user_id: str, providers: Sequence[str]) -> dict[str, OwnKeyUse]:
    """What each of these providers was asked for with the person's keys."""
    with reading() as session:
        moment = database_now(session)
        return {
            provider: OwnKeyUse(
                _spent(session, user_id, provider, moment),
                _last_used(session, user_id, provider),
            )
            for provider in providers
        }


def without_markup(card: PriceCard) -> PriceCard:
    """The card as the providers have it: nobody adds anything to what a person's own key is billed."""
    return replace(card, markup_percent=Decimal(0))


def _spent(session: Session, user_id: str, provider: str, moment: datetime) -> Nanos:
    query = select(func.coalesce(func.sum(UsageRecord.provider_cost_nanos), 0)).where(
        UsageRecord.user_id == user_id,
        UsageRecord.created_at >= start_of_month(moment),
        UsageRecord.provider == provider,
        UsageRecord.funding == Funding.OWN_KEY,
    )
    return Nanos(int(session.exec(query).one()))


def _under_way(session: Session, user_id: str, provider: str) -> Nanos:
    query = select(Turn).where(
        Turn.user_id == user_id,
        Turn.provider == provider,
        Turn.funding == Funding.OWN_KEY,
        col(Turn.state).in_(OPEN_STATES),
    )
    return Nanos(sum(_most(session, turn) for turn in session.exec(query)))


def _most(session: Session, turn: Turn) -> Nanos:
    if turn.most_nanos is not None:
        return Nanos(turn.most_nanos)
    # It began before there was a limit.
    card = without_markup(card_version(session, turn.price_version))
    return quote(card, turn.model, input_bound=turn.input_estimate, max_output=turn.max_output_tokens)


def _last_used(session: Session, user_id: str, provider: str) -> datetime | None:
    key = session.get(ProviderKey, (user_id, provider))
    if key is None:
        return None
    query = select(func.max(UsageRecord.created_at)).where(
        UsageRecord.user_id == user_id,
        UsageRecord.created_at >= key.created_at,
        UsageRecord.provider == provider,
        UsageRecord.funding == Funding.OWN_KEY,
    )
    return session.exec(query).one()
