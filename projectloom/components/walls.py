"""What stands in the way of a reply, said where the reply would be, with the next step as a button."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, icon_button, link, sandbox_badge
from projectloom.components.top_up import NOT_SOLD, no_overdraft_note, pack_buttons
from projectloom.config import settings
from projectloom.state.balance import BalanceState
from projectloom.state.chat import ChatState
from projectloom.state.checkout import PurchaseReturnState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState, SettingsState


def walls() -> rx.Component:
    """The card that explains a message which could not be sent. The message itself is back in the composer."""
    return rx.fragment(
        rx.match(
            ChatState.wall,
            (
                "credits",
                rx.cond((PurchaseReturnState.tone != "completed") | BalanceState.nothing, _no_credits()),
            ),
            ("key", rx.cond(ModelState.advice != "", _no_key())),
            rx.fragment(),
        ),
        rx.cond(ChatState.trouble != "", _other()),
    )


def _no_credits() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h3("Buy credits to send this" if settings().sells_credits else "Your credits are used up"),
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
        *_ways_to_go_on(),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-credits"),
    )


def _no_key() -> rx.Component:
    return rx.el.section(
        rx.el.div(rx.el.h3("Add your API key first"), rx.el.span(class_name="grow"), _close(), class_name="row"),
        rx.el.p(ModelState.advice, " Your message is kept below."),
        rx.el.div(
            link(
                "Add a key in Settings",
                to=routes.SETTINGS,
                class_name="button primary",
                custom_attrs=attrs("to-add-key"),
            ),
            *([_use_credits()] if settings().sells_credits else []),
            class_name="row wrap",
        ),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-key"),
    )


def _use_credits() -> rx.Component:
    return rx.el.button(
        "Use credits instead",
        type="button",
        class_name="button",
        on_click=[PreferencesState.set_api_key_mode("credits"), ModelState.load, ChatState.dismiss_trouble],
        custom_attrs=attrs("use-credits"),
    )


def _ways_to_go_on() -> list[rx.Component]:
    """What somebody without credits can do: buy some, or on a server that sells none pay with keys of their own."""
    if settings().sells_credits:
        return [pack_buttons(), no_overdraft_note()]
    to_settings = link(
        "Use your own API keys", to=routes.SETTINGS, class_name="button primary", custom_attrs=attrs("to-own-keys")
    )
    return [rx.el.p(NOT_SOLD, class_name="quiet"), rx.el.div(to_settings, class_name="row wrap")]


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
        rx.el.h3(
            "How do you want to pay for replies?" if settings().sells_credits else "Replies are paid with your own keys"
        ),
        rx.el.div(
            *([_begin_with_credits()] if settings().sells_credits else []),
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


def _begin_with_credits() -> rx.Component:
    return rx.el.button(
        icon("wallet", 18),
        rx.el.span("Buy credits", class_name="strong"),
        rx.el.span("From $10. Every model, no accounts elsewhere.", class_name="quiet"),
        type="button",
        class_name="option",
        on_click=[PreferencesState.set_api_key_mode("credits"), ModelState.load],
        custom_attrs=attrs("begin-credits"),
    )


def _first_credits() -> rx.Component:
    title = "Buy credits to begin" if settings().sells_credits else "You have no credits"
    return rx.el.section(
        rx.el.div(rx.el.h3(title), sandbox_badge(), class_name="row"),
        *_ways_to_go_on(),
        class_name="card first-step",
        custom_attrs=attrs("first-credits"),
    )
