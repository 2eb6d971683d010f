"""What a call may cost and what it did cost."""

from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projectloom.errors import InvalidInput, UnknownModel
from projectloom.money import Nanos
from projectloom.pricing import (
    PriceCard,
    PricedModel,
    Rates,
    Tier,
    affordable_output,
    charge,
    provider_cost,
    quote,
    reply_lines,
)
from projectloom.tokens import Usage

from .strategies import MODEL, cards, tokens, usages

POOLS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")

_RATES = Rates(Decimal(2), Decimal("0.1"), Decimal("2.5"), Decimal(4), Decimal(10))
_LONG = Rates(Decimal(4), Decimal("0.2"), Decimal(5), Decimal(8), Decimal(15))


def a_card(markup: str = "0") -> PriceCard:
    model = PricedModel(
        MODEL, "anthropic", "A model", "chat", 1_000_000, 128_000, "Trying", _RATES, (Tier(272_000, _LONG),)
    )
    return PriceCard((model,), Decimal(markup), "a test")


def with_searches(card: PriceCard, fee: str) -> PriceCard:
    return replace(card, models=tuple(replace(model, web_search=Decimal(fee)) for model in card.models))


def exact_nanos(card: PriceCard, usage: Usage, *, with_markup: bool) -> Fraction:
    """A second, separate calculation, in fractions."""
    model = card.models[0]
    total = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    rates = model.rates
    for tier in sorted(model.tiers, key=lambda tier: tier.above_input_tokens):
        if total > tier.above_input_tokens:
            rates = tier.rates
    usd = sum(
        (Fraction(getattr(usage, f"{pool}_tokens")) * Fraction(getattr(rates, pool)) / 10**6 for pool in POOLS),
        Fraction(usage.web_searches) * Fraction(model.web_search or 0) / 1_000,
    )
    return usd * 10**9 * ((1 + Fraction(card.markup_percent) / 100) if with_markup else 1)


def test_each_pool_is_charged_at_its_own_rate() -> None:
    usage = Usage(1_000, 2_000, 3_000, 4_000, 500, reasoning_tokens=400)
    # 1000 x 2 + 2000 x 0.1 + 3000 x 2.5 + 4000 x 4 + 500 x 10 = 30700 dollars per million
    assert charge(a_card(), MODEL, usage) == 30_700_000


def test_reasoning_is_not_charged_a_second_time() -> None:
    thought = Usage(input_tokens=10, output_tokens=500, reasoning_tokens=500)
    assert charge(a_card(), MODEL, thought) == charge(a_card(), MODEL, replace(thought, reasoning_tokens=0))


def test_a_long_prompt_puts_the_whole_request_at_the_dearer_rate() -> None:
    at_the_line = Usage(input_tokens=272_000, output_tokens=1_000)
    above_it = Usage(input_tokens=272_001, output_tokens=1_000)
    assert charge(a_card(), MODEL, at_the_line) == 272_000 * 2_000 + 1_000 * 10_000
    assert charge(a_card(), MODEL, above_it) == 272_001 * 4_000 + 1_000 * 15_000


def test_cached_tokens_count_towards_the_line() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=200_000, cache_write_5m_tokens=72_000)
    assert charge(a_card(), MODEL, usage) == 1 * 4_000 + 200_000 * 200 + 72_000 * 5_000


def test_markup_is_part_of_the_charge_and_not_of_the_providers_cost() -> None:
    usage = Usage(input_tokens=1_000_000 // 4)
    assert provider_cost(a_card("20"), MODEL, usage) == 500_000_000
    assert charge(a_card("20"), MODEL, usage) == 600_000_000


def test_the_smallest_fraction_of_a_nano_is_charged_as_one_nano() -> None:
    tiny = Rates(*(Decimal("0.000000000001"),) * 5)
    model = PricedModel("tiny", "openai", "Tiny", "chat", 10, 5, "Trying", tiny)
    assert charge(PriceCard((model,), Decimal(0), "a test"), "tiny", Usage(input_tokens=1)) == 1


def test_nothing_used_costs_nothing() -> None:
    assert charge(a_card("20"), MODEL, Usage()) == 0


def test_a_model_without_a_price_is_refused() -> None:
    card = a_card()
    for call in (
        lambda: charge(card, "other", Usage()),
        lambda: quote(card, "other", input_bound=1, max_output=1),
        lambda: affordable_output(card, "other", input_bound=1, available=Nanos(1)),
        lambda: reply_lines(card, "other", Usage()),
    ):
        with pytest.raises(UnknownModel):
            call()


def test_negative_bounds_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="negative"):
        quote(a_card(), MODEL, input_bound=-1, max_output=0)
    with pytest.raises(ValueError, match="negative"):
        quote(a_card(), MODEL, input_bound=0, max_output=0, max_searches=-1)


def test_with_debt_or_nothing_available_no_output_is_affordable() -> None:
    assert affordable_output(a_card(), MODEL, input_bound=100, available=Nanos(0)) == 0
    assert affordable_output(a_card(), MODEL, input_bound=100, available=Nanos(-5)) == 0


