"""The statement: every movement of credit with the balance after it, each line opening what caused it."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, days_form, icon, link, sandbox_badge, skeleton
from projectloom.components.islands import backend_url
from projectloom.state.identity import IdentityState
from projectloom.state.receipt import ReceiptState
from projectloom.state.statement import Chip, MovementRow, StatementState
from projectloom.template import frame


def statement_page() -> rx.Component:
    """The whole page."""
    return frame(
        rx.el.div(
            rx.el.section(
                rx.el.div(
                    rx.el.h2(icon("scroll-text"), "Statement", class_name="section-title"),
                    sandbox_badge(),
                    rx.el.span(class_name="grow"),
                    rx.el.div(_print(), _csv(), class_name="row wrap not-printed"),
                    class_name="row wrap",
                ),
                rx.el.p(StatementState.heading, class_name="only-printed"),
                _choices("Kinds of movement", "statement-kind", StatementState.parts),
                _choices("Span of time", "statement-span", StatementState.spans),
                rx.cond(
                    StatementState.choosing,
                    days_form(StatementState, test="statement", class_name="row wrap days not-printed"),
                ),
                rx.cond(
                    IdentityState.known & StatementState.loaded,
                    rx.cond(StatementState.rows, _movements(), _nothing()),
                    skeleton("90%", "80%", "85%"),
                ),
                class_name="card roomy",
            ),
            class_name="page",
        ),
        title="Statement",
    )


def _print() -> rx.Component:
    return rx.el.button(
        icon("printer", 14),
        "Print",
        type="button",
        class_name="button small",
        on_click=rx.call_script("window.print()"),
        custom_attrs=attrs("statement-print"),
    )


def _csv() -> rx.Component:
    # Asked of the server itself: the page's own router knows no such address.
    return link(
        icon("download", 14),
        "Download CSV",
        to=backend_url(StatementState.csv_path),
        reload_document=True,
        class_name="button small",
        custom_attrs=attrs("statement-csv"),
    )


def _choices(label: str, test: str, chips: rx.Var[list[Chip]] | list[Chip]) -> rx.Component:
    def chip(one: Chip) -> rx.Component:
        return link(
            one.words,
            to=one.href,
            key=one.name,
            class_name="chip",
            custom_attrs=attrs(
                test,
                data_choice=rx.cond(one.name == "", "all", one.name),
                aria_current=rx.cond(one.current, "page", "false"),
            ),
        )

    return rx.el.nav(rx.foreach(chips, chip), class_name="chips not-printed", custom_attrs={"aria-label": label})


def _nothing() -> rx.Component:
    return rx.el.div(
        rx.cond(
            StatementState.whole,
            rx.fragment(
                rx.el.p("Nothing has moved yet.", class_name="strong"),
                rx.el.p(
                    "Each purchase, reply and refund will stand here as one line: when it was, by how much it moved "
                    "your balance, and what was left after it. A line opens what caused it.",
                    class_name="quiet",
                ),
                link("Buy credits", to=routes.CREDITS, class_name="link"),
            ),
            rx.fragment(
                rx.el.p("Nothing of this kind in this time.", class_name="strong"),
                link("Show all movements", to=routes.STATEMENT, class_name="link"),
            ),
        ),
        class_name="empty-note",
        custom_attrs=attrs("statement-empty"),
    )


def _movements() -> rx.Component:
    return rx.fragment(
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    _heading("Date (UTC)"),
                    _heading("Movement"),
                    _heading("Amount", "right"),
                    _heading("Balance after", "right"),
                    role="row",
                ),
                role="rowgroup",
            ),
            rx.el.tbody(rx.foreach(StatementState.rows, _movement), role="rowgroup"),
            class_name="lines statement",
            role="table",
            custom_attrs={"aria-label": "Movements, the latest first"},
        ),
        rx.cond(StatementState.more, _more()),
    )


def _heading(words: str, class_name: str = "") -> rx.Component:
    return rx.el.th(words, scope="col", role="columnheader", class_name=class_name)


def _movement(row: MovementRow) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.when, class_name="when", role="cell"),
        rx.el.td(
            rx.cond(row.opens == "purchase", _purchase_link(row), _receipt_button(row)),
            rx.cond(row.detail != "", rx.el.span(row.detail, class_name="quiet detail")),
            class_name="what",
            role="cell",
        ),
        rx.el.td(
            rx.cond(row.opens == "purchase", _amount_button(row), row.amount),
            row.pad,
            class_name=rx.Var.create(f"num right amount-cell {row.direction}"),
            role="cell",
        ),
        rx.el.td(row.balance, class_name="num right balance-cell", role="cell"),
        key=row.key,
        role="row",
        custom_attrs=attrs("statement-row", data_opens=row.opens),
    )


def _receipt_button(row: MovementRow) -> rx.Component:
    return rx.el.button(
        row.label,
        type="button",
        class_name="opens",
        title="Show the receipt",
        on_click=ReceiptState.show_movement(row.key),
        custom_attrs=attrs("statement-receipt"),
    )


def _amount_button(row: MovementRow) -> rx.Component:
    """Where the words lead to a purchase, its amount opens the receipt."""
    return rx.el.button(
        row.amount,
        type="button",
        class_name="amount-opens",
        title="Show the receipt",
        on_click=ReceiptState.show_movement(row.key),
        custom_attrs=attrs("statement-amount", rx.Var.create(f"{row.label}, {row.amount}, show the receipt")),
    )


def _purchase_link(row: MovementRow) -> rx.Component:
    return link(
        row.label,
        to=rx.Var.create(routes.purchase("")) + row.order_id,
        class_name="opens",
        title="See this purchase",
        custom_attrs=attrs("statement-purchase"),
    )


def _more() -> rx.Component:
    return rx.el.button(
        rx.cond(StatementState.busy, "Loading…", "Show more"),
        type="button",
        class_name="button wide not-printed",
        on_click=StatementState.show_more,
        disabled=StatementState.busy,
        custom_attrs=attrs("statement-more"),
    )
