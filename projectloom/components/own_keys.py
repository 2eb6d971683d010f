"""A person's own provider keys in the settings: added, tried, replaced, limited, and deleted once they say so."""

import reflex as rx

from projectloom.components.controls import attrs, dollar_input, icon
from projectloom.components.islands import Dialog
from projectloom.config import settings
from projectloom.limits import MAX_API_KEY_CHARS
from projectloom.state.own_keys import OwnKeysState
from projectloom.state.preferences import KeyRow, SettingsState


def own_keys() -> rx.Component:
    """One row for each provider."""
    return rx.el.div(
        rx.foreach(SettingsState.keys, _key),
        rx.el.p(
            "In the sandbox any key that begins with sk- works. Nothing is sent to a provider."
            if settings().sandbox_on
            else "A key is only ever sent to its own provider.",
            class_name="quiet",
        ),
        rx.cond(OwnKeysState.doubted != "", Dialog.create(_doubt(), label="Delete this API key", on_close=_CLOSED)),
        class_name="stack wide-gap",
        custom_attrs=attrs("key-fields"),
    )


_CLOSED = OwnKeysState.doubt("")
# Closed by the browser itself, the dialog gives the focus back to the button that opened it, and then says so.
_CLOSE = "document.querySelector('dialog[open]')?.close()"


def _key(row: KeyRow) -> rx.Component:
    return rx.el.div(
        rx.el.h3(row.label, " API key", class_name="field-title"),
        rx.cond(
            row.hint != "",
            rx.fragment(
                rx.cond(OwnKeysState.replacing == row.provider, _new(row, again=True), _kept(row)), _limit(row)
            ),
            _new(row),
        ),
        key=row.provider,
        class_name="stack tight",
    )


def _kept(row: KeyRow) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.code(row.hint, class_name="num", custom_attrs=attrs("key-hint-" + row.provider)), class_name="row"
            ),
            rx.el.span(row.used, class_name="quiet", custom_attrs=attrs("key-used-" + row.provider)),
            rx.el.span(row.spent, class_name="quiet", custom_attrs=attrs("key-spent-" + row.provider)),
            rx.el.p(_verdict(row), role="status", custom_attrs=attrs("key-verdict-" + row.provider)),
            class_name="stacked grow",
        ),
        rx.el.div(
            _act("Test", "test-key-", row, OwnKeysState.attempt(row.provider), busy=OwnKeysState.trying != ""),
            _act("Replace", "replace-key-", row, OwnKeysState.replace(row.provider)),
            _act("Delete", "delete-key-", row, OwnKeysState.doubt(row.provider)),
            class_name="row wrap",
        ),
        class_name="own-key",
    )


def _act(
    words: str, test: str, row: KeyRow, event: rx.event.EventType, *, busy: rx.Var[bool] | bool = False
) -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name="button small",
        on_click=event,
        disabled=busy,
        custom_attrs=attrs(test + row.provider, f"{words} the " + row.label + " API key"),
    )


def _verdict(row: KeyRow) -> rx.Component:
    said = OwnKeysState.verdicts[row.provider]
    return rx.cond(
        OwnKeysState.trying == row.provider,
        rx.el.span("Asking ", row.label, class_name="quiet"),
        rx.cond(
            said != "",
            rx.el.span(
                rx.match(
                    OwnKeysState.tones[row.provider],
                    ("good", icon("check", 14)),
                    ("bad", icon("circle-alert", 14)),
                    icon("info", 14),
                ),
                said,
                class_name=rx.Var.create(f"verdict {OwnKeysState.tones[row.provider]}"),
            ),
        ),
    )


def _limit(row: KeyRow) -> rx.Component:
    return rx.el.form(
        rx.el.input(type="hidden", name="provider", value=row.provider),
        rx.el.label(
            rx.el.span("Most in a month"),
            rx.el.span(
                dollar_input(
                    key=row.limit,
                    default_value=row.limit,
                    name="limit",
                    placeholder="no limit",
                    custom_attrs=attrs("key-limit-" + row.provider, "Most in a month with the " + row.label + " key"),
                ),
                class_name="row dollars",
            ),
            class_name="field inline",
        ),
        rx.el.button(
            "Save limit",
            type="submit",
            class_name="button small",
            custom_attrs=attrs("save-limit-" + row.provider, "Save the limit of the " + row.label + " API key"),
        ),
        rx.cond(
            OwnKeysState.limit_trouble != "",
            rx.el.p(OwnKeysState.limit_trouble, class_name="form-error", role="alert"),
        ),
        on_submit=[OwnKeysState.limit, SettingsState.load],
        class_name="row wrap key-limit",
    )


def _new(row: KeyRow, *, again: bool = False) -> rx.Component:
    return rx.el.form(
        rx.el.input(type="hidden", name="provider", value=row.provider),
        rx.el.input(
            type="password",
            name="key",
            placeholder=row.placeholder,
            auto_complete="off",
            auto_focus=again,
            required=True,
            max_length=MAX_API_KEY_CHARS,
            spell_check=False,
            class_name="input grow",
            custom_attrs=attrs("key-" + row.provider, row.label + " API key"),
        ),
        rx.el.button("Save", type="submit", class_name="button", custom_attrs=attrs("save-key-" + row.provider)),
        *([_keep_old()] if again else []),
        on_submit=SettingsState.save_key,
        reset_on_submit=True,
        class_name="row",
    )


def _keep_old() -> rx.Component:
    return rx.el.button("Keep the old one", type="button", class_name="button", on_click=OwnKeysState.replace(""))


def _doubt() -> rx.Component:
    return rx.el.div(
        rx.el.h2("Delete this API key?"),
        rx.el.p(
            "It is forgotten here at once. It stays valid at its provider, where you can revoke it. Replies that are "
            "being written end as they began."
        ),
        rx.el.div(
            rx.el.button("Keep it", type="button", class_name="button", on_click=rx.call_script(_CLOSE)),
            rx.el.button(
                "Delete the key",
                type="button",
                class_name="button primary",
                on_click=SettingsState.delete_key(OwnKeysState.doubted),
                custom_attrs=attrs("delete-key-confirm"),
            ),
            class_name="row wrap end",
        ),
        class_name="stack",
        custom_attrs=attrs("delete-key-dialog"),
    )
