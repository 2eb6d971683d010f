"""The live card as it is published: every rate with the markup on it, beside the provider's own.

Whoever asks sees the same figures that a reply is charged by.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

from projectloom.db import database_now, reading
from projectloom.metering.cards import current_card, newest_versions
from projectloom.money import Nanos
from projectloom.pricing import PriceCard, PricedModel, Rates, typical_page_cost

# A rate times a markup is exact: both have few places.
_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])


@dataclass(frozen=True, slots=True)
class PublishedRates:
    """USD per million tokens, by pool: input, cache_read, cache_write_5m, cache_write_1h, output."""

    above_input_tokens: int | None
    """From how long a prompt on; None for every shorter one."""
    provider: dict[str, Decimal]
    charged: dict[str, Decimal]
    """With markup."""


@dataclass(frozen=True, slots=True)
class PublishedFee:
    """USD per thousand uses."""

    provider: Decimal
    charged: Decimal
    """With markup."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model and what it costs here."""

    model: PricedModel
    rates: tuple[PublishedRates, ...]
    """The usual ones, then those of long prompts."""
    web_search: PublishedFee | None
    """None where the model makes no searches here."""
    page_nanos: Nanos
    """What a reply of about a page costs."""


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version that is or was in force."""

    version: int
    since: datetime


@dataclass(frozen=True, slots=True)
class PriceList:
    """The live card."""

    version: int
    since: datetime
    markup_percent: Decimal
    source: str
    models: tuple[PublishedModel, ...]
    versions: tuple[PublishedVersion, ...]
    """The latest ones, the live one first."""


def read_price_list() -> PriceList:
    """The card in force now, and since when it and the ones before it were.

    Raises:
        DatabaseUnavailable: no card is stored yet.
    """
    with reading() as session:
        live, moment = current_card(session), database_now(session)
        rows = [row for row in newest_versions(session) if row.effective_at <= moment]
    rows.sort(key=lambda row: (row.effective_at, row.version), reverse=True)
    return PriceList(
        version=live.version,
        since=live.effective_at,
        markup_percent=live.card.markup_percent,
        source=live.card.source,
        models=tuple(_published(live.card, model) for model in live.card.models),
        versions=tuple(PublishedVersion(row.version, row.effective_at) for row in rows),
    )


def _published(card: PriceCard, model: PricedModel) -> PublishedModel:
    fee = None if model.web_search is None else PublishedFee(model.web_search, _with_markup(card, model.web_search))
    return PublishedModel(model, tuple(_lines(card, model)), fee, typical_page_cost(card, model.id))


def _lines(card: PriceCard, model: PricedModel) -> Iterator[PublishedRates]:
    yield _line(card, None, model.rates)
    for tier in model.tiers:
        yield _line(card, tier.above_input_tokens, tier.rates)


def _line(card: PriceCard, above_input_tokens: int | None, rates: Rates) -> PublishedRates:
    charged = {pool: _with_markup(card, rate) for pool, rate in rates.items()}
    return PublishedRates(above_input_tokens, dict(rates.items()), charged)


def _with_markup(card: PriceCard, rate: Decimal) -> Decimal:
    with localcontext(_EXACT):
        return rate * (1 + card.markup_percent.scaleb(-2))
