"""The operator's page of margins: what came in, what it cost, and whether the books say the same."""

import reflex as rx

from projectloom.components.controls import attrs, days_form, icon, link
from projectloom.components.operator_parts import operator_frame, section
from projectloom.state.operator_margins import MarginRow, MarginSpan, OperatorMarginsState


def operator_margins_page() -> rx.Component:
    """The whole page."""
    whole = OperatorMarginsState.whole
    return operator_frame(
        section(
            "chart-no-axes-column",
            "Margins",
            rx.el.nav(
                rx.foreach(OperatorMarginsState.spans, _span),
                class_name="chips",
                custom_attrs={"aria-label": "Span of time"},
            ),
            rx.cond(OperatorMarginsState.choosing, days_form(OperatorMarginsState, test="margins")),
            rx.el.dl(
                _figure("Charged", whole.charged, "margins-charged", whole.given, "of it paid with given credit"),
                _figure("Providers ask", whole.cost, "margins-cost"),
                _figure("Margin", whole.margin, "margins-margin", OperatorMarginsState.uncollected, "beyond holds"),
                class_name="totals",
            ),
            _agreement(),
        ),
        rx.cond(
            OperatorMarginsState.days,
            rx.fragment(
                section("calendar-days", "By day (UTC)", _table("By day", OperatorMarginsState.days, "margin-day")),
                section("boxes", "By model", _table("By model", OperatorMarginsState.models, "margin-model")),
                section(
                    "table-2",
                    "By day and model",
                    _table("By day and model", OperatorMarginsState.lines, "margin-line"),
                ),
            ),
            rx.el.p(
                "Nobody was charged, and no provider asked for anything in this time. Replies on people's own keys are "
                "between them and their providers.",
                class_name="empty-note",
                custom_attrs=attrs("margins-empty"),
            ),
        ),
        page="Margins",
        loaded=OperatorMarginsState.loaded,
    )


def _span(one: MarginSpan) -> rx.Component:
    return link(
        one.words,
        to=one.href,
        key=one.name,
        class_name="chip",
        custom_attrs=attrs("margins-span", data_choice=one.name, aria_current=rx.cond(one.current, "page", "false")),
    )


def _figure(
    words: str, amount: rx.Var[str] | str, test: str, note: rx.Var[str] | str = "", about: str = ""
) -> rx.Component:
    return rx.el.div(
        rx.el.dt(words),
        rx.el.dd(amount, class_name="figure num", custom_attrs=attrs(test)),
        rx.cond(note != "", rx.el.dd(rx.el.span(note, class_name="num"), " ", about, class_name="quiet")),
    )


def _agreement() -> rx.Component:
    return rx.el.p(
        rx.cond(OperatorMarginsState.agrees, icon("circle-check", 14), icon("circle-x", 14)),
        rx.el.span(
            OperatorMarginsState.range_words,
            ": the books posted ",
            rx.el.span(OperatorMarginsState.earned, class_name="num", custom_attrs=attrs("margins-earned")),
            " to earnings, ",
            rx.cond(
                OperatorMarginsState.agrees,
                "which is what was charged, to the last digit.",
                "which is not what was charged. Prove the books.",
            ),
        ),
        class_name=rx.cond(OperatorMarginsState.agrees, "verdict good", "verdict bad"),
        custom_attrs=attrs("margins-agree"),
    )


_FIGURES = ("Replies", "Charged", "Cost", "Margin")


def _table(label: str, rows: rx.Var[list[MarginRow]] | list[MarginRow], test: str) -> rx.Component:
    """On a phone each line is a small list of its figures; the roles keep it a table for those who hear it."""
    named = (label.removeprefix("By ").capitalize(), *_FIGURES)
    return rx.el.div(
        rx.el.table(
            rx.el.thead(
                rx.el.tr(*[rx.el.th(words, scope="col", role="columnheader") for words in named], role="row"),
                role="rowgroup",
            ),
            rx.el.tbody(rx.foreach(rows, lambda row: _line(row, test)), role="rowgroup"),
            class_name="sums folding",
            role="table",
            custom_attrs={"aria-label": label},
        ),
        class_name="table-scroll",
        tab_index=0,
        role="region",
        custom_attrs={"aria-label": label},
    )


def _line(row: MarginRow, test: str) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.name, scope="row", role="rowheader"),
        *[
            rx.el.td(figure, class_name=class_name, role="cell", custom_attrs={"data-words": words})
            for words, figure, class_name in zip(
                _FIGURES,
                (row.count, row.charged, row.cost, row.margin),
                ("num", "num", "num", rx.cond(row.loss, "num loss", "num")),
                strict=True,
            )
        ],
        key=row.key,
        role="row",
        custom_attrs=attrs(test),
    )
