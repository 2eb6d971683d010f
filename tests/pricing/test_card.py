"""The card as text, and what it refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from projectloom.pricing import PriceCard, Rates, Tier, digest, from_json, to_json

from .strategies import cards
from .test_arithmetic import a_card, with_searches


@given(cards())
def test_a_card_comes_back_from_its_text_unchanged(card: PriceCard) -> None:
    text = to_json(card)
    assert from_json(text) == card
    assert to_json(from_json(text)) == text


def test_equal_prices_have_one_text_and_one_digest() -> None:
    one, other = a_card("20"), a_card("20.00")
    assert to_json(one) == to_json(other)
    assert digest(one) == digest(other)
    assert digest(one) != digest(a_card("20.01"))


def test_the_text_holds_no_floats() -> None:
    value = json.loads(to_json(a_card("12.5")), parse_float=pytest.fail)
    assert value["markup_percent"] == "12.5"
    assert value["models"][0]["rates"]["cache_read"] == "0.1"


def _edit(change: Callable[[dict[str, Any]], object]) -> str:
    value = json.loads(to_json(a_card()))
    change(value)
    return json.dumps(value)


BAD_CARDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a negative rate": lambda card: card["models"][0]["rates"].update(input="-1"),
    "a missing rate": lambda card: card["models"][0]["rates"].pop("output"),
    "a rate that is NaN": lambda card: card["models"][0]["rates"].update(input="NaN"),
    "an infinite rate": lambda card: card["models"][0]["rates"].update(input="Infinity"),
    "a float rate": lambda card: card["models"][0]["rates"].update(input=2.5),
    "an exponent": lambda card: card["models"][0]["rates"].update(input="1e3"),
    "an absurd rate": lambda card: card["models"][0]["rates"].update(input="9999999"),
    "an unknown pool": lambda card: card["models"][0]["rates"].update(audio="1"),
    "a negative markup": lambda card: card.update(markup_percent="-5"),
    "no markup": lambda card: card.pop("markup_percent"),
    "another format": lambda card: card.update(format=3),
    "a format that is text": lambda card: card.update(format="1"),
    "the newer format without its fees": lambda card: card.update(format=2),
    "the older format with fees": lambda card: card["models"][0].update(fees={"web_search": "10"}),
    "models that are no list": lambda card: card.update(models={}),
    "a model that is no object": lambda card: card.update(models=["gpt"]),
    "two models of one id": lambda card: card.update(models=card["models"] * 2),
    "an empty id": lambda card: card["models"][0].update(id=""),
    "an unknown provider": lambda card: card["models"][0].update(provider="acme"),
    "an unknown kind": lambda card: card["models"][0].update(kind="image"),
    "a context that is text": lambda card: card["models"][0].update(context_tokens="1000"),
    "a context that is true": lambda card: card["models"][0].update(context_tokens=True),
    "a chat model without output": lambda card: card["models"][0].update(max_output_tokens=0),
    "a tier below zero": lambda card: card["models"][0]["tiers"][0].update(above_input_tokens=-1),
    "a tier twice": lambda card: card["models"][0].update(tiers=card["models"][0]["tiers"] * 2),
    "a tier that is cheaper": lambda card: card["models"][0]["tiers"][0]["rates"].update(input="1"),
}


@pytest.mark.parametrize("change", BAD_CARDS.values(), ids=BAD_CARDS.keys())
def test_a_card_that_is_not_sane_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ValueError):
        from_json(_edit(change))


def with_fees(change: Callable[[dict[str, Any]], object]) -> str:
    value = json.loads(to_json(with_searches(a_card(), "10")))
    change(value["models"][0]["fees"])
    return json.dumps(value)


BAD_FEES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a negative fee": lambda fees: fees.update(web_search="-10"),
    "a fee that is NaN": lambda fees: fees.update(web_search="NaN"),
    "a fee that is a number": lambda fees: fees.update(web_search=10),
    "an absurd fee": lambda fees: fees.update(web_search="9999999"),
    "no fee": lambda fees: fees.pop("web_search"),
    "an unknown fee": lambda fees: fees.update(storage_search="1"),
}


@pytest.mark.parametrize("change", BAD_FEES.values(), ids=BAD_FEES.keys())
def test_a_fee_that_is_not_sane_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ValueError):
        from_json(with_fees(change))


def test_a_card_with_fees_is_of_the_newer_format_and_one_without_a_price_for_searches_says_null() -> None:
    priced, unpriced = with_searches(a_card(), "10.00").models[0], replace(a_card().models[0], id="other")
    card = PriceCard((priced, unpriced), Decimal(0), "a test")
    value = json.loads(to_json(card))
    assert value["format"] == 2
    assert [model["fees"] for model in value["models"]] == [{"web_search": "10"}, {"web_search": None}]
    assert from_json(to_json(card)) == card


# As the first release wrote it into databases; the digest is the one it stored beside it.
STORED = (
    '{"format":1,"markup_percent":"7.5","models":[{"context_tokens":1000000,"good_at":"Trying","id":"a-model",'
    '"kind":"chat","label":"A model","max_output_tokens":128000,"provider":"anthropic","rates":{"cache_read":"0.1",'
    '"cache_write_1h":"4","cache_write_5m":"2.5","input":"2","output":"10"},"tiers":[{"above_input_tokens":272000,'
    '"rates":{"cache_read":"0.2","cache_write_1h":"8","cache_write_5m":"5","input":"4","output":"15"}}]}],'
    '"source":"a test"}'
)
STORED_DIGEST = "ac98b45187ca9441a6303a06fb329662df4b10f1f286d3c3c77f6bda22841c46"


def test_a_card_that_was_stored_before_there_were_fees_keeps_its_text_and_its_digest() -> None:
    card = from_json(STORED)
    assert to_json(card) == STORED
    assert digest(card) == STORED_DIGEST
    assert card.models[0].web_search is None


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError):
        from_json("not json")


@pytest.mark.parametrize("rate", ["-0.1", "-0", "NaN", "Infinity", "100001", "1e-13"])
def test_no_code_can_build_rates_that_are_not_sane(rate: str) -> None:
    with pytest.raises(ValueError, match="rate input"):
        replace(a_card().models[0].rates, input=Decimal(rate))


def test_the_dearest_input_rate_may_be_any_pools() -> None:
    assert Rates(Decimal(1), Decimal(9), Decimal(2), Decimal(3), Decimal(50)).dearest_input == 9


def test_the_highest_tier_that_is_crossed_applies() -> None:
    model = a_card().models[0]
    dearer = Rates(*(rate * 2 for _, rate in model.tiers[0].rates.items()))
    model = replace(model, tiers=(*model.tiers, Tier(500_000, dearer)))
    assert model.rates_for(272_000) == model.rates
    assert model.rates_for(500_000) == model.tiers[0].rates
    assert model.rates_for(500_001) == dearer


def test_a_card_with_a_model_that_takes_no_pictures_is_of_the_newest_format_and_comes_back_unchanged() -> None:
    card = a_card("20")
    blind = replace(card, models=(replace(card.models[0], takes_pictures=False), *card.models[1:]))
    written = to_json(blind)
    assert json.loads(written)["format"] == 3
    assert not from_json(written).models[0].takes_pictures
    assert from_json(written) == blind
    assert json.loads(to_json(card))["format"] < 3
    for wrong in ("yes", 1, None):
        value = json.loads(written)
        value["models"][0]["takes_pictures"] = wrong
        with pytest.raises(ValueError, match="takes_pictures"):
            from_json(json.dumps(value))
