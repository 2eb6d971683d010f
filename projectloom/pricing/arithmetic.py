"""What a call may cost before it is made, and what it did cost after.

Everything here is exact until the one rounding, which is upward and happens in :func:`projectloom.money.ceil_nanos`.
The decimal context used traps inexact results, so a number that would not fit raises instead of losing a fraction of a
cent. The law that binds the functions: for every usage within the bounds that were quoted, charge <= quote.
"""

from collections.abc import Iterator
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import NamedTuple

from projectloom.errors import InvalidInput
from projectloom.money import NANOS_PER_USD, Nanos, ceil_nanos
from projectloom.pricing.card import PriceCard, PricedModel, Rates
from projectloom.tokens import Usage

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
TOKENS_PER_RATE = 1_000_000
SEARCHES_PER_RATE = 1_000

_LABELS = {
    "input": "Input",
    "cache_read": "Input read from cache",
    "cache_write_5m": "Input written to cache",
    "cache_write_1h": "Input written to cache for an hour",
    "output": "Output",
}
_WEB_SEARCHES = "Web searches"


class ReplyLine(NamedTuple):
    """One line of a receipt: what was used, its rate and the exact product, before markup and rounding."""

    label: str
    quantity: int
    """Tokens of a pool, or uses."""
    rate: Decimal
    """USD for so many as ``per`` says."""
    per: int
    """A million tokens, or a thousand uses."""
    cost: Decimal
    """Exact USD."""


def charge(card: PriceCard, model_id: str, usage: Usage) -> Nanos:
    """What the person pays for this usage: all pools and fees at their rates, plus markup, rounded up once.

    A use that the card has no price for adds nothing: no call of ours could ask for it, so it is the house's.

    Raises :class:`projectloom.errors.UnknownModel`.
    """
    with localcontext(_EXACT):
        return ceil_nanos(_cost_usd(card.model(model_id), usage) * _markup_factor(card))


def provider_cost(card: PriceCard, model_id: str, usage: Usage) -> Nanos:
    """What the provider asks for this usage: as :func:`charge`, without markup."""
    with localcontext(_EXACT):
        return ceil_nanos(_cost_usd(card.model(model_id), usage))


def costs(card: PriceCard, model_id: str, usage: Usage) -> tuple[Nanos, Nanos]:
    """The :func:`charge` and the :func:`provider_cost` of the same usage."""
    with localcontext(_EXACT):
        usd = _cost_usd(card.model(model_id), usage)
        return ceil_nanos(usd * _markup_factor(card)), ceil_nanos(usd)


def quote(card: PriceCard, model_id: str, *, input_bound: int, max_output: int, max_searches: int = 0) -> Nanos:
    """The most that a call can be charged when it has at most these tokens and web searches.

    Every input token counts at the dearest input rate, since a cache may put it in any pool, and at the dearer tier
    when the bound crosses its line. ``input_bound`` has to cover what searches find.

    Raises:
        UnknownModel: the card does not have the model.
        InvalidInput: searches are asked for and the card has no price for them. No price, no call.
    """
    _require_counts(input_bound, max_output, max_searches)
    with localcontext(_EXACT):
        model = card.model(model_id)
        usd = _before_output(model, input_bound, max_searches) + _tokens_usd(
            max_output, model.rates_for(input_bound).output
        )
        return ceil_nanos(usd * _markup_factor(card))


def affordable_output(
    card: PriceCard, model_id: str, *, input_bound: int, available: Nanos, max_searches: int = 0
) -> int:
    """The greatest output limit whose :func:`quote` is within ``available``, up to the model's own; 0 if there is none.

    Rounding up to a whole nano never decides: x <= n and ceil(x) <= n are the same for a whole n. Raises what
    :func:`quote` raises.
    """
    _require_counts(input_bound, max_searches)
    with localcontext(_EXACT):
        model = card.model(model_id)
        factor = _markup_factor(card)
        left = Decimal(available) / NANOS_PER_USD - _before_output(model, input_bound, max_searches) * factor
        if left < 0:
            return 0
        per_token = _tokens_usd(1, model.rates_for(input_bound).output) * factor
        if per_token == 0:
            return model.max_output_tokens
        # Compared before dividing, as the quotient of a vast balance and a tiny rate has no bound on its digits.
        if per_token * model.max_output_tokens <= left:
            return model.max_output_tokens
        return int(left // per_token)


def reply_lines(card: PriceCard, model_id: str, usage: Usage) -> tuple[ReplyLine, ...]:
    """The pools that hold tokens and the fees, as lines of a receipt. Their costs sum to the exact provider cost."""
    model = card.model(model_id)
    with localcontext(_EXACT):
        return tuple(_lines(model, usage))


def _lines(model: PricedModel, usage: Usage) -> Iterator[ReplyLine]:
    for pool, tokens, rate in _pools(usage, model.rates_for(usage.total_input_tokens)):
        if tokens:
            yield ReplyLine(_LABELS[pool], tokens, rate, TOKENS_PER_RATE, _tokens_usd(tokens, rate))
    if usage.web_searches and model.web_search is not None:
        fee = _searches_usd(usage.web_searches, model.web_search)
        yield ReplyLine(_WEB_SEARCHES, usage.web_searches, model.web_search, SEARCHES_PER_RATE, fee)


def _cost_usd(model: PricedModel, usage: Usage) -> Decimal:
    rates = model.rates_for(usage.total_input_tokens)
    usd = Decimal(0)
    for _, tokens, rate in _pools(usage, rates):
        if tokens:
            usd += tokens * rate
    usd /= TOKENS_PER_RATE
    if usage.web_searches and model.web_search is not None:
        usd += _searches_usd(usage.web_searches, model.web_search)
    return usd


def _before_output(model: PricedModel, input_bound: int, max_searches: int) -> Decimal:
    """The most that all but the output can cost."""
    prompt = _tokens_usd(input_bound, model.rates_for(input_bound).dearest_input)
    if not max_searches:
        return prompt
    if model.web_search is None:
        raise InvalidInput("That model has no price for web searches here, so it cannot be asked to make them.")
    return prompt + _searches_usd(max_searches, model.web_search)


def _pools(usage: Usage, rates: Rates) -> tuple[tuple[str, int, Decimal], ...]:
    return (
        ("input", usage.input_tokens, rates.input),
        ("cache_read", usage.cache_read_tokens, rates.cache_read),
        ("cache_write_5m", usage.cache_write_5m_tokens, rates.cache_write_5m),
        ("cache_write_1h", usage.cache_write_1h_tokens, rates.cache_write_1h),
        ("output", usage.output_tokens, rates.output),
    )


def _tokens_usd(tokens: int, rate: Decimal) -> Decimal:
    return tokens * rate / TOKENS_PER_RATE


def _searches_usd(searches: int, rate: Decimal) -> Decimal:
    return searches * rate / SEARCHES_PER_RATE


def _markup_factor(card: PriceCard) -> Decimal:
    return 1 + card.markup_percent.scaleb(-2)


def _require_counts(*counts: int) -> None:
    if any(count < 0 for count in counts):
        raise ValueError("a token count is negative")
