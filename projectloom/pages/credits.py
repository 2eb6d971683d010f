"""Credits: the balance, the packs, and every purchase with its status in words."""

import reflex as rx

from projectloom import routes
from projectloom.components.auto_top_up import auto_top_up
from projectloom.components.balance_card import amount, balance_notes
from projectloom.components.controls import attrs, icon, link, sandbox_badge, skeleton
from projectloom.components.redeem import redeem
from projectloom.components.refund import refund_dialog
from projectloom.components.top_up import NOT_SOLD, custom_amount, no_overdraft_note, pack_buttons
from projectloom.config import settings
from projectloom.state.balance import BalanceState
from projectloom.state.credits import CreditsState, LotRow, PurchaseRow
from projectloom.state.identity import IdentityState
from projectloom.state.preferences import PreferencesState
from projectloom.state.receipt import ReceiptState
from projectloom.template import frame


def credits_page() -> rx.Component:
    """The whole page."""
    return frame(
        rx.el.div(
            rx.cond(IdentityState.known & BalanceState.loaded, _balance(), skeleton("120px")),
            _buy() if settings().sells_credits else _not_sold(),
            auto_top_up() if settings().sells_credits else rx.fragment(),
            redeem(),
            _purchases(),
            class_name="page",
        ),
        refund_dialog(),
        title=rx.fragment("Credits", rx.el.span(" and purchases", class_name="only-wide")),
        current="Credits",
    )


def _balance() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2(icon("wallet"), "Balance", class_name="section-title"), sandbox_badge(), class_name="row between"
        ),
        amount(),
        balance_notes(),
        no_overdraft_note(),
        rx.cond(CreditsState.lots, _lots()),
        rx.el.p(
            rx.el.span(BalanceState.spent, class_name="num"),
            " spent so far. ",
            link(
                "What it was spent on", to=routes.ACTIVITY, class_name="link", custom_attrs=attrs("credits-to-activity")
            ),
            " · ",
            link("See every movement", to=routes.STATEMENT, class_name="link", custom_attrs=attrs("to-statement")),
            " · ",
            link("How we charge", to=routes.PRICING, class_name="link", custom_attrs=attrs("to-pricing")),
            class_name="quiet",
        ),
        rx.cond(
            PreferencesState.loaded & ~PreferencesState.uses_credits,
            rx.el.p(
                "Your own API keys pay for replies at the moment, so this balance rests. ",
                link("Change this in Settings", to=routes.SETTINGS, class_name="link"),
                class_name="inset",
            ),
        ),
        class_name="card roomy",
    )


def _lots() -> rx.Component:
    return rx.el.div(
        rx.el.h3("What it is made of, in the order in which it is spent", class_name="quiet"),
        rx.el.ul(rx.foreach(CreditsState.lots, _lot), class_name="lots"),
        custom_attrs=attrs("lots"),
    )


def _lot(lot: LotRow) -> rx.Component:
    return rx.el.li(
        rx.el.span(
            lot.left,
            rx.cond(lot.whole != "", rx.el.span(" of ", lot.whole, class_name="quiet")),
            class_name="num lot-left",
        ),
        rx.el.span(lot.words, rx.el.span(" on ", lot.when, class_name="quiet")),
        rx.el.span(lot.expires, class_name=rx.cond(lot.soon, "lot-expiry soon", "lot-expiry quiet")),
        key=lot.key,
        custom_attrs=attrs("lot"),
    )


def _buy() -> rx.Component:
    return rx.el.section(
        rx.el.h2("Buy credits", class_name="section-title"),
        rx.el.p("One payment, no subscription. Paid credits do not expire.", class_name="quiet"),
        pack_buttons(),
        custom_amount(),
        class_name="card roomy",
    )


def _not_sold() -> rx.Component:
    return rx.el.section(
        rx.el.p(
            NOT_SOLD.removesuffix("."),
            ": your own API keys pay for replies, and ",
            link("Settings", to=routes.SETTINGS, class_name="link"),
            " is where they are kept.",
        ),
        class_name="card roomy",
        custom_attrs=attrs("not-sold"),
    )


