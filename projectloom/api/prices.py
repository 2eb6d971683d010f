"""``GET /api/prices``: the live price card, for everybody."""

from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.db import in_thread
from projectloom.metering.price_diff import plain
from projectloom.metering.price_list import PublishedModel, PublishedRates, read_price_list
from projectloom.money import usd_string

router = APIRouter(prefix="/api")

_NAMES = {
    "input": "input",
    "cache_read": "cachedInput",
    "cache_write_5m": "cacheWrite",
    "cache_write_1h": "cacheWriteHour",
    "output": "output",
}


@router.get("/prices")
async def get_prices() -> JSONResponse:
    """Version, markup and rates: US dollars per million tokens as exact decimal strings, with the markup on them."""
    found = await in_thread(read_price_list)
    body = {
        "version": found.version,
        "since": found.since.isoformat(),
        "markupPercent": plain(found.markup_percent),
        "source": found.source,
        "currency": "USD",
        "models": [_model(published) for published in found.models],
        "versions": [{"version": one.version, "since": one.since.isoformat()} for one in found.versions],
    }
    return JSONResponse(body, headers={"Cache-Control": f"public, max-age={limits.PRICES_KEPT_SECONDS}"})


def _model(published: PublishedModel) -> dict[str, Any]:
    model, usual, fee = published.model, published.rates[0], published.web_search
    return {
        "id": model.id,
        "provider": model.provider,
        "label": model.label,
        "kind": model.kind,
        "goodAt": model.good_at,
        "contextTokens": model.context_tokens,
        "maxOutputTokens": model.max_output_tokens,
        "pageUsd": usd_string(published.page_nanos),
        **_rates(usual),
        "webSearchesPerThousand": None
        if fee is None
        else {"price": plain(fee.charged), "provider": plain(fee.provider)},
        "longContext": [{"aboveInputTokens": line.above_input_tokens, **_rates(line)} for line in published.rates[1:]],
    }


def _rates(line: PublishedRates) -> dict[str, Any]:
    return {"rates": _strings(line.charged), "providerRates": _strings(line.provider)}


def _strings(rates: dict[str, Decimal]) -> dict[str, str]:
    return {_NAMES[pool]: plain(rate) for pool, rate in rates.items()}
