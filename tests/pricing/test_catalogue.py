"""The rates on offer, against figures written here by hand."""

import threading
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from projectloom.errors import UnknownModel
from projectloom.money import format_usd
from projectloom.pricing import PriceCard, card_from_genai_prices, typical_page_cost

TODAY = date(2026, 11, 22)

# USD per million tokens: input, cache read, cache write 5 min, cache write 1 h, output.
EXPECTED = {
    "claude-opus-5-5": ("4", "0.2", "5", "8", "20"),
    "claude-sonnet-5-5": ("2", "0.1", "2.5", "4", "10"),
    "claude-haiku-5-5": ("0.1", "0.01", "0.125", "0.2", "0.5"),
    "claude-haiku-4-5": ("1", "0.1", "1.25", "2", "5"),
    "gpt-6-astra": ("10", "1", "12.5", "12.5", "50"),
    "gpt-6.1-sol": ("2", "0.1", "2.5", "2.5", "10"),
    "gpt-6.1-terra": ("1", "0.05", "1.25", "1.25", "5"),
    "gpt-6-luna": ("0.1", "0.01", "0.125", "0.125", "0.5"),
    "gpt-5.4-mini": ("0.75", "0.075", "0.75", "0.75", "4.5"),
    "text-embedding-3-small": ("0.02", "0.02", "0.02", "0.02", "0"),
    "text-embedding-3-large": ("0.13", "0.13", "0.13", "0.13", "0"),
}
EXPECTED_TIERS = {
    "claude-haiku-5-5": (100_000, ("0.5", "0.05", "0.625", "1", "2.5")),
    "gpt-6-astra": (272_000, ("20", "2", "25", "25", "75")),
    "gpt-6.1-sol": (272_000, ("4", "0.2", "5", "5", "15")),
    "gpt-6.1-terra": (272_000, ("2", "0.1", "2.5", "2.5", "7.5")),
    "gpt-6-luna": (272_000, ("0.2", "0.02", "0.25", "0.25", "0.75")),
}


@pytest.fixture(scope="module")
def card() -> PriceCard:
    return card_from_genai_prices(on=TODAY)


def test_the_card_holds_exactly_the_models_on_offer(card: PriceCard) -> None:
    assert {model.id for model in card.models} == set(EXPECTED)
    assert {model.id for model in card.chat_models()} == {name for name in EXPECTED if "embedding" not in name}


@pytest.mark.parametrize("model_id", EXPECTED)
def test_each_rate_is_the_published_one(card: PriceCard, model_id: str) -> None:
    rates = [rate for _, rate in card.model(model_id).rates.items()]
    assert rates == [Decimal(figure) for figure in EXPECTED[model_id]]


@pytest.mark.parametrize("model_id", EXPECTED)
def test_each_long_context_tier_is_the_published_one(card: PriceCard, model_id: str) -> None:
    tiers = card.model(model_id).tiers
    if model_id not in EXPECTED_TIERS:
        assert tiers == ()
        return
    line, figures = EXPECTED_TIERS[model_id]
    assert [tier.above_input_tokens for tier in tiers] == [line]
    assert [rate for _, rate in tiers[0].rates.items()] == [Decimal(figure) for figure in figures]


def test_searches_have_a_price_where_the_provider_counts_them(card: PriceCard) -> None:
    for model in card.models:
        assert model.web_search == (Decimal(10) if model.provider == "anthropic" else None)


def test_a_model_without_a_price_is_refused(card: PriceCard) -> None:
    with pytest.raises(UnknownModel) as refusal:
        card.model("gpt-3")
    assert refusal.value.data["model"] == "gpt-3"


def test_prices_that_depend_on_the_day_are_those_of_the_day_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from genai_prices import data
    from genai_prices.types import ConditionalPrice, ModelPrice, StartDateConstraint

    [anthropic] = [provider for provider in data.providers if provider.id == "anthropic"]
    [sonnet] = [model for model in anthropic.models if model.id == "claude-sonnet-5-5"]
    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(10))),
        ConditionalPrice(
            constraint=StartDateConstraint(date(2026, 12, 1)),
            prices=ModelPrice(input_mtok=Decimal(3), output_mtok=Decimal(15)),
        ),
    ]
    models = [replace(sonnet, prices=prices) if model is sonnet else model for model in anthropic.models]
    providers = [replace(anthropic, models=models) if entry is anthropic else entry for entry in data.providers]
    monkeypatch.setattr(data, "providers", providers)

    assert card_from_genai_prices(on=date(2026, 11, 30)).model("claude-sonnet-5-5").rates.input == 2
    assert card_from_genai_prices(on=date(2026, 12, 1)).model("claude-sonnet-5-5").rates.input == 3


def test_making_a_card_starts_no_price_updater() -> None:
    before = set(threading.enumerate())
    card_from_genai_prices(on=TODAY)
    assert set(threading.enumerate()) == before


def test_a_card_ignores_prices_that_were_updated_behind_its_back(card: PriceCard) -> None:
    from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot

    set_custom_snapshot(DataSnapshot(providers=[], from_auto_update=True))
    try:
        assert card_from_genai_prices(on=TODAY) == card
    finally:
        set_custom_snapshot(None)


def test_every_model_says_what_it_is_good_at_in_a_few_words(card: PriceCard) -> None:
    for model in card.models:
        assert model.label
        assert 1 <= len(model.good_at.split()) <= 6
        assert model.max_output_tokens < model.context_tokens


def test_a_typical_page_costs_its_input_and_output_with_markup(card: PriceCard) -> None:
    assert format_usd(typical_page_cost(card, "claude-sonnet-5-5")) == "$0.00900"
    marked_up = card_from_genai_prices(Decimal(10), on=TODAY)
    assert typical_page_cost(marked_up, "claude-sonnet-5-5") == 9_900_000
