"""The models on offer, and a price card for them from the genai-prices data that is installed.

genai-prices knows rates by the hundred; this is the allow-list of current models with what people need to choose among
them. The rates are read once, from the data in the package, to make a *proposed* card: nothing here follows its hourly
updates, and a live price changes only when an operator puts a new card in force.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

from projectloom.money import Nanos
from projectloom.pricing.arithmetic import charge
from projectloom.pricing.card import Kind, PriceCard, PricedModel, Provider, Rates, Tier
from projectloom.tokens import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

# "A typical page": a question with some context, answered on one page of about 500 words.
TYPICAL_PAGE_INPUT_TOKENS = 1_000
TYPICAL_PAGE_OUTPUT_TOKENS = 700


@dataclass(frozen=True, slots=True)
class _Offer:
    id: str
    provider: Provider
    label: str
    good_at: str
    context_tokens: int
    max_output_tokens: int
    kind: Kind = "chat"


# Context and output limits are those of the providers' model pages in November 2026 (Anthropic: models overview;
# OpenAI: the page of each model), since the price data has no output limits.
_OFFERS = (
    _Offer("claude-sonnet-5-5", "anthropic", "Claude Sonnet 5.5", "Everyday writing and analysis", 1_000_000, 128_000),
    _Offer("claude-opus-5-5", "anthropic", "Claude Opus 5.5", "Long, careful work", 1_000_000, 128_000),
    _Offer("claude-haiku-5-5", "anthropic", "Claude Haiku 5.5", "Quick answers for very little", 1_000_000, 128_000),
    _Offer("claude-haiku-4-5", "anthropic", "Claude Haiku 4.5", "Quick summaries", 200_000, 64_000),
    _Offer("gpt-6.1-sol", "openai", "GPT-6.1 Sol", "Demanding professional work", 1_050_000, 128_000),
    _Offer("gpt-6-astra", "openai", "GPT-6 Astra", "The hardest problems", 1_050_000, 128_000),
    _Offer("gpt-6.1-terra", "openai", "GPT-6.1 Terra", "Clear, natural writing", 1_050_000, 128_000),
    _Offer("gpt-6-luna", "openai", "GPT-6 Luna", "Short tasks for very little", 1_050_000, 128_000),
    _Offer("gpt-5.4-mini", "openai", "GPT-5.4 mini", "Fast drafts", 400_000, 128_000),
    _Offer("text-embedding-3-small", "openai", "Embedding 3 small", "Search in your texts", 8_192, 0, "embedding"),
    _Offer(
        "text-embedding-3-large", "openai", "Embedding 3 large", "Finer search in your texts", 8_192, 0, "embedding"
    ),
)

# Who reports how often a reply searched the web. OpenAI's Chat Completions API reports no number, and a fee that nobody
# counts is no price: its models are offered without searches.
_COUNTS_SEARCHES: frozenset[Provider] = frozenset({"anthropic"})


def card_from_genai_prices(markup_percent: Decimal | int = 0, *, on: date) -> PriceCard:
    """A card of the models on offer, at the rates that genai-prices holds for the day ``on`` (UTC).

    Raises ``LookupError`` when a model has gone from the data and ``ValueError`` when its price is not usable.
    """
    # Some 30,000 lines of data, needed only where a card is made and not where one is read.
    from genai_prices.data import providers  # noqa: PLC0415
    from genai_prices.data_snapshot import DataSnapshot  # noqa: PLC0415

    # A snapshot of our own: the library's shared one may be replaced by its updater.
    snapshot = DataSnapshot(providers=providers, from_auto_update=False)
    at = datetime.combine(on, time(12), UTC)
    models: list[PricedModel] = []
    for offer in _OFFERS:
        _, info = snapshot.find_provider_model(offer.id, None, offer.provider, None)
        if info.id != offer.id:
            raise LookupError(f"genai-prices knows {offer.id} only as {info.id}")
        models.append(_priced(offer, info.get_prices(at)))
    return PriceCard(tuple(models), Decimal(markup_percent), f"genai-prices {version('genai-prices')}")


def typical_page_cost(card: PriceCard, model_id: str) -> Nanos:
    """What a typical page costs with this model, markup included: the price shown in the model picker."""
    usage = Usage(input_tokens=TYPICAL_PAGE_INPUT_TOKENS, output_tokens=TYPICAL_PAGE_OUTPUT_TOKENS)
    return charge(card, model_id, usage)


def _priced(offer: _Offer, price: "ModelPrice") -> PricedModel:
    return PricedModel(
        id=offer.id,
        provider=offer.provider,
        label=offer.label,
        kind=offer.kind,
        context_tokens=offer.context_tokens,
        max_output_tokens=offer.max_output_tokens,
        good_at=offer.good_at,
        rates=_rates(offer, price, 0),
        # A tier "starts" above its line: the first request that pays it has one token more.
        tiers=tuple(Tier(line, _rates(offer, price, line + 1)) for line in _lines(price)),
        web_search=_rate(price, "web_searches_kcount", 0) if offer.provider in _COUNTS_SEARCHES else None,
    )


def _rates(offer: _Offer, price: "ModelPrice", input_tokens: int) -> Rates:
    """The rates at so many input tokens. A cache pool without a price of its own costs what its next of kin does."""
    base = _rate(price, "input_mtok", input_tokens)
    output = _rate(price, "output_mtok", input_tokens)
    if base is None or (output is None and offer.kind == "chat"):
        raise ValueError(f"genai-prices has no price for {offer.id}")
    cache_read = _rate(price, "cache_read_mtok", input_tokens)
    write_5m = _rate(price, "cache_write_mtok", input_tokens)
    write_1h = _rate(price, "cache_write_1h_mtok", input_tokens)
    write_5m = base if write_5m is None else write_5m
    return Rates(
        input=base,
        cache_read=base if cache_read is None else cache_read,
        cache_write_5m=write_5m,
        cache_write_1h=write_5m if write_1h is None else write_1h,
        output=Decimal(0) if output is None else output,
    )


def _rate(price: "ModelPrice", name: str, input_tokens: int) -> Decimal | None:
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - see card_from_genai_prices

    value = getattr(price, name)
    if not isinstance(value, TieredPrices):
        return value
    chosen = value.base
    for tier in value.tiers:
        if input_tokens > tier.start:
            chosen = tier.price
    return chosen


def _lines(price: "ModelPrice") -> list[int]:
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - see card_from_genai_prices

    tiered = (getattr(price, name) for name in _TOKEN_PRICES)
    return sorted({tier.start for value in tiered if isinstance(value, TieredPrices) for tier in value.tiers})


_TOKEN_PRICES = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok", "output_mtok")