def _purchases() -> rx.Component:
    return rx.el.section(
        rx.el.h2("Purchases", class_name="section-title"),
        rx.cond(
            IdentityState.known & CreditsState.loaded,
            rx.cond(CreditsState.purchases, _table(), _none_yet()),
            skeleton("80%", "70%"),
        ),
        class_name="card roomy",
    )


def _none_yet() -> rx.Component:
    return rx.el.p(
        "No purchases yet. Each one will stand here with its date, what you paid, and what was added.",
        class_name="quiet",
        custom_attrs=attrs("purchases-empty"),
    )


def _table() -> rx.Component:
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                _heading("Date"),
                _heading("Status"),
                _heading("Price", "right"),
                _heading("Credits", "right"),
                _heading(rx.el.span("Refund", class_name="sr-only")),
                role="row",
            ),
            role="rowgroup",
        ),
        rx.el.tbody(rx.foreach(CreditsState.purchases, _purchase), role="rowgroup"),
        class_name="lines purchases",
        role="table",
        custom_attrs={"aria-label": "Purchases"},
    )


def _heading(words: str | rx.Component, class_name: str = "") -> rx.Component:
    return rx.el.th(words, scope="col", role="columnheader", class_name=class_name)


def _purchase(row: PurchaseRow) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.when, class_name="when", role="cell"),
        rx.el.td(
            rx.el.span(row.status_words, class_name=rx.Var.create(f"status {row.status}")),
            rx.cond(row.note != "", rx.el.span(row.note, class_name="quiet status-note")),
            rx.cond((row.receipt != "") | (row.invoice != ""), _papers(row)),
            class_name="what",
            role="cell",
        ),
        rx.el.td(
            row.price,
            rx.cond(row.reckoning != "", rx.el.span(row.reckoning, class_name="quiet reckoning")),
            class_name="num right price",
            role="cell",
        ),
        rx.el.td(
            rx.cond(row.brought, _credited(row), row.credited),
            rx.cond(row.of != "", rx.el.span("of ", row.of, class_name="quiet reckoning")),
            class_name="num right credited",
            role="cell",
        ),
        rx.el.td(
            rx.cond(
                row.refundable,
                _refund_button(row),
                rx.cond(row.keeps != "", rx.el.span(row.keeps, class_name="quiet keeps", custom_attrs=attrs("keeps"))),
            ),
            class_name="right act",
            role="cell",
        ),
        key=row.order_id,
        id=row.order_id,
        role="row",
        class_name=rx.cond(row.order_id == CreditsState.named, "named", ""),
        custom_attrs=attrs("purchase"),
    )


def _credited(row: PurchaseRow) -> rx.Component:
    return rx.el.button(
        row.credited,
        type="button",
        class_name="amount-opens",
        title="Show the receipt",
        on_click=ReceiptState.show_purchase(row.order_id),
        custom_attrs=attrs("purchase-amount", rx.Var.create(f"Credits {row.credited}, show the receipt")),
    )


def _papers(row: PurchaseRow) -> rx.Component:
    return rx.el.span(
        rx.cond(row.receipt != "", _paper("Receipt", row.receipt)),
        rx.cond(row.invoice != "", _paper("Invoice", row.invoice)),
        class_name="papers",
    )


def _paper(words: str, address: str) -> rx.Component:
    return rx.el.a(
        words, href=address, target="_blank", rel="noopener", class_name="link", custom_attrs=attrs(words.lower())
    )


def _refund_button(row: PurchaseRow) -> rx.Component:
    return rx.el.button(
        "Refund",
        type="button",
        class_name="button small plain-button",
        on_click=CreditsState.ask_refund(row.order_id),
        custom_attrs=attrs("refund-button", rx.Var.create(f"Refund the purchase of {row.when}")),
    )
