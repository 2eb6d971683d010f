"""The operator's page of what waits, each with one press that tries it again."""

import reflex as rx

from projectloom.components.controls import attrs, icon, link
from projectloom.components.operator_parts import operator_frame, section
from projectloom.state.operator_troubles import OperatorTroublesState, TroubleKind, TroubleRow


def operator_troubles_page() -> rx.Component:
    """The whole page."""
    return operator_frame(
        rx.el.div(
            rx.cond(
                OperatorTroublesState.said != "",
                rx.el.p(
                    icon("info", 14),
                    rx.el.span(OperatorTroublesState.said),
                    class_name="note",
                    custom_attrs=attrs("retry-said"),
                ),
            ),
            role="status",
            class_name=rx.cond(OperatorTroublesState.said != "", "", "sr-only"),
        ),
        rx.cond(OperatorTroublesState.count == 0, _nothing()),
        rx.foreach(OperatorTroublesState.kinds, _kind),
        page="Waiting",
        loaded=OperatorTroublesState.loaded,
    )


def _nothing() -> rx.Component:
    return section(
        "circle-check",
        "Nothing waits for you",
        rx.el.p(
            "Orders set aside, refunds that Stripe has not made, replies without a process and events that failed "
            "would stand here, each with a button that tries it again.",
            class_name="quiet",
            custom_attrs=attrs("troubles-empty"),
        ),
    )


def _kind(kind: TroubleKind) -> rx.Component:
    return rx.el.section(
        rx.el.h2(icon("circle-alert"), kind.title, class_name="section-title"),
        rx.el.p(kind.about, class_name="quiet"),
        rx.el.ul(rx.foreach(kind.rows, lambda row: _row(row, kind.key)), class_name="plain-list facts-list"),
        key=kind.key,
        class_name="card roomy",
        custom_attrs=attrs("trouble-kind", data_kind=kind.key),
    )


def _row(row: TroubleRow, kind: rx.Var[str] | str) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(
                row.what,
                rx.cond(row.person != "", rx.fragment(" · ", link(row.person, to=row.href, class_name="link"))),
            ),
            rx.el.span(row.why, class_name="quiet"),
            rx.el.span(rx.el.code(row.key), " · since ", row.since, class_name="quiet id"),
            class_name="stacked grow",
        ),
        rx.cond(row.amount != "", rx.el.span(row.amount, class_name="num")),
        rx.el.button(
            rx.cond(OperatorTroublesState.busy == row.key, "Trying…", "Try again"),
            type="button",
            class_name="button small",
            disabled=OperatorTroublesState.busy != "",
            on_click=OperatorTroublesState.retry(kind, row.key),
            custom_attrs=attrs("retry", rx.Var.create(f"Try {row.key} again")),
        ),
        key=row.key,
        class_name="row",
        custom_attrs=attrs("trouble"),
    )