def test_the_affordable_output_never_exceeds_what_the_model_can_make() -> None:
    assert affordable_output(a_card(), MODEL, input_bound=100, available=Nanos(10**15)) == 128_000


def test_receipt_lines_name_only_pools_with_tokens_and_sum_to_the_cost() -> None:
    lines = reply_lines(a_card(), MODEL, Usage(input_tokens=1_000, cache_read_tokens=7, output_tokens=20))
    assert lines == (
        ("Input", 1_000, Decimal(2), 1_000_000, Decimal("0.002")),
        ("Input read from cache", 7, Decimal("0.1"), 1_000_000, Decimal("0.0000007")),
        ("Output", 20, Decimal(10), 1_000_000, Decimal("0.0002")),
    )


def test_searches_are_charged_by_the_thousand_beside_the_tokens_and_shown_as_a_line() -> None:
    usage = Usage(output_tokens=20, web_searches=3)
    assert charge(with_searches(a_card("10"), "10"), MODEL, usage) == 11 * (20 * 10_000 + 3 * 10_000_000) // 10
    assert reply_lines(with_searches(a_card(), "10"), MODEL, usage)[1:] == (
        ("Web searches", 3, Decimal(10), 1_000, Decimal("0.03")),
    )


def test_a_search_without_a_price_cannot_be_asked_for_and_costs_the_person_nothing() -> None:
    with pytest.raises(InvalidInput):
        quote(a_card(), MODEL, input_bound=1, max_output=1, max_searches=1)
    with pytest.raises(InvalidInput):
        affordable_output(a_card(), MODEL, input_bound=1, available=Nanos(10**9), max_searches=1)
    assert charge(a_card(), MODEL, Usage(output_tokens=20, web_searches=3)) == 20 * 10_000
    assert len(reply_lines(a_card(), MODEL, Usage(output_tokens=20, web_searches=3))) == 1


def test_a_search_that_is_free_may_be_asked_for() -> None:
    free = with_searches(a_card(), "0")
    assert quote(free, MODEL, input_bound=0, max_output=1, max_searches=9) == 10_000


@given(cards(), usages())
def test_a_charge_is_exact_and_rounded_up_once(card: PriceCard, usage: Usage) -> None:
    assert charge(card, MODEL, usage) == ceil(exact_nanos(card, usage, with_markup=True))
    assert provider_cost(card, MODEL, usage) == ceil(exact_nanos(card, usage, with_markup=False))


@given(cards(), usages())
def test_the_arithmetic_does_not_depend_on_the_callers_decimal_context(card: PriceCard, usage: Usage) -> None:
    with localcontext(Context(prec=3)):
        assert charge(card, MODEL, usage) == ceil(exact_nanos(card, usage, with_markup=True))


@given(
    cards(), usages(), st.sampled_from([*(f"{pool}_tokens" for pool in POOLS), "web_searches"]), st.integers(1, 10**6)
)
def test_more_of_anything_never_costs_less(card: PriceCard, usage: Usage, name: str, more: int) -> None:
    greater = replace(usage, **{name: getattr(usage, name) + more})
    assert 0 <= charge(card, MODEL, usage) <= charge(card, MODEL, greater)


@given(cards(), usages(), st.integers(0, 1_000), st.integers(0, 1_000), st.integers(0, 10))
def test_no_usage_within_the_bounds_costs_more_than_the_quote(
    card: PriceCard, usage: Usage, spare_input: int, spare_output: int, spare_searches: int
) -> None:
    searches = 0 if card.models[0].web_search is None else usage.web_searches + spare_searches
    most = quote(
        card,
        MODEL,
        input_bound=usage.total_input_tokens + spare_input,
        max_output=usage.output_tokens + spare_output,
        max_searches=searches,
    )
    assert charge(card, MODEL, usage) <= most


@given(cards(), tokens, st.integers(-10, 10**13), st.integers(0, 10))
def test_the_affordable_output_is_the_greatest_whose_quote_is_covered(
    card: PriceCard, bound: int, available: int, searches: int
) -> None:
    most = card.models[0].max_output_tokens
    searches = 0 if card.models[0].web_search is None else searches

    def quoted(output: int) -> int:
        return quote(card, MODEL, input_bound=bound, max_output=output, max_searches=searches)

    affordable = affordable_output(card, MODEL, input_bound=bound, available=Nanos(available), max_searches=searches)
    assert 0 <= affordable <= most
    if affordable:
        assert quoted(affordable) <= available
    if affordable < most:
        assert quoted(affordable + 1) > available


@given(cards(), usages())
def test_receipt_lines_always_sum_to_the_exact_cost(card: PriceCard, usage: Usage) -> None:
    total = sum((Fraction(line.cost) for line in reply_lines(card, MODEL, usage)), Fraction(0))
    assert total * 10**9 == exact_nanos(card, usage, with_markup=False)
