"""How we charge: the live price card for everybody, and how a reply is charged, in plain sentences."""

import reflex as rx

from projectloom.billing.packs import PACKS, Pack
from projectloom.components.controls import attrs, icon, skeleton
from projectloom.config import settings
from projectloom.state.pricing import PriceRow, PricingState, ProviderPrices, VersionRow
from projectloom.template import public_frame

_SENTENCES = (
    "Before a reply begins, the most that it can cost stands beside Send and is set aside from your balance.",
    "When it ends you pay exactly for what was used, at the prices in force when you sent it; the rest is free again.",
    "A reply never costs more than what was set aside for it: if it would, we pay the difference.",
    "If you stop a reply, you pay for what was read and written until then.",
    "A reply that fails before its first word costs you nothing, and so do the titles of your conversations.",
)
_COLUMNS = (
    ("Input", "input"),
    ("Cached input", "cached"),
    ("Cache write", "write"),
    ("Output", "output"),
    ("A typical page", "page"),
)


def pricing_page() -> rx.Component:
    """The whole page."""
    return public_frame(
        rx.el.div(
            _live(),
            rx.cond(
                PricingState.loaded,
                rx.fragment(rx.foreach(PricingState.providers, _provider), key="tables"),
                skeleton("60%", "90%", "80%"),
            ),
            _rules(),
            _packs() if settings().sells_credits else rx.fragment(),
            _versions(),
            class_name="page wide",
        ),
        title="How we charge",
        signed_in=PricingState.signed_in,
    )


def _live() -> rx.Component:
    return rx.el.section(
        rx.el.p(
            "Replies on credits are charged by what they use, in US dollars per million tokens. "
            "A token is about three quarters of a word.",
        ),
        rx.cond(
            PricingState.loaded,
            rx.el.p(
                rx.cond(
                    PricingState.markup != "",
                    rx.el.span("Every price here is the provider's price + ", PricingState.markup, "."),
                    rx.el.span("Every price here is the provider's own; nothing is added."),
                ),
                " Version ",
                PricingState.version,
                " of the price list, in force since ",
                rx.el.span(PricingState.since, class_name="num"),
                ", from ",
                PricingState.source,
                ".",
                custom_attrs=attrs("price-version"),
            ),
            skeleton("80%"),
        ),
        class_name="stack tight lead",
    )


def _provider(table: ProviderPrices) -> rx.Component:
    return rx.el.section(
        rx.el.h2(table.name, class_name="section-title"),
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    _heading("Model"),
                    *[_heading(words, "right") for words, _ in _COLUMNS],
                    rx.cond(table.searches, _heading("1,000 searches", "right")),
                    role="row",
                ),
                role="rowgroup",
            ),
            rx.el.tbody(rx.foreach(table.rows, lambda row: _row(row, table)), role="rowgroup"),
            class_name="prices",
            role="table",
            custom_attrs={"aria-label": rx.Var.create(f"Prices of {table.name} models")},
        ),
        key=table.name,
        class_name="card roomy",
        custom_attrs=attrs("price-table"),
    )


def _heading(words: str, class_name: str = "") -> rx.Component:
    return rx.el.th(words, scope="col", role="columnheader", class_name=class_name)


def _row(row: PriceRow, table: ProviderPrices) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.cond(row.above == "", rx.el.span(row.label, class_name="strong")),
            rx.el.span(row.good_at, row.above, class_name="quiet"),
            scope="row",
            role="rowheader",
            custom_attrs={"aria-label": rx.Var.create(f"{row.label} {row.above}")},
        ),
        *[_cell(words, getattr(row, name), row.write_hour if name == "write" else None) for words, name in _COLUMNS],
        rx.cond(table.searches, _cell("1,000 searches", row.searches)),
        key=row.key,
        role="row",
        class_name=rx.cond(row.above == "", "", "long-prompts"),
        custom_attrs=attrs("price-row", data_model=row.key),
    )


def _cell(words: str, amount: rx.Var[str] | str, for_an_hour: rx.Var[str] | str | None = None) -> rx.Component:
    note = (
        rx.fragment()
        if for_an_hour is None
        else rx.cond(for_an_hour != "", rx.el.span("for an hour ", for_an_hour, class_name="quiet"))
    )
    return rx.el.td(rx.el.span(amount), note, role="cell", class_name="num right", custom_attrs={"data-label": words})


def _rules() -> rx.Component:
    return rx.el.section(
        rx.el.h2(icon("scale"), "How a reply is charged", class_name="section-title"),
        rx.el.ol(*[rx.el.li(words) for words in _SENTENCES], class_name="sentences"),
        rx.el.p(
            "A typical page is a question with context (1,000 tokens) and an answer of about 500 words (700 tokens). "
            "Cached input is text that the provider remembers from just before; a cache write is what it costs to have "
            "it remembered.",
            class_name="quiet",
        ),
        rx.el.p(
            "With your own API keys you pay Anthropic or OpenAI directly, at their prices, and we charge nothing.",
            class_name="inset",
            custom_attrs=attrs("own-keys"),
        ),
        class_name="card roomy",
    )


def _packs() -> rx.Component:
    return rx.el.section(
        rx.el.h2(icon("wallet"), "Credits", class_name="section-title"),
        rx.el.ul(*[_pack(pack) for pack in PACKS], class_name="pack-prices"),
        rx.el.p(
            f"Or any whole amount from ${settings().min_purchase_usd} to ${settings().max_purchase_usd}, with the same "
            "percentage on top as the pack below it. Paid credits do not expire.",
            class_name="quiet",
        ),
        class_name="card roomy",
    )


def _pack(pack: Pack) -> rx.Component:
    gift = f"{pack.bonus_words.split(' + ')[1]} included" if pack.bonus_cents else "no bonus"
    return rx.el.li(
        rx.el.span(f"Pay ${pack.amount_usd}", class_name="strong"),
        rx.el.span(f"get ${pack.credit_text} of credit"),
        rx.el.span(gift, class_name="quiet"),
    )


def _versions() -> rx.Component:
    return rx.el.section(
        rx.el.h2(icon("history"), "Versions of the price list", class_name="section-title"),
        rx.el.p(
            "Prices never change for what was charged already: each reply keeps the version it began with.",
            class_name="quiet",
        ),
        rx.cond(
            PricingState.loaded,
            rx.el.ul(rx.foreach(PricingState.versions, _version), class_name="plain-list versions"),
            skeleton("40%"),
        ),
        class_name="card roomy",
    )


def _version(row: VersionRow) -> rx.Component:
    return rx.el.li(row.name, rx.el.span(" since ", row.since, class_name="quiet"), key=row.name)
