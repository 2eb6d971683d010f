"""The operator's page of one person: balances, credit by origin, holds, orders, movements, and what operators did."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, dollar_input, icon, link
from projectloom.components.operator_parts import (
    action_table,
    heading,
    lines,
    more_button,
    operator_frame,
    question,
    section,
)
from projectloom.state.movements import MovementRow
from projectloom.state.operator_person import Fact, OperatorPersonState
from projectloom.state.receipt import ReceiptState


def operator_person_page() -> rx.Component:
    """The whole page."""
    return operator_frame(
        rx.cond(OperatorPersonState.person_id != "", rx.fragment(*_books()), _nobody()),
        page="Person",
        loaded=OperatorPersonState.loaded,
    )


def _nobody() -> rx.Component:
    return section(
        "user-x",
        "There is no such person",
        link("Find somebody", to=routes.OPERATOR, class_name="link"),
    )


def _books() -> tuple[rx.Component, ...]:
    view = OperatorPersonState.view
    return (
        section(
            "user",
            view.name,
            rx.el.p(
                rx.el.code(OperatorPersonState.person_id, class_name="id"), " · since ", view.since, class_name="quiet"
            ),
            rx.el.dl(rx.foreach(view.balances, _balance), class_name="totals"),
            beside=_give_button(),
        ),
        section("coins", "Credit, in the order in which it is spent", _facts(view.lots, "lot", "No credit is left.")),
        section("hourglass", "Held for running replies", _facts(view.holds, "hold", "Nothing is held.")),
        section("shopping-bag", "Orders", _facts(view.orders, "order", "Nothing was bought.")),
        section("scroll-text", "Movements", _movements()),
        section(
            "clipboard-list",
            "What operators did here",
            rx.cond(
                OperatorPersonState.actions,
                action_table(OperatorPersonState.actions, whom=False),
                rx.el.p("Nothing yet.", class_name="quiet"),
            ),
        ),
        rx.cond(OperatorPersonState.dialog == "grant", _give()),
        rx.cond(OperatorPersonState.dialog == "revoke", _take_back()),
    )


def _balance(fact: Fact) -> rx.Component:
    return rx.el.div(
        rx.el.dt(fact.words),
        rx.el.dd(fact.amount, class_name="figure num"),
        key=fact.key,
        custom_attrs=attrs("person-balance"),
    )


def _give_button() -> rx.Component:
    return rx.el.button(
        icon("gift", 14),
        "Give credit",
        type="button",
        class_name="button small",
        on_click=OperatorPersonState.ask("grant", ""),
        custom_attrs=attrs("give-credit"),
    )


def _facts(facts: rx.Var[list[Fact]] | list[Fact], test: str, none: str) -> rx.Component:
    return rx.cond(
        facts,
        rx.el.ul(rx.foreach(facts, lambda fact: _fact(fact, test)), class_name="plain-list facts-list"),
        rx.el.p(none, class_name="quiet"),
    )


def _fact(fact: Fact, test: str) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(fact.words),
            rx.el.span(fact.note, class_name="quiet id"),
            class_name="stacked grow",
        ),
        rx.el.span(fact.amount, class_name="num"),
        rx.cond(
            fact.revocable,
            rx.el.button(
                "Take back",
                type="button",
                class_name="button small",
                on_click=OperatorPersonState.ask("revoke", fact.key),
                custom_attrs=attrs("take-back", rx.Var.create(f"Take back {fact.amount}")),
            ),
        ),
        key=fact.key,
        class_name="row",
        custom_attrs=attrs(f"person-{test}"),
    )


def _movements() -> rx.Component:
    return rx.cond(
        OperatorPersonState.rows,
        rx.fragment(
            lines(
                "Movements, the latest first",
                (
                    heading("Date (UTC)"),
                    heading("Movement"),
                    heading("Amount", "right"),
                    heading("Balance after", "right"),
                ),
                rx.foreach(OperatorPersonState.rows, _movement),
            ),
            rx.cond(OperatorPersonState.more, more_button(OperatorPersonState, "person-more")),
        ),
        rx.el.p("Nothing has moved.", class_name="quiet"),
    )


def _movement(row: MovementRow) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.when, class_name="when", role="cell"),
        rx.el.td(
            rx.el.button(
                row.label,
                type="button",
                class_name="opens",
                title="Show the receipt",
                on_click=ReceiptState.show_somebody_s(OperatorPersonState.person_id, row.key),
                custom_attrs=attrs("person-receipt"),
            ),
            rx.cond(row.detail != "", rx.el.span(row.detail, class_name="quiet detail")),
            class_name="what",
            role="cell",
        ),
        rx.el.td(row.amount, row.pad, class_name=rx.Var.create(f"num right amount-cell {row.direction}"), role="cell"),
        rx.el.td(row.balance, class_name="num right balance-cell", role="cell"),
        key=row.key,
        role="row",
        custom_attrs=attrs("person-movement"),
    )


def _give() -> rx.Component:
    return question(
        "Give credit",
        rx.el.p(
            "To ", rx.el.span(OperatorPersonState.view.name, class_name="strong"), ". They can read the reason as well."
        ),
        rx.el.div(
            _number("Dollars", dollar_input(name="dollars", required=True, custom_attrs=attrs("give-dollars"))),
            _number(
                "Days until it expires",
                rx.el.input(
                    name="days",
                    input_mode="numeric",
                    pattern="[0-9]*",
                    max_length=4,
                    auto_complete="off",
                    placeholder="never",
                    class_name="input num",
                    custom_attrs=attrs("give-days"),
                ),
            ),
            class_name="amounts",
        ),
        rx.el.p("The same reason gives this person nothing more, however often it is pressed.", class_name="quiet"),
        state=OperatorPersonState,
        submit=OperatorPersonState.give,
        does="Give",
        test="give",
    )


def _number(words: str, field: rx.Component) -> rx.Component:
    return rx.el.label(rx.el.span(words), rx.el.span(field, class_name="row dollars"), class_name="field")


def _take_back() -> rx.Component:
    return question(
        "Take credit back",
        rx.el.p(
            "What is left of this grant, ",
            rx.el.span(OperatorPersonState.chosen.amount, class_name="num strong"),
            ", leaves the balance of ",
            rx.el.span(OperatorPersonState.view.name, class_name="strong"),
            ". What a running reply may still spend stays. Nothing that was bought is touched.",
        ),
        state=OperatorPersonState,
        submit=OperatorPersonState.take_back,
        does="Take back",
        test="revoke",
    )
