"""The public page of prices: the live card in words, for whoever comes."""

from dataclasses import dataclass, field
from decimal import Decimal

import reflex as rx

from projectloom.db import in_thread
from projectloom.metering.price_diff import plain
from projectloom.metering.price_list import PriceList, PublishedModel, PublishedRates, read_price_list
from projectloom.state.preferences import PROVIDER_NAMES
from projectloom.state.session import handled, whoever_asks
from projectloom.state.words import calendar_day, day_and_time, page_price

_CENT_PLACES = 2


@dataclass(frozen=True)
class PriceRow:
    """The rates of one model, or of its long prompts (``above`` says from where on)."""

    key: str = ""
    label: str = ""
    good_at: str = ""
    above: str = ""
    input: str = ""
    cached: str = ""
    write: str = ""
    write_hour: str = ""
    output: str = ""
    searches: str = ""
    """A thousand web searches; empty where the model makes none."""
    page: str = ""


@dataclass(frozen=True)
class ProviderPrices:
    """The table of one provider."""

    name: str = ""
    searches: bool = False
    """Whether any of its models searches the web."""
    rows: list[PriceRow] = field(default_factory=list)


@dataclass(frozen=True)
class VersionRow:
    """One version and since when it was in force."""

    name: str = ""
    since: str = ""


class PricingState(rx.State):
    """The live card as the page shows it."""

    loaded: bool = False
    signed_in: bool = False
    version: str = ""
    since: str = ""
    markup: str = ""
    source: str = ""
    providers: list[ProviderPrices] = []
    versions: list[VersionRow] = []

    @handled
    async def load(self):
        """Read the live card, and whether somebody is signed in."""
        self.signed_in = await whoever_asks(self) is not None
        found = await in_thread(read_price_list)
        self.version, self.since, self.source = str(found.version), day_and_time(found.since), found.source
        self.markup = f"{plain(found.markup_percent)} %" if found.markup_percent else ""
        self.providers = _tables(found)
        self.versions = [VersionRow(f"Version {one.version}", calendar_day(one.since)) for one in found.versions]
        self.loaded = True


def _tables(found: PriceList) -> list[ProviderPrices]:
    chats = [published for published in found.models if published.model.kind == "chat"]
    tables = [
        _table(name, [published for published in chats if published.model.provider == provider])
        for provider, name in PROVIDER_NAMES.items()
    ]
    return [table for table in tables if table.rows]


def _table(name: str, models: list[PublishedModel]) -> ProviderPrices:
    rows = [_row(published, line) for published in models for line in published.rates]
    return ProviderPrices(name, any(row.searches for row in rows), rows)


def _row(published: PublishedModel, line: PublishedRates) -> PriceRow:
    model, rates, above = published.model, line.charged, line.above_input_tokens
    write, hour = _dollars(rates["cache_write_5m"]), _dollars(rates["cache_write_1h"])
    return PriceRow(
        key=f"{model.id}:{above or 0}",
        label=model.label,
        good_at="" if above else model.good_at,
        above=f"Prompts above {above:,} tokens" if above else "",
        input=_dollars(rates["input"]),
        cached=_dollars(rates["cache_read"]),
        write=write,
        write_hour="" if hour == write else hour,
        output=_dollars(rates["output"]),
        searches="" if above or published.web_search is None else _dollars(published.web_search.charged),
        page="" if above else page_price(published.page_nanos).removesuffix(" a page"),
    )


def _dollars(rate: Decimal) -> str:
    """The exact rate, with two places at least: ``"$2.00"``, ``"$0.1075"``."""
    whole, _, places = plain(rate).partition(".")
    return f"${int(whole):,}.{places.ljust(_CENT_PLACES, '0')}"
