"""Access keys for a person's tools: what they are for, the list, and the dialogs that make, show and revoke one."""

import reflex as rx

from projectloom.components.controls import attrs, dollar_input, icon, skeleton
from projectloom.components.islands import CopyButton, Dialog
from projectloom.limits import MAX_API_KEY_NAME_CHARS
from projectloom.state.api_keys import AccessKey, ApiKeysState
from projectloom.state.identity import IdentityState

# Closed by the browser itself, the dialog gives the focus back to the button that opened it, and then says so.
_CLOSE = "document.querySelector('dialog[open]')?.close()"


def api_keys() -> rx.Component:
    """The section of the settings page."""
    return rx.el.section(
        rx.el.h2(icon("terminal"), "Access keys for your tools", class_name="section-title"),
        rx.el.p(
            "With an access key your scripts, editors and other programs ask models through ProjectLoom, and what they "
            "ask is paid for as your chats are. It is not one of your own API keys from Anthropic or OpenAI: it is "
            "made here and works only here.",
            class_name="quiet",
        ),
        rx.cond(IdentityState.known & ApiKeysState.loaded, _inside(), skeleton("60%", "40%")),
        _dialogs(),
        class_name="card roomy",
    )


def _inside() -> rx.Component:
    return rx.el.div(
        rx.cond(
            ApiKeysState.rows.length() > 0,  # pyright: ignore[reportAttributeAccessIssue]
            rx.el.ul(
                rx.foreach(ApiKeysState.rows, _row),
                class_name="plain-list stack",
                custom_attrs=attrs("access-keys", "Access keys"),
            ),
            _none(),
        ),
        rx.el.div(
            rx.el.button(
                icon("plus", 14),
                "New access key",
                type="button",
                class_name="button",
                on_click=ApiKeysState.ask,
                custom_attrs=attrs("new-access-key"),
            ),
            rx.cond(ApiKeysState.rows.length() > 0, _address()),  # pyright: ignore[reportAttributeAccessIssue]
            class_name="row wrap",
        ),
        class_name="stack",
    )


def _none() -> rx.Component:
    return rx.el.div(
        rx.el.p("You have no access keys yet.", class_name="strong"),
        rx.el.p(
            "Make one, then give your program the key and this base address:",
            class_name="quiet",
        ),
        _code(_base_address()),
        rx.el.p("With OpenAI's library for Python, for example:", class_name="quiet"),
        _code(_example()),
        class_name="empty-note",
        custom_attrs=attrs("no-access-keys"),
    )


def _example() -> rx.Var[str]:
    return rx.Var.create(
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{ApiKeysState.address}/v1", api_key="loom-sk-…")\n'
        "client.chat.completions.create(\n"
        '    model="gpt-6.1-terra", messages=[{"role": "user", "content": "Hello"}]\n'
        ")"
    )


def _address() -> rx.Component:
    return rx.el.p(
        "Base address for your programs: ",
        rx.el.code(_base_address()),
        "; for those made for Anthropic ",
        rx.el.code(ApiKeysState.address),
        class_name="quiet access-address",
    )


def _base_address() -> rx.Var[str]:
    return rx.Var.create(f"{ApiKeysState.address}/v1")


def _code(text: rx.Var[str]) -> rx.Component:
    return rx.el.figure(rx.el.pre(rx.el.code(text), custom_attrs={"tabindex": "0"}), class_name="code")


def _row(row: AccessKey) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.div(
                rx.el.span(row.name, class_name="strong"), rx.el.code(row.hint, class_name="num"), class_name="row wrap"
            ),
            rx.el.span(row.dates, class_name="quiet"),
            rx.el.span(
                row.spent,
                rx.cond(row.allowed != "", rx.fragment(" · ", row.allowed)),
                class_name="quiet",
                custom_attrs=attrs("access-key-spent"),
            ),
            class_name="stacked grow",
        ),
        rx.el.button(
            "Revoke",
            type="button",
            class_name="button small",
            on_click=ApiKeysState.doubt(row.id),
            custom_attrs=attrs("revoke-access-key", "Revoke the access key " + row.name),
        ),
        key=row.id,
        class_name="row access-key",
        custom_attrs=attrs("access-key"),
    )


