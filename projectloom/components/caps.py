"""Caps: the fields in the settings, and the bars in the usage panel."""

from typing import Any

import reflex as rx

from projectloom.components.controls import attrs, icon, kept_dollars, skeleton
from projectloom.state.caps import CapRow, CapsState
from projectloom.state.identity import IdentityState


def cap_fields() -> rx.Component:
    """The section of the settings page."""
    return rx.el.section(
        rx.el.h2(icon("gauge"), "Spending caps", class_name="section-title"),
        rx.el.p(
            "The most that replies may take from your credits. A reply that could go over a cap is shortened, or not "
            "begun. You get a mail at 50, 80 and 100 %. Leave a field empty for no cap.",
            class_name="quiet",
        ),
        rx.cond(IdentityState.known & CapsState.loaded, _form(), skeleton("60%", "40%")),
        class_name="card roomy",
    )


def cap_bars() -> rx.Component:
    """How far the day's and the month's caps are used; nothing where none is set."""
    return rx.cond(
        CapsState.loaded & (CapsState.rows.length() > 0),  # pyright: ignore[reportAttributeAccessIssue]
        rx.el.div(
            rx.el.h3("Your caps", class_name="field-title"),
            rx.foreach(CapsState.rows, _bar),
            class_name="stack tight",
            custom_attrs=attrs("cap-bars"),
        ),
    )


def _bar(row: CapRow) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span(row.name), rx.el.span(row.used, class_name="num quiet"), class_name="row between cap-words"
        ),
        rx.el.div(
            rx.el.div(
                class_name=rx.Var.create(f"cap-fill {row.tone}"),
                style={"width": rx.Var.create(f"{row.percent}%")},
            ),
            class_name="cap-track",
            role="progressbar",
            custom_attrs=attrs(label=row.name, aria_valuenow=row.percent, aria_valuemin="0", aria_valuemax="100"),
        ),
        class_name="cap-bar",
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            _field("day", "In a day", CapsState.day),
            _field("month", "In a month", CapsState.month),
            _field("conversation", "In each conversation", CapsState.conversation),
            class_name="amounts",
        ),
        rx.cond(
            CapsState.trouble != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(CapsState.trouble),
                class_name="note error",
                role="alert",
                custom_attrs=attrs("caps-trouble"),
            ),
        ),
        rx.el.div(
            rx.el.button("Save caps", type="submit", class_name="button", custom_attrs=attrs("caps-keep")),
            rx.el.span("Days and months are UTC's.", class_name="quiet"),
            class_name="row wrap",
        ),
        on_submit=CapsState.keep,
        class_name="stack",
    )


def _field(name: str, words: str, value: Any) -> rx.Component:
    return kept_dollars(
        words,
        value,
        name=name,
        title="A whole number of dollars, or nothing",
        placeholder="no cap",
        custom_attrs=attrs(f"cap-{name}"),
    )
