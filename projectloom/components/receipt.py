"""The receipt of any amount: its date, what stands behind it and the balance after; of a reply its tokens too."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon_button, link, sandbox_badge
from projectloom.components.islands import Dialog
from projectloom.state.receipt import ReceiptFact, ReceiptLine, ReceiptState


def receipt_dialog() -> rx.Component:
    """The open receipt, if any."""
    return rx.cond(ReceiptState.shown, Dialog.create(_receipt(), label="Receipt", on_close=ReceiptState.close))


def _receipt() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h2("Receipt"),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            icon_button("x", "Close the receipt", test="close-receipt", on_click=ReceiptState.close),
            class_name="row",
        ),
        rx.el.p(ReceiptState.about, class_name="quiet", custom_attrs=attrs("receipt-about")),
        rx.cond(ReceiptState.model != "", _tokens(), _sum()),
        rx.el.dl(rx.foreach(ReceiptState.facts, _fact), class_name="facts"),
        rx.el.p(
            ReceiptState.basis,
            " ",
            rx.cond(
                ReceiptState.order_id != "",
                rx.fragment(
                    link(
                        "See this purchase",
                        to=rx.Var.create(routes.purchase("")) + ReceiptState.order_id,
                        class_name="link",
                        on_click=ReceiptState.close,
                        custom_attrs=attrs("receipt-to-purchase"),
                    ),
                    " · ",
                ),
            ),
            link("How we charge", to=routes.PRICING, class_name="link"),
            class_name="quiet",
        ),
        class_name="stack",
        custom_attrs=attrs("receipt"),
    )


def _sum() -> rx.Component:
    return rx.el.p(ReceiptState.total, class_name="figure num", custom_attrs=attrs("receipt-total"))


def _tokens() -> rx.Component:
    return rx.el.div(
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    rx.el.th("Tokens", scope="col"),
                    rx.el.th("Count", scope="col"),
                    rx.el.th("Per million", scope="col"),
                    rx.el.th("Cost", scope="col"),
                )
            ),
            rx.el.tbody(rx.foreach(ReceiptState.lines, _line)),
            rx.el.tfoot(
                rx.el.tr(
                    rx.el.th("Total", scope="row", col_span=3),
                    rx.el.td(ReceiptState.total, class_name="num strong", custom_attrs=attrs("receipt-total")),
                )
            ),
            class_name="receipt-table",
        ),
        class_name="table-scroll",
    )


def _line(line: ReceiptLine) -> rx.Component:
    return rx.el.tr(
        rx.el.th(line.label, scope="row"),
        rx.el.td(line.tokens, class_name="num"),
        rx.el.td(line.rate, class_name="num"),
        rx.el.td(line.cost, class_name="num"),
        custom_attrs=attrs("receipt-line"),
    )


def _fact(fact: ReceiptFact) -> rx.Component:
    return rx.el.div(rx.el.dt(fact.label), rx.el.dd(fact.value, class_name="num"))
