"""Settings: who pays for replies, and the person's own provider keys."""

import reflex as rx

from projectloom import routes
from projectloom.components.caps import cap_fields
from projectloom.components.controls import attrs, icon, link, skeleton
from projectloom.components.islands import Radio
from projectloom.components.top_up import NOT_SOLD
from projectloom.config import settings
from projectloom.state.identity import IdentityState
from projectloom.state.preferences import KeyRow, PreferencesState, SettingsState
from projectloom.template import frame


def settings_page() -> rx.Component:
    """The whole page."""
    return frame(
        rx.el.div(
            rx.el.section(
                rx.el.h2(icon("key-round"), "API Configuration", class_name="section-title"),
                rx.el.p(
                    "Choose how replies are paid for. You can change it any time; a reply under way keeps its payer.",
                    class_name="quiet",
                ),
                rx.cond(IdentityState.known & PreferencesState.loaded, _choice(), skeleton("60%", "70%")),
                rx.el.p(link("How we charge", to=routes.PRICING, class_name="link"), class_name="quiet"),
                class_name="card roomy",
            ),
            cap_fields(),
            class_name="page",
        ),
        title="Settings",
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
        rx.cond(PreferencesState.uses_credits, _credits_note(), _keys()),
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


def _keys() -> rx.Component:
    return rx.el.div(
        rx.foreach(SettingsState.keys, _key),
        rx.el.p(
            "In the sandbox any key that begins with sk- works. Nothing is sent to a provider."
            if settings().sandbox_on
            else "A key is only ever sent to its own provider.",
            class_name="quiet",
        ),
        class_name="stack wide-gap",
        custom_attrs=attrs("key-fields"),
    )


def _key(row: KeyRow) -> rx.Component:
    return rx.el.div(
        rx.el.h3(row.label, " API key", class_name="field-title"),
        rx.cond(row.hint != "", _kept(row), _new(row)),
        key=row.provider,
        class_name="stack tight",
    )


def _kept(row: KeyRow) -> rx.Component:
    return rx.el.div(
        rx.el.span(icon("check", 14), "Saved as ", class_name="quiet row"),
        rx.el.code(row.hint, class_name="num", custom_attrs=attrs("key-hint-" + row.provider)),
        rx.el.span(class_name="grow"),
        rx.el.button(
            icon("trash-2", 14),
            "Delete",
            type="button",
            class_name="button small",
            on_click=SettingsState.delete_key(row.provider),
            custom_attrs=attrs("delete-key-" + row.provider, "Delete the " + row.label + " API key"),
        ),
        class_name="row key-kept",
    )


def _new(row: KeyRow) -> rx.Component:
    return rx.el.form(
        rx.el.input(type="hidden", name="provider", value=row.provider),
        rx.el.input(
            type="password",
            name="key",
            placeholder=row.placeholder,
            auto_complete="off",
            required=True,
            max_length=400,
            spell_check=False,
            class_name="input grow",
            custom_attrs=attrs("key-" + row.provider, row.label + " API key"),
        ),
        rx.el.button("Save", type="submit", class_name="button", custom_attrs=attrs("save-key-" + row.provider)),
        on_submit=SettingsState.save_key,
        reset_on_submit=True,
        class_name="row",
    )
