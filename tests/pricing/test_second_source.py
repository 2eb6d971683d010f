"""Every row of the card against a second public source, whose figures are kept here as that source writes them."""

import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from projectloom.pricing import PriceCard, PricedModel, card_from_genai_prices

from .golden_cases import FIGURES

SECOND: dict[str, Any] = json.loads((Path(__file__).parent / "second_source.json").read_text())

POOLS = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_token": "output",
}
LINES = {"100k": 100_000, "272k": 272_000}

Facts = dict[str, Fraction | int | None]


@pytest.fixture(scope="module")
def card() -> PriceCard:
    return card_from_genai_prices(on=date.fromisoformat(SECOND["read"]))


def facts_of_card(model: PricedModel) -> Facts:
    facts: Facts = {pool: Fraction(rate) for pool, rate in model.rates.items()}
    for tier in model.tiers:
        facts |= {f"{pool} above {tier.above_input_tokens}": Fraction(rate) for pool, rate in tier.rates.items()}
    facts["web_search"] = None if model.web_search is None else Fraction(model.web_search)
    return facts | {"context_tokens": model.context_tokens, "max_output_tokens": model.max_output_tokens}


def facts_of_second(model: PricedModel, row: dict[str, Any]) -> Facts:
    """The row in the card's terms: USD per million tokens and per thousand searches."""
    left = dict(row)
    facts: Facts = {}
    for suffix, line in [("", None), *((f"_above_{text}_tokens", line) for text, line in LINES.items())]:
        for name, pool in POOLS.items():
            if name + suffix in left:
                key = pool if line is None else f"{pool} above {line}"
                facts[key] = Fraction(left.pop(name + suffix)) * 10**6
    if sizes := left.pop("search_context_cost_per_query", None):
        [fee] = set(sizes.values())
        facts["web_search"] = Fraction(fee) * 1_000
    room = left.pop("max_input_tokens")
    if most := left.pop("max_output_tokens", 0):
        facts["max_output_tokens"] = most
    # What OpenAI calls the context holds the reply too; this source gives what is left for the prompt.
    facts["context_tokens"] = room + most if model.provider == "openai" else room
    assert not left, "a figure that nobody compares"
    return facts


def test_the_second_source_knows_every_model_of_the_card_with_its_prices_and_limits(card: PriceCard) -> None:
    assert set(SECOND["models"]) == {model.id for model in card.models}
    for model in card.models:
        told = facts_of_second(model, SECOND["models"][model.id])
        assert {"input", "output", "context_tokens"} <= set(told)
        if model.kind == "chat":
            assert {"cache_read", "max_output_tokens"} <= set(told)
        assert {key for key in told if " above " in key and "1h" not in key} == {
            key for key in facts_of_card(model) if " above " in key and "1h" not in key
        }


def test_the_card_agrees_with_it_in_every_figure_but_for_the_differences_that_are_explained(card: PriceCard) -> None:
    found: list[tuple[str, str, object, object]] = []
    for model in card.models:
        ours = facts_of_card(model)
        for key, value in facts_of_second(model, SECOND["models"][model.id]).items():
            if ours[key] != value:
                found.append((model.id, key, ours[key], value))
    explained = [
        (entry["model"], entry["field"], entry["card"], Fraction(entry["source"])) for entry in SECOND["differences"]
    ]
    assert sorted(found, key=str) == sorted(explained, key=str)
    assert all(entry["reason"] and entry["right"] in ("card", "source", "both") for entry in SECOND["differences"])


def test_what_it_is_silent_about_is_derived_by_a_rule_and_not_a_price_of_its_own(card: PriceCard) -> None:
    for model in card.models:
        ours, told = facts_of_card(model), facts_of_second(model, SECOND["models"][model.id])
        for key in set(ours) - set(told):
            pool, _, line = key.partition(" above ")
            of_tier = f" above {line}" if line else ""
            match pool:
                # OpenAI keeps one kind of cache, and older models write to it at no extra price.
                case "cache_write_1h":
                    assert ours[key] == ours[f"cache_write_5m{of_tier}"]
                case "cache_write_5m" | "cache_read":
                    assert ours[key] == ours[f"input{of_tier}"]
                case "web_search":
                    assert ours[key] in (None, Fraction(FIGURES[model.id].get("web_search", 0)))
                case "max_output_tokens":
                    assert model.kind == "embedding"
                case _:
                    raise AssertionError(key)
