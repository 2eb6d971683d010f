"""What a call may cost before it is made, and what it did cost after.

Everything here is exact until the one rounding, which is upward and happens in :func:`projectloom.money.ceil_nanos`.
The decimal context used traps inexact results, so a number that would not fit raises instead of losing a fraction of a
cent. The law that binds the functions: for every usage within the bounds that were quoted, charge <= quote.
"""

from collections.abc import Iterator
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import NamedTuple

from projectloom.money import NANOS_PER_USD, Nanos, ceil_nanos
from projectloom.pricing.card import PriceCard, PricedModel, Rates
from projectloom.tokens import Usage

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_PER_MILLION = -6

_LABELS = {
    "input": "Input",
    "cache_read": "Input read from cache",
    "cache_write_5m": "Input written to cache",
    "cache_write_1h": "Input written to cache for an hour",
    "output": "Output",
}


class ReplyLine(NamedTuple):
    """One line of a receipt: a pool of tokens, its rate and the exact product, before markup and rounding."""

    label: str
    tokens: int
    rate: Decimal
    """USD per million tokens."""
    cost: Decimal
    """Exact USD."""


def charge(card: PriceCard, model_id: str, usage: Usage) -> Nanos:
    """What the person pays for this usage: all pools at their rates, plus markup, rounded up once.

    Raises :class:`projectloom.errors.UnknownModel`.
    """
    with localcontext(_EXACT):
        return ceil_nanos(_cost_usd(card.model(model_id), usage) * _markup_factor(card))


def provider_cost(card: PriceCard, model_id: str, usage: Usage) -> Nanos:
    """What the provider asks for this usage: as :func:`charge`, without markup."""
    with localcontext(_EXACT):
        return ceil_nanos(_cost_usd(card.model(model_id), usage))


def quote(card: PriceCard, model_id: str, *, input_bound: int, max_output: int) -> Nanos:
    """The most that a call can be charged when it has at most these tokens.

    Every input token counts at the dearest input rate, since a cache may put it in any pool, and at the dearer tier
    when the bound crosses its line.
    """
    _require_counts(input_bound, max_output)
    with localcontext(_EXACT):
        rates = card.model(model_id).rates_for(input_bound)
        usd = _usd(input_bound, rates.dearest_input) + _usd(max_output, rates.output)
        return ceil_nanos(usd * _markup_factor(card))


def affordable_output(card: PriceCard, model_id: str, *, input_bound: int, available: Nanos) -> int:
    """The greatest output limit whose :func:`quote` is within ``available``, up to the model's own; 0 if there is none.

    Rounding up to a whole nano never decides: x <= n and ceil(x) <= n are the same for a whole n.
    """
    _require_counts(input_bound)
    with localcontext(_EXACT):
        model = card.model(model_id)
        rates = model.rates_for(input_bound)
        factor = _markup_factor(card)
        left = Decimal(available) / NANOS_PER_USD - _usd(input_bound, rates.dearest_input) * factor
        if left < 0:
            return 0
        per_token = _usd(1, rates.output) * factor
        if per_token == 0:
            return model.max_output_tokens
        # Compared before dividing, as the quotient of a vast balance and a tiny rate has no bound on its digits.
        if per_token * model.max_output_tokens <= left:
            return model.max_output_tokens
        return int(left // per_token)


def reply_lines(card: PriceCard, model_id: str, usage: Usage) -> tuple[ReplyLine, ...]:
    """The pools that hold tokens, as lines of a receipt. Their costs sum to the exact provider cost."""
    model = card.model(model_id)
    with localcontext(_EXACT):
        return tuple(
            ReplyLine(_LABELS[pool], tokens, rate, _usd(tokens, rate))
            for pool, tokens, rate in _pools(usage, model.rates_for(usage.total_input_tokens))
            if tokens
        )


def _cost_usd(model: PricedModel, usage: Usage) -> Decimal:
    rates = model.rates_for(usage.total_input_tokens)
    return sum((_usd(tokens, rate) for _, tokens, rate in _pools(usage, rates)), Decimal(0))


def _pools(usage: Usage, rates: Rates) -> Iterator[tuple[str, int, Decimal]]:
    for pool, rate in rates.items():
        yield pool, getattr(usage, f"{pool}_tokens"), rate


def _usd(tokens: int, rate: Decimal) -> Decimal:
    return (tokens * rate).scaleb(_PER_MILLION)


def _markup_factor(card: PriceCard) -> Decimal:
    return 1 + card.markup_percent.scaleb(-2)


def _require_counts(*counts: int) -> None:
    if any(count < 0 for count in counts):
        raise ValueError("a token count is negative")
