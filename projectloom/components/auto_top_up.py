"""Auto top-up, from nothing to on: save a card, choose three amounts, and read in one sentence what will happen."""

from typing import Any

import reflex as rx

from projectloom.components.controls import attrs, icon, kept_dollars, sandbox_badge, skeleton
from projectloom.state.auto_top_up import AutoTopUpState
from projectloom.state.identity import IdentityState
from projectloom.state.preferences import PreferencesState


def auto_top_up() -> rx.Component:
    """The section of the credits page."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(icon("refresh-cw"), "Auto top-up", class_name="section-title"),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            rx.cond(
                AutoTopUpState.loaded,
                rx.el.span(
                    rx.cond(AutoTopUpState.enabled, "On", "Off"),
                    class_name=rx.cond(AutoTopUpState.enabled, "status completed", "status expired"),
                    custom_attrs=attrs("auto-status"),
                ),
            ),
            class_name="row",
        ),
        rx.cond(IdentityState.known & AutoTopUpState.loaded, _inside(), skeleton("70%", "50%")),
        class_name="card roomy",
    )


def _inside() -> rx.Component:
    return rx.el.div(
        rx.cond(
            AutoTopUpState.stopped != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(AutoTopUpState.stopped),
                class_name="note warning",
                custom_attrs=attrs("auto-stopped"),
            ),
        ),
        rx.cond(AutoTopUpState.card == "", _without_card(), _with_card()),
        rx.cond(
            AutoTopUpState.trouble != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(AutoTopUpState.trouble),
                class_name="note error",
                role="alert",
                custom_attrs=attrs("auto-trouble"),
            ),
        ),
        class_name="stack",
    )


def _without_card() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "Buys credit by itself when your balance runs low, never more in a month than you allow, with a mail each "
            "time. You need a saved card; its number stays with Stripe.",
            class_name="quiet",
        ),
        rx.el.div(_card_button("Save a card", "auto-save-card", "button"), class_name="row"),
    )


def _with_card() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            icon("credit-card"),
            rx.el.span(AutoTopUpState.card, class_name="num", custom_attrs=attrs("auto-card")),
            rx.el.span(class_name="grow"),
            _card_button("Replace", "auto-replace-card", "button small"),
            rx.el.button(
                "Remove",
                type="button",
                class_name="button small",
                on_click=AutoTopUpState.remove_card,
                custom_attrs=attrs("auto-remove-card", "Remove the saved card"),
            ),
            class_name="row wrap key-kept",
        ),
        rx.cond(
            AutoTopUpState.enabled,
            rx.el.p(
                AutoTopUpState.summary,
                " ",
                rx.el.span(AutoTopUpState.charged, class_name="quiet"),
                custom_attrs=attrs("auto-summary"),
            ),
        ),
        rx.cond(
            AutoTopUpState.enabled & PreferencesState.loaded & ~PreferencesState.uses_credits,
            rx.el.p("Your own API keys pay at the moment, so nothing is charged.", class_name="quiet"),
        ),
        _amounts(),
    )


def _card_button(words: str, test: str, class_name: str) -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name=class_name,
        disabled=AutoTopUpState.busy,
        on_click=AutoTopUpState.save_card,
        custom_attrs=attrs(test),
    )


def _amounts() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            _amount("threshold", "When less is left than", AutoTopUpState.threshold),
            _amount("amount", "Buy", AutoTopUpState.amount),
            _amount("ceiling", "At most in a month", AutoTopUpState.ceiling),
            class_name="amounts",
        ),
        rx.cond(
            AutoTopUpState.enabled,
            rx.fragment(),
            rx.el.p("If your balance is below that now, it buys within a few minutes.", class_name="quiet"),
        ),
        rx.el.div(
            rx.el.button(
                rx.cond(AutoTopUpState.enabled, "Save changes", "Switch on"),
                type="submit",
                class_name=rx.cond(AutoTopUpState.enabled, "button", "button primary"),
                custom_attrs=attrs("auto-keep"),
            ),
            rx.cond(
                AutoTopUpState.enabled,
                rx.el.button(
                    "Switch off",
                    type="button",
                    class_name="button",
                    on_click=AutoTopUpState.switch_off,
                    custom_attrs=attrs("auto-off"),
                ),
            ),
            class_name="row wrap",
        ),
        on_submit=AutoTopUpState.keep,
        class_name="stack",
    )


def _amount(name: str, words: str, value: Any) -> rx.Component:
    title = "A whole number of dollars"
    return kept_dollars(words, value, name=name, title=title, required=True, custom_attrs=attrs(f"auto-{name}"))
