"""What stands in the way of a reply, said where the reply would be, with the next step as a button."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, icon_button, link, sandbox_badge
from projectloom.components.who_pays import buy_here, choose_payer, key_form, ways_to_go_on
from projectloom.config import settings
from projectloom.state.balance import BalanceState
from projectloom.state.chat import ChatState
from projectloom.state.checkout import PurchaseReturnState
from projectloom.state.guide import GuideState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState, SettingsState


def walls() -> rx.Component:
    """The card that explains a message which could not be sent. The message itself is back in the composer."""
    return rx.fragment(
        rx.match(
            ChatState.wall,
            ("credits", "key", _unpaid()),
            ("packs", _packs()),
            ("key_failed", _key_failed()),
            rx.fragment(),
        ),
        rx.cond(ChatState.trouble != "", _other()),
    )


def _unpaid() -> rx.Component:
    """Nobody pays yet. Who does is chosen here, so that the message goes with one press once somebody can."""
    refused = (ChatState.wall == "credits") & (PurchaseReturnState.tone != "completed")
    return rx.cond(
        PreferencesState.uses_credits,
        rx.cond(refused | BalanceState.nothing, _no_credits(), _ready()),
        rx.cond(
            SettingsState.has_keys | GuideState.own,
            rx.cond(SettingsState.has_keys & (ModelState.advice == ""), _ready(), _no_key()),
            _nobody(),
        ),
    )


def _ready() -> rx.Component:
    return rx.cond(
        ChatState.returned.text != "",
        rx.el.p(
            icon("circle-check", 14),
            "All set. Your message goes when you press Send.",
            class_name="note ready",
            role="status",
            custom_attrs=attrs("payer-ready"),
        ),
    )


def _nobody() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h3("Who pays for your replies?"),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            _close(),
            class_name="row",
        ),
        rx.el.p(
            "Choose once; you can change it at any time in Settings.",
            _where_kept(" Your message is kept below."),
        ),
        choose_payer(),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-payer"),
    )


def _where_kept(words: str) -> rx.Var[str]:
    """Where what was written is, if something was: a reply that was asked for again has nothing to keep."""
    return rx.cond(ChatState.returned.text != "", words, "")


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
            " does not cover a reply.",
            _where_kept(" Your message is kept below and waits until you are back."),
        ),
        buy_here(),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-credits"),
    )


def _packs() -> rx.Component:
    """Asked for before anything was sent."""
    return rx.el.section(
        rx.el.div(rx.el.h3("Buy credits"), sandbox_badge(), rx.el.span(class_name="grow"), _close(), class_name="row"),
        rx.el.p(
            "Your balance is ",
            rx.el.span(BalanceState.amount, class_name="num"),
            ". You come back to this place, and what you are writing waits here.",
        ),
        *ways_to_go_on(),
        class_name="card wall",
        role="region",
        custom_attrs=attrs("wall-packs", "Buy credits"),
    )


def _no_key() -> rx.Component:
    return rx.el.section(
        rx.el.div(rx.el.h3("Add your API key first"), rx.el.span(class_name="grow"), _close(), class_name="row"),
        rx.el.p(ModelState.advice, _where_kept(" Your message is kept below.")),
        key_form(),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-key"),
    )


def _key_failed() -> rx.Component:
    return rx.el.section(
        rx.el.div(rx.el.h3("Your own key was not accepted"), rx.el.span(class_name="grow"), _close(), class_name="row"),
        rx.el.p("Nothing was charged, and nothing will be until you say how to go on."),
        rx.el.div(
            link(
                "Replace the key",
                to=f"{routes.SETTINGS}#payer",
                class_name="button primary",
                custom_attrs=attrs("to-replace-key"),
            ),
            *([_use_credits()] if settings().sells_credits else []),
            class_name="row wrap",
        ),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-key-failed"),
    )


def _use_credits() -> rx.Component:
    return rx.el.button(
        "Use credits instead",
        type="button",
        class_name="button",
        on_click=[PreferencesState.set_api_key_mode("credits"), ModelState.load, ChatState.dismiss_trouble],
        custom_attrs=attrs("use-credits"),
    )


def ways_past(wall: rx.Var[str] | str, trouble: rx.Var[str] | str) -> rx.Component:
    """What stands in the way of something that was not a message, in its own words, and the next step.

    ``wall`` is ``credits``, ``key`` or nothing; ``trouble`` is what to say.
    """
    to_settings = link("Add a key in Settings", to=routes.SETTINGS, class_name="button primary")
    use_credits = [_use_credits()] if settings().sells_credits else []
    return rx.cond(
        trouble != "",
        rx.el.section(
            rx.el.p(icon("circle-alert"), rx.el.span(trouble, " You have not been charged."), class_name="row"),
            rx.match(
                wall,
                ("credits", rx.el.div(*ways_to_go_on(), class_name="stack")),
                ("key", rx.el.div(to_settings, *use_credits, class_name="row wrap")),
                rx.fragment(),
            ),
            class_name="card wall",
            role="alert",
            custom_attrs=attrs("way-past"),
        ),
    )


def _other() -> rx.Component:
    return rx.el.section(
        rx.el.p(icon("circle-alert"), rx.el.span(ChatState.trouble, class_name="grow"), _close(), class_name="row"),
        rx.el.p(_where_kept("Your message is kept below. "), "You have not been charged.", class_name="quiet"),
        _way_on(),
        class_name="card wall",
        role="alert",
        custom_attrs=attrs("wall-trouble"),
    )


def _way_on() -> rx.Component:
    """The next step, where there is one."""
    again = _step("Send again", "document.querySelector('form.composer')?.requestSubmit()")
    step = rx.match(
        ChatState.way,
        ("caps", _way_to("Change your caps", "caps")),
        ("profile", _way_to("Confirm your e-mail", "profile")),
        ("model", _step("Choose another model", "document.querySelector('.composer .picker > summary')?.click()")),
        ("payer", _way_to("Use your own API keys", "payer")),
        ("again", rx.cond(ChatState.returned.text != "", again)),
        rx.fragment(),
    )
    return rx.fragment(step)


def _way_to(words: str, section: str) -> rx.Component:
    to = link(words, to=f"{routes.SETTINGS}#{section}", class_name="button primary", custom_attrs=attrs("way-on"))
    return rx.el.div(to, class_name="row")


def _step(words: str, script: str) -> rx.Component:
    button = rx.el.button(
        words,
        type="button",
        class_name="button primary",
        on_click=rx.call_script(script),
        custom_attrs=attrs("way-on"),
    )
    return rx.el.div(button, class_name="row")


def _close() -> rx.Component:
    return icon_button("x", "Close", on_click=ChatState.dismiss_trouble)
