"""Cards and usages for the properties."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import strategies as st

from projectloom.pricing import PriceCard, PricedModel, Rates, Tier
from projectloom.tokens import Usage

MODEL = "a-model"

rates_usd = st.decimals(min_value=0, max_value=1_000, places=6, allow_nan=False, allow_infinity=False).map(abs)
factors = st.sampled_from([Decimal(1), Decimal("1.5"), Decimal(2), Decimal(5)])
tokens = st.one_of(st.integers(0, 50), st.integers(0, 2_000_000))


@st.composite
def cards(draw: st.DrawFn) -> PriceCard:
    """A card with one chat model, no tier to two, a fee for searches or none, and a markup."""
    rates = Rates(*(draw(rates_usd) for _ in range(5)))
    lines = sorted(draw(st.sets(tokens, max_size=2)))
    tiers: list[Tier] = []
    for line in lines:
        below = tiers[-1].rates if tiers else rates
        tiers.append(Tier(line, Rates(*(rate * draw(factors) for _, rate in below.items()))))
    assert all(one.above_input_tokens < other.above_input_tokens for one, other in pairwise(tiers))
    most, fee = draw(st.integers(1, 200_000)), draw(st.none() | rates_usd)
    model = PricedModel(MODEL, "openai", "A model", "chat", 4_000_000, most, "Trying", rates, tuple(tiers), fee)
    markup = draw(st.decimals(min_value=0, max_value=200, places=3))
    return PriceCard((model,), abs(markup), "a test")


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Any usage, in any distribution over the pools, with searches or without."""
    output = draw(tokens)
    return Usage(
        draw(tokens),
        draw(tokens),
        draw(tokens),
        draw(tokens),
        output,
        reasoning_tokens=draw(st.integers(0, output)),
        web_searches=draw(st.integers(0, 20)),
    )
