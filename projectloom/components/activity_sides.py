"""The activity drawn: bars by day with the same figures as a table behind them, and a table for each side."""

import reflex as rx

from projectloom.components.controls import attrs, icon, link
from projectloom.components.islands import Bars
from projectloom.state.activity import ActivityState
from projectloom.state.activity_rows import Bar, Side, SideRow


def chart() -> rx.Component:
    """The bars, what their colours mean, and the table behind them."""
    return rx.el.div(
        Bars.create(
            bars=ActivityState.bars,
            label=rx.cond(ActivityState.by_months, "What each month came to", "What each day came to"),
            top=ActivityState.top,
            half=ActivityState.half,
            resting=rx.cond(
                ActivityState.by_months,
                "A bar is a month. Choose one to see its days.",
                "A bar is a day (UTC). Choose one to see its replies.",
            ),
        ),
        rx.cond(
            ActivityState.own != "",
            rx.el.p(
                rx.el.i(class_name="swatch credit"),
                "From credits",
                rx.el.i(class_name="swatch own"),
                "Paid by your own keys",
                class_name="legend quiet",
                custom_attrs={"aria-hidden": "true"},
            ),
        ),
        rx.el.details(
            rx.el.summary(
                icon("table-2", 14), "The same as a table", class_name="link", custom_attrs=attrs("activity-as-table")
            ),
            rx.el.div(_bar_table(), class_name="table-scroll"),
            class_name="as-table",
        ),
        class_name="stack",
    )


def _bar_table() -> rx.Component:
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                rx.el.th(rx.cond(ActivityState.by_months, "Month", "Day (UTC)"), scope="col"),
                rx.el.th("Replies", scope="col"),
                rx.el.th("From credits", scope="col"),
                rx.cond(ActivityState.own != "", rx.el.th("Your own keys", scope="col")),
            )
        ),
        rx.el.tbody(rx.foreach(ActivityState.bars, _bar_row)),
        class_name="sums",
    )


def _bar_row(bar: Bar) -> rx.Component:
    return rx.el.tr(
        rx.el.th(bar.day, scope="row"),
        rx.el.td(bar.count, class_name="num"),
        rx.el.td(bar.charged, class_name="num"),
        rx.cond(ActivityState.own != "", rx.el.td(bar.own, class_name="num")),
        key=bar.key,
        custom_attrs=attrs("activity-day"),
    )


def sides() -> rx.Component:
    """A table for each side of the range, the dearest line first."""
    return rx.el.div(rx.foreach(ActivityState.sides, _side), class_name="sides")


def _side(side: Side) -> rx.Component:
    return rx.el.section(
        rx.el.h3(side.title, class_name="field-title"),
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    rx.el.th("Name", scope="col"),
                    rx.el.th("From credits", scope="col"),
                    class_name="sr-only",
                )
            ),
            rx.el.tbody(rx.foreach(side.rows, lambda row: _line(row, side.name))),
            class_name="usage-table",
            custom_attrs={"aria-label": side.title},
        ),
        key=side.name,
        class_name="card side",
        custom_attrs=attrs("activity-side", data_side=side.name),
    )


def _line(row: SideRow, side: rx.Var[str] | str) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.cond(
                row.href != "",
                link(
                    row.words,
                    to=row.href,
                    class_name="opens",
                    title=row.words,
                    prevent_scroll_reset=True,
                    custom_attrs=attrs(
                        "activity-choice",
                        data_side=side,
                        data_choice=row.name,
                        aria_current=rx.cond(row.current, "true", "false"),
                    ),
                ),
                rx.el.span(row.words),
            ),
            rx.el.span(row.count, class_name="quiet"),
            scope="row",
        ),
        rx.el.td(
            row.charged,
            rx.cond(row.own != "", rx.el.span("+ ", row.own, " own keys", class_name="quiet")),
            class_name="num",
        ),
        key=row.name,
        class_name=rx.cond(row.current, "named", ""),
    )
