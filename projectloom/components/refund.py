"""The question before a refund, in plain words: what goes back, and what leaves the balance for it."""

import reflex as rx

from projectloom.components.controls import attrs, icon, sandbox_badge
from projectloom.components.islands import Dialog
from projectloom.state.credits import CreditsState

# Closed by the browser itself, the dialog gives the focus back to the button that opened it, and then says so.
_CLOSE = "document.querySelector('dialog[open]')?.close()"


def refund_dialog() -> rx.Component:
    """The open question, if any."""
    return rx.cond(
        CreditsState.asking, Dialog.create(_question(), label="Refund this purchase", on_close=CreditsState.keep)
    )


def _question() -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.el.h2("Refund this purchase?"), sandbox_badge(), class_name="row"),
        rx.el.p(
            rx.el.span(CreditsState.returning.price, class_name="num strong"),
            " goes back to the card you paid with. The ",
            rx.el.span(CreditsState.returning.credited, class_name="num strong"),
            " of credit is removed from your balance.",
        ),
        rx.el.p("Bought on ", CreditsState.returning.when, ". Banks take a few days to show it.", class_name="quiet"),
        rx.cond(
            CreditsState.trouble != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(CreditsState.trouble),
                class_name="note error",
                role="alert",
                custom_attrs=attrs("refund-trouble"),
            ),
        ),
        rx.el.div(
            rx.el.button(
                "Keep it",
                type="button",
                class_name="button",
                on_click=rx.call_script(_CLOSE),
                custom_attrs=attrs("refund-keep"),
            ),
            rx.cond(CreditsState.returnable, _confirm()),
            class_name="row wrap end",
        ),
        class_name="stack",
        custom_attrs=attrs("refund-dialog"),
    )


def _confirm() -> rx.Component:
    return rx.el.button(
        rx.cond(CreditsState.busy, "Refunding…", rx.fragment("Refund ", CreditsState.returning.price)),
        type="button",
        class_name="button primary",
        disabled=CreditsState.busy,
        on_click=CreditsState.refund,
        custom_attrs=attrs("refund-confirm"),
    )
