"""The right side: the balance card, and usage by provider, model and source in four ranges."""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.components.balance_card import balance_card
from projectloom.components.caps import cap_bars
from projectloom.components.controls import attrs, icon, icon_button, link, skeleton
from projectloom.components.islands import Radio
from projectloom.state.identity import IdentityState
from projectloom.state.preferences import PreferencesState
from projectloom.state.usage import PERIODS, UsageRow, UsageState


def usage_panel() -> rx.Component:
    """The whole right side. Below 1080 px it is a sheet."""
    return rx.el.aside(
        rx.el.div(
            rx.el.h2("Usage"),
            icon_button("x", "Close the usage panel", test="close-usage", more={"data-toggle": "usage"}),
            class_name="row between panel-head",
        ),
        rx.cond(
            IdentityState.known & PreferencesState.loaded,
            rx.el.div(
                balance_card(),
                rx.cond(PreferencesState.uses_credits, cap_bars()),
                rx.cond(~PreferencesState.uses_credits, _own_keys_note()),
                _ranges(),
                rx.cond(
                    UsageState.loaded,
                    rx.cond(UsageState.empty, _nothing_yet(), _summary()),
                    skeleton("60%", "90%", "80%"),
                ),
                class_name="stack wide-gap",
            ),
            skeleton("60%", "90%", "80%"),
        ),
        class_name="panel",
        custom_attrs={"data-part": "usage", "data-testid": "usage-panel", "aria-label": "Usage"},
    )


def _own_keys_note() -> rx.Component:
    return rx.el.div(
        rx.el.p(icon("key-round"), rx.el.span("Your own API keys pay for replies. Nothing is taken from credits.")),
        link("Change this in Settings", to=routes.SETTINGS, class_name="link", custom_attrs={"data-closes-sheet": ""}),
        class_name="card own-note",
        custom_attrs=attrs("own-keys-note"),
    )


def _ranges() -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend("Range", class_name="sr-only"),
        *[
            rx.el.label(
                Radio.create(
                    name="period",
                    value=value,
                    checked=UsageState.period == value,
                    on_choose=UsageState.choose(value),
                    custom_attrs=attrs(f"period-{value}"),
                ),
                rx.el.span(words),
            )
            for value, words in PERIODS
        ],
        class_name="segments",
    )


def _nothing_yet() -> rx.Component:
    return rx.el.div(
        rx.el.p("Nothing used in this range.", class_name="strong"),
        rx.el.p(
            "Each reply adds a line here: who made it, which model, and what it cost. Ask something small to see one.",
            class_name="quiet",
        ),
        link(
            "See other days",
            to=routes.activity("all_time"),
            class_name="link panel-link",
            custom_attrs=attrs("panel-to-activity", data_closes_sheet=""),
        ),
        class_name="empty-note",
        custom_attrs=attrs("usage-empty"),
    )


def _summary() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.p(
                rx.el.span(UsageState.total, class_name="figure num", custom_attrs=attrs("usage-total")),
                rx.el.span(" from credits, ", UsageState.count, class_name="quiet"),
            ),
            rx.cond(
                UsageState.own_key_cost != "",
                rx.el.p(
                    rx.el.span(UsageState.own_key_cost, class_name="num", custom_attrs=attrs("usage-own-key")),
                    " more was billed by providers to your own keys.",
                    class_name="quiet",
                ),
            ),
            class_name="stack tight",
        ),
        link(
            "See every reply by day, model and conversation",
            to=routes.ACTIVITY,
            class_name="link panel-link",
            custom_attrs=attrs("panel-to-activity", data_closes_sheet=""),
        ),
        _table("By provider", "provider", UsageState.by_provider),
        _table("By model", "model", UsageState.by_model),
        _table("By source", "source", UsageState.by_source),
        class_name="stack wide-gap",
    )


def _table(heading: str, kind: str, rows: Any) -> rx.Component:
    return rx.el.table(
        rx.el.caption(heading),
        rx.el.thead(
            rx.el.tr(
                rx.el.th(heading.removeprefix("By ").capitalize(), scope="col"),
                rx.el.th("Cost", scope="col"),
                class_name="sr-only",
            )
        ),
        rx.el.tbody(rx.foreach(rows, lambda row: _line(row, kind))),
        class_name="usage-table",
    )


_CLOSES = {"data-closes-sheet": ""}


def _line(row: UsageRow, kind: str) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.cond(row.href != "", link(row.name, to=row.href, class_name="opens", custom_attrs=_CLOSES), row.name),
            rx.el.span(row.count, class_name="quiet", title=row.tokens),
            scope="row",
        ),
        rx.el.td(
            row.cost,
            rx.cond(row.own != "", rx.el.span("+ ", row.own, class_name="quiet", title="Billed to your own keys")),
            class_name="num",
        ),
        key=row.name,
        custom_attrs=attrs(f"usage-{kind}"),
    )
