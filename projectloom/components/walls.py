"""What stands in the way of a reply, said where the reply would be, with the next step as a button."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, icon_button, link, sandbox_badge
from projectloom.components.top_up import no_overdraft_note, pack_buttons
from projectloom.state.balance import BalanceState
from projectloom.state.chat import ChatState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState, SettingsState


def walls() -> rx.Component:
    """The card that explains a message which could not be sent. The message itself is back in the composer."""
    return rx.fragment(
        rx.match(
            ChatState.wall,
            ("credits", _no_credits()),
            ("key", _no_key()),
            rx.fragment(),
        ),
        rx.cond(ChatState.trouble != "", _other()),
    )


def _no_credits() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h3("Buy credits to send this"),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            _close(),
            class_name="row",
        ),
        rx.el.p(
            "Your balance of ",
            rx.el.span(BalanceState.amount, class_name="num"),
            " does not cover a reply. Your message is kept below and waits until you are back.",
        ),
        pack_buttons(),
        no_overdraft_note(),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-credits"),
    )


def _no_key() -> rx.Component:
    return rx.el.section(
        rx.el.div(rx.el.h3("Add your API key first"), rx.el.span(class_name="grow"), _close(), class_name="row"),
        rx.el.p(
            ModelState.label,
            " answers with your own API key, and none is saved yet. Your message is kept below.",
        ),
        rx.el.div(
            link(
                "Add a key in Settings",
                to=routes.SETTINGS,
                class_name="button primary",
                custom_attrs=attrs("to-add-key"),
            ),
            rx.el.button(
                "Use credits instead",
                type="button",
                class_name="button",
                on_click=[PreferencesState.set_api_key_mode("credits"), ModelState.load, ChatState.dismiss_trouble],
                custom_attrs=attrs("use-credits"),
            ),
            class_name="row wrap",
        ),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-key"),
    )


def _other() -> rx.Component:
    return rx.el.section(
        rx.el.p(icon("circle-alert"), rx.el.span(ChatState.trouble), class_name="row"),
        rx.el.p("Your message is kept below. You have not been charged.", class_name="quiet"),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-trouble"),
    )


def _close() -> rx.Component:
    return icon_button("x", "Close", on_click=ChatState.dismiss_trouble)


def first_step() -> rx.Component:
    """In an empty chat, when nothing could pay for a reply yet: the two ways to begin."""
    return rx.cond(
        PreferencesState.loaded,
        rx.cond(
            PreferencesState.uses_credits,
            rx.cond(BalanceState.loaded & BalanceState.nothing, _first_credits()),
            rx.cond(SettingsState.loaded, rx.cond(SettingsState.has_keys, rx.fragment(), _choose_payer())),
        ),
    )


def _choose_payer() -> rx.Component:
    return rx.el.section(
        rx.el.h3("How do you want to pay for replies?"),
        rx.el.div(
            rx.el.button(
                icon("wallet", 18),
                rx.el.span("Buy credits", class_name="strong"),
                rx.el.span("From $10. Every model, no accounts elsewhere.", class_name="quiet"),
                type="button",
                class_name="option",
                on_click=[PreferencesState.set_api_key_mode("credits"), ModelState.load],
                custom_attrs=attrs("begin-credits"),
            ),
            link(
                icon("key-round", 18),
                rx.el.span("Use your own API keys", class_name="strong"),
                rx.el.span("From Anthropic or OpenAI. They bill you.", class_name="quiet"),
                to=routes.SETTINGS,
                class_name="option",
                custom_attrs=attrs("begin-own"),
            ),
            class_name="options",
        ),
        class_name="card first-step",
        custom_attrs=attrs("first-step"),
    )


def _first_credits() -> rx.Component:
    return rx.el.section(
        rx.el.div(rx.el.h3("Buy credits to begin"), sandbox_badge(), class_name="row"),
        pack_buttons(),
        no_overdraft_note(),
        class_name="card first-step",
        custom_attrs=attrs("first-credits"),
    )
