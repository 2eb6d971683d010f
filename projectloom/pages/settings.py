"""Settings, in sections with a list of them on top: payment, caps, access keys, profile, appearance, your data."""

import reflex as rx

from projectloom import routes
from projectloom.components.api_keys import api_keys
from projectloom.components.belongings import belongings
from projectloom.components.caps import cap_fields
from projectloom.components.controls import attrs, icon, link, skeleton
from projectloom.components.islands import Radio, ThemeChoice
from projectloom.components.own_keys import own_keys
from projectloom.components.profile import profile
from projectloom.components.top_up import NOT_SOLD
from projectloom.config import settings
from projectloom.state.identity import IdentityState
from projectloom.state.preferences import PreferencesState
from projectloom.template import frame

_CONTENTS = (
    ("payer", "Payment"),
    ("caps", "Caps"),
    ("access", "Access keys"),
    ("profile", "Profile"),
    ("look", "Appearance"),
    ("data", "Your data"),
)


def settings_page() -> rx.Component:
    """The whole page."""
    return frame(
        rx.el.div(
            _contents(),
            _payment(),
            rx.el.div(cap_fields(), id="caps"),
            rx.el.div(api_keys(), id="access"),
            profile(),
            _look(),
            belongings(),
            class_name="page settings",
        ),
        title="Settings",
    )


def _contents() -> rx.Component:
    return rx.el.nav(
        # The browser itself goes to a part of a page; the page's router would only change the address.
        *[link(words, to=f"#{part}", reload_document=True, class_name="chip") for part, words in _CONTENTS],
        class_name="contents",
        custom_attrs=attrs("contents", "Sections"),
    )


def _payment() -> rx.Component:
    return rx.el.section(
        rx.el.h2(icon("key-round"), "API Configuration", class_name="section-title"),
        rx.el.p(
            "Choose how replies are paid for. You can change it any time; a reply under way keeps its payer.",
            class_name="quiet",
        ),
        rx.cond(IdentityState.known & PreferencesState.loaded, _choice(), skeleton("60%", "70%")),
        rx.el.p(link("How we charge", to=routes.PRICING, class_name="link"), class_name="quiet"),
        id="payer",
        class_name="card roomy",
    )


def _choice() -> rx.Component:
    return rx.el.div(
        rx.el.fieldset(
            rx.el.legend("API Key Mode", class_name="sr-only"),
            _mode("own", "Use My Own API Keys", "Anthropic or OpenAI bill you. Your keys are kept encrypted."),
            _mode(
                "credits",
                "Buy Credits (Easier for Non-Technical Users)",
                "One prepaid balance in US dollars for every model. No keys needed."
                if settings().sells_credits
                else NOT_SOLD,
                disabled=not settings().sells_credits,
            ),
            class_name="modes",
        ),
        rx.cond(PreferencesState.uses_credits, _credits_note(), own_keys()),
        class_name="stack wide-gap",
    )


def _mode(value: str, title: str, explanation: str, *, disabled: bool = False) -> rx.Component:
    return rx.el.label(
        Radio.create(
            name="apiKeyMode",
            value=value,
            checked=PreferencesState.api_key_mode == value,
            on_choose=PreferencesState.set_api_key_mode(value),
            custom_attrs={**attrs(f"mode-{value}"), **({"disabled": True} if disabled else {})},
        ),
        rx.el.span(
            rx.el.span(title, class_name="strong"), rx.el.span(explanation, class_name="quiet"), class_name="stacked"
        ),
        class_name="mode",
    )


def _credits_note() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "You're using ProjectLoom credits. View your balance and purchase more credits in the Usage panel."
            if settings().sells_credits
            else "You're using ProjectLoom credits. View your balance in the Usage panel.",
            custom_attrs=attrs("credits-note"),
        ),
        rx.el.div(
            rx.el.button(
                "Open the Usage panel",
                type="button",
                class_name="button",
                custom_attrs=attrs("open-usage", data_toggle="usage"),
            ),
            *([link("Buy credits", to=routes.CREDITS, class_name="button")] if settings().sells_credits else []),
            class_name="row wrap",
        ),
        class_name="inset stack",
    )


def _look() -> rx.Component:
    return rx.el.section(
        rx.el.h2(icon("sun-moon"), "Appearance and help", class_name="section-title"),
        rx.el.div(
            rx.el.h3("Theme", class_name="field-title"),
            ThemeChoice.create(),
            rx.el.p("Kept in this browser.", class_name="quiet"),
            class_name="stack tight narrow",
        ),
        rx.el.div(
            rx.el.button(
                icon("keyboard", 14),
                "Keyboard shortcuts",
                type="button",
                class_name="button",
                custom_attrs=attrs("show-shortcuts", data_palette="help"),
            ),
            rx.el.button(
                icon("route", 14),
                "Show the guide again",
                type="button",
                class_name="button",
                on_click=PreferencesState.replay_guide,
                custom_attrs=attrs("replay-guide"),
            ),
            class_name="row wrap",
        ),
        id="look",
        class_name="card roomy",
    )
