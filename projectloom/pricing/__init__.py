"""Prices: a card of models and rates, and the exact arithmetic on it. No database, no clock, no floats."""

from projectloom.pricing.arithmetic import (
    SEARCHES_PER_RATE,
    TOKENS_PER_RATE,
    ReplyLine,
    affordable_output,
    charge,
    costs,
    provider_cost,
    quote,
    reply_lines,
)
from projectloom.pricing.bounds import (
    LIKELY_BYTES_PER_TOKEN,
    LIKELY_FILE_TOKENS,
    LIKELY_IMAGE_TOKENS,
    input_bound,
    likely_picture_tokens,
    likely_tokens,
    request_bound,
)
from projectloom.pricing.card import PriceCard, PricedModel, Rates, Tier, digest, from_json, to_json
from projectloom.pricing.catalogue import card_from_genai_prices, typical_page_cost

__all__ = [
    "LIKELY_BYTES_PER_TOKEN",
    "LIKELY_FILE_TOKENS",
    "LIKELY_IMAGE_TOKENS",
    "SEARCHES_PER_RATE",
    "TOKENS_PER_RATE",
    "PriceCard",
    "PricedModel",
    "Rates",
    "ReplyLine",
    "Tier",
    "affordable_output",
    "card_from_genai_prices",
    "charge",
    "costs",
    "digest",
    "from_json",
    "input_bound",
    "likely_picture_tokens",
    "likely_tokens",
    "provider_cost",
    "quote",
    "reply_lines",
    "request_bound",
    "to_json",
    "typical_page_cost",
]
