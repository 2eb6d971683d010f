"""The replies behind the activity, a page at a time. Each amount opens its receipt, each title its conversation."""

import reflex as rx

from projectloom.components.controls import attrs, icon, link
from projectloom.state.activity import ActivityState
from projectloom.state.activity_rows import RecordRow
from projectloom.state.receipt import ReceiptState


def records() -> rx.Component:
    """The list."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Replies", class_name="section-title"),
            rx.el.span(ActivityState.count, class_name="quiet"),
            class_name="row between",
        ),
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    _heading("Date (UTC)"),
                    _heading("Reply"),
                    _heading("Tokens", "right"),
                    _heading("Cost", "right"),
                    role="row",
                ),
                role="rowgroup",
            ),
            rx.el.tbody(rx.foreach(ActivityState.rows, _record), role="rowgroup"),
            class_name="lines records",
            role="table",
            custom_attrs={"aria-label": "Replies, the latest first"},
        ),
        rx.cond(ActivityState.more, _more()),
        class_name="card roomy",
    )


def _heading(words: str, class_name: str = "") -> rx.Component:
    return rx.el.th(words, scope="col", role="columnheader", class_name=class_name)


def _record(row: RecordRow) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.when, class_name="when", role="cell"),
        rx.el.td(
            rx.el.span(row.model),
            rx.el.span(
                row.source,
                rx.cond(
                    row.conversation != "",
                    rx.fragment(" · ", link(row.conversation, to=row.chat, class_name="link", title=row.conversation)),
                ),
                rx.cond(row.access_key != "", rx.fragment(" · ", icon("key-round", 12), " ", row.access_key)),
                class_name="quiet detail",
            ),
            class_name="what",
            role="cell",
        ),
        rx.el.td(row.tokens, class_name="num right balance-cell", role="cell"),
        rx.el.td(
            rx.el.button(
                row.amount,
                type="button",
                class_name="opens num",
                title="Show the receipt",
                on_click=ReceiptState.show(row.turn_id),
                custom_attrs=attrs("activity-receipt", rx.Var.create(f"Cost {row.amount}, show the receipt")),
            ),
            row.pad,
            rx.cond(row.own, rx.el.span("by your own key", class_name="quiet detail")),
            class_name="num right amount-cell",
            role="cell",
        ),
        key=row.key,
        role="row",
        custom_attrs=attrs("activity-record"),
    )


def _more() -> rx.Component:
    return rx.el.button(
        rx.cond(ActivityState.busy, "Loading…", "Show more"),
        type="button",
        class_name="button wide",
        on_click=ActivityState.show_more,
        disabled=ActivityState.busy,
        custom_attrs=attrs("activity-more"),
    )