def _dialogs() -> rx.Component:
    return rx.fragment(
        _dialog("new", "New access key", _new()),
        _dialog("secret", "Your new access key", _secret()),
        _dialog("revoke", "Revoke this access key", _revoke()),
    )


def _dialog(name: str, label: str, inside: rx.Component) -> rx.Component:
    return rx.cond(ApiKeysState.dialog == name, Dialog.create(inside, label=label, on_close=ApiKeysState.close))


def _new() -> rx.Component:
    return rx.el.form(
        rx.el.h2("New access key"),
        rx.el.label(
            rx.el.span("What is it for?"),
            rx.el.input(
                name="name",
                required=True,
                max_length=MAX_API_KEY_NAME_CHARS,
                auto_complete="off",
                auto_focus=True,
                placeholder="My notebook",
                class_name="input",
                custom_attrs=attrs("access-key-name"),
            ),
            class_name="field",
        ),
        rx.el.div(
            _limit("day", "Most in a day"),
            _limit("month", "Most in a month"),
            _limit("total", "Most in total"),
            class_name="amounts",
        ),
        rx.el.p(
            "What it may take from your credits. Leave a field empty for no limit; your caps hold as well. You get a "
            "mail at 50, 80 and 100 %.",
            class_name="quiet",
        ),
        rx.cond(
            ApiKeysState.trouble != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(ApiKeysState.trouble),
                class_name="note error",
                role="alert",
                custom_attrs=attrs("access-key-trouble"),
            ),
        ),
        rx.el.div(
            _leave("Cancel"),
            rx.el.button(
                "Make the key", type="submit", class_name="button primary", custom_attrs=attrs("access-key-make")
            ),
            class_name="row wrap end",
        ),
        on_submit=ApiKeysState.make,
        class_name="stack",
        custom_attrs=attrs("access-key-dialog"),
    )


def _limit(name: str, words: str) -> rx.Component:
    return rx.el.label(
        rx.el.span(words),
        rx.el.span(
            dollar_input(name=name, placeholder="no limit", custom_attrs=attrs(f"access-key-{name}")),
            class_name="row dollars",
        ),
        class_name="field",
    )


def _secret() -> rx.Component:
    return rx.el.div(
        rx.el.h2("Your new access key"),
        rx.el.p(
            icon("circle-alert", 14),
            rx.el.span("Copy it now: it is shown this once and never again. Whoever has it can spend your credits."),
            class_name="note warning",
        ),
        rx.el.code(ApiKeysState.secret, class_name="secret num", custom_attrs=attrs("access-key-secret")),
        _address(),
        rx.el.div(
            CopyButton.create(text=ApiKeysState.secret, class_name="button primary", custom_attrs=attrs("copy-secret")),
            _leave("Done"),
            class_name="row wrap end",
        ),
        class_name="stack",
    )


def _revoke() -> rx.Component:
    return rx.el.div(
        rx.el.h2("Revoke this access key?"),
        rx.el.p(
            rx.el.span(ApiKeysState.chosen.name, class_name="strong"),
            " stops working at once and for good. What it spent stays in your statement.",
        ),
        rx.el.div(
            _leave("Keep it"),
            rx.el.button(
                "Revoke the key",
                type="button",
                class_name="button primary",
                on_click=ApiKeysState.revoke,
                custom_attrs=attrs("revoke-confirm"),
            ),
            class_name="row wrap end",
        ),
        class_name="stack",
        custom_attrs=attrs("revoke-dialog"),
    )


def _leave(words: str) -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name="button",
        on_click=rx.call_script(_CLOSE),
        custom_attrs=attrs("access-key-close"),
    )
