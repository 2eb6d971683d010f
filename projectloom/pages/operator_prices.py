"""The operator's page of prices: the versions, what a proposal would change, and the question before it is applied."""

import reflex as rx

from projectloom.components.controls import attrs, icon, link
from projectloom.components.operator_parts import heading, lines, operator_frame, question, section
from projectloom.state.operator_prices import ChangeLine, OperatorPricesState, PriceLine


def operator_prices_page() -> rx.Component:
    """The whole page."""
    return operator_frame(
        rx.cond(OperatorPricesState.heading != "", _compared()),
        section(
            "file-plus",
            "Propose the installed prices",
            rx.el.p(
                "Nothing is in force by it: the proposal is shown beside the live prices, and you apply it or not.",
                class_name="quiet",
            ),
            rx.el.form(
                rx.el.label(
                    rx.el.span("Markup, %"),
                    rx.el.input(
                        name="markup",
                        input_mode="decimal",
                        max_length=12,
                        auto_complete="off",
                        placeholder="as set",
                        class_name="input num",
                        custom_attrs=attrs("propose-markup"),
                    ),
                    class_name="field grow",
                ),
                rx.el.button("Propose", type="submit", class_name="button", custom_attrs=attrs("propose")),
                on_submit=OperatorPricesState.propose,
                class_name="row search",
            ),
            rx.cond(
                OperatorPricesState.proposals,
                rx.el.ul(rx.foreach(OperatorPricesState.proposals, _proposal), class_name="plain-list facts-list"),
                rx.el.p("Nothing is proposed.", class_name="quiet"),
            ),
        ),
        section(
            "history",
            "Versions",
            rx.el.ul(rx.foreach(OperatorPricesState.versions, _version), class_name="plain-list facts-list"),
        ),
        rx.cond(OperatorPricesState.applying, _apply()),
        page="Prices",
        loaded=OperatorPricesState.loaded,
    )


def _named(one: PriceLine) -> rx.Component:
    return rx.el.div(
        rx.el.span(one.name, class_name="strong"),
        rx.el.span(one.about, class_name="quiet"),
        class_name="stacked grow",
    )


def _proposal(one: PriceLine) -> rx.Component:
    return rx.el.li(
        _named(one),
        link(
            "Compare",
            to=one.href,
            class_name="button small",
            custom_attrs=attrs(
                "compare",
                rx.Var.create(f"Compare {one.name}"),
                aria_current=rx.cond(one.current, "page", "false"),
            ),
        ),
        key=one.key,
        class_name="row",
        custom_attrs=attrs("proposal"),
    )


def _version(one: PriceLine) -> rx.Component:
    return rx.el.li(
        _named(one),
        rx.cond(one.live, rx.el.span(icon("circle-check", 14), "Live", class_name="verdict good")),
        key=one.key,
        class_name="row",
        custom_attrs=attrs("version"),
    )


def _compared() -> rx.Component:
    return section(
        "git-compare",
        OperatorPricesState.heading,
        rx.el.p(
            OperatorPricesState.note,
            " Prices are the providers', in dollars for a million tokens or a thousand uses.",
            class_name="quiet",
            custom_attrs=attrs("compared"),
        ),
        rx.cond(
            OperatorPricesState.changes,
            lines(
                "What the proposal changes",
                (heading("Change"), heading("Price"), heading("Live", "right"), heading("Proposed", "right")),
                rx.foreach(OperatorPricesState.changes, _change),
            ),
            rx.el.p("No difference.", class_name="quiet"),
        ),
        beside=rx.cond(
            OperatorPricesState.changes,
            rx.el.button(
                "Apply",
                type="button",
                class_name="button small primary",
                on_click=OperatorPricesState.ask,
                custom_attrs=attrs("apply-prices"),
            ),
        ),
    )


def _change(line: ChangeLine) -> rx.Component:
    return rx.el.tr(
        rx.el.td(line.words, class_name=rx.Var.create(f"when change-{line.kind}"), role="cell"),
        rx.el.td(
            rx.el.span(line.model), rx.el.span(line.what, class_name="quiet detail"), class_name="what", role="cell"
        ),
        rx.el.td(line.old, class_name="num right balance-cell", role="cell"),
        rx.el.td(
            line.new,
            rx.cond(line.percent != "", rx.el.span(line.percent, class_name="quiet detail")),
            class_name="num right amount-cell",
            role="cell",
        ),
        key=line.key,
        role="row",
        custom_attrs=attrs("price-change"),
    )


def _apply() -> rx.Component:
    return question(
        "Apply these prices",
        rx.el.p("Every reply that begins from then on is charged by them. What was charged, or runs, keeps its own."),
        rx.el.label(
            rx.el.span("In force from (UTC)"),
            rx.el.input(type="datetime-local", name="at", class_name="input", custom_attrs=attrs("apply-at")),
            rx.el.small("At once where it is empty."),
            class_name="field",
        ),
        rx.el.label(
            rx.el.input(type="checkbox", name="force", custom_attrs=attrs("apply-force")),
            rx.el.span("Also if a newer version was made since it was proposed"),
            class_name="row",
        ),
        state=OperatorPricesState,
        submit=OperatorPricesState.apply,
        does="Apply",
        test="apply",
    )
