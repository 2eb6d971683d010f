"""Your data, in the settings: take it along, bring it in, delete it."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, link
from projectloom.components.islands import Dialog, ImportFile, backend_url
from projectloom.limits import MAX_EMAIL_CHARS
from projectloom.state.belongings import BelongingsState
from projectloom.state.conversations import ConversationsState
from projectloom.state.identity import IdentityState

# Closed by the browser itself, the dialog gives the focus back to the button that opened it, and then says so.
_CLOSE = "document.querySelector('dialog[open]')?.close()"


def belongings() -> rx.Component:
    """The section of the settings page."""
    return rx.el.section(
        rx.el.h2(icon("archive"), "Your data", class_name="section-title"),
        _part(
            "Take it along",
            "Every conversation as Markdown and JSON, your usage and your statement, in one ZIP file. No key is in it.",
            link(
                icon("download", 14),
                "Export everything",
                # Asked of the server itself: the page's own router knows no such address.
                to=backend_url("/api/export"),
                reload_document=True,
                class_name="button",
                custom_attrs=attrs("export-all"),
            ),
        ),
        _part(
            "Bring it in",
            "A conversation's JSON file, or a whole export. New conversations are made; nothing you have is changed, "
            "and nothing is charged.",
            ImportFile.create(on_made=ConversationsState.load),
        ),
        _part(
            "Delete it",
            "Your conversations, keys, settings and sessions go for good. Of purchases and usage only amounts stay, "
            "without your name, because the books must add up.",
            rx.el.button(
                "Delete my account and data",
                type="button",
                class_name="button danger",
                on_click=BelongingsState.ask,
                custom_attrs=attrs("delete-all"),
            ),
        ),
        rx.cond(
            BelongingsState.asking,
            Dialog.create(_confirm(), label="Delete your account and data", on_close=BelongingsState.close),
        ),
        id="data",
        class_name="card roomy",
    )


def _part(title: str, words: str, act: rx.Component) -> rx.Component:
    return rx.el.div(
        rx.el.h3(title, class_name="field-title"), rx.el.p(words, class_name="quiet"), act, class_name="stack data-part"
    )


def _confirm() -> rx.Component:
    return rx.el.form(
        rx.el.h2("Delete your account and data?"),
        rx.el.p("There is no way back. Export everything first if you may want it again."),
        rx.cond(BelongingsState.credit != "", _credit_left()),
        rx.el.label(
            rx.el.span("Type your e-mail to confirm: ", rx.el.span(IdentityState.email, class_name="num")),
            rx.el.input(
                name="email",
                required=True,
                auto_complete="off",
                spell_check=False,
                max_length=MAX_EMAIL_CHARS,
                class_name="input",
                custom_attrs=attrs("delete-email"),
            ),
            class_name="field",
        ),
        rx.cond(
            BelongingsState.trouble != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(BelongingsState.trouble),
                class_name="note error",
                role="alert",
                custom_attrs=attrs("delete-trouble"),
            ),
        ),
        rx.el.div(
            rx.el.button("Keep everything", type="button", class_name="button", on_click=rx.call_script(_CLOSE)),
            rx.el.button(
                "Delete for good", type="submit", class_name="button danger", custom_attrs=attrs("delete-confirm")
            ),
            class_name="row wrap end",
        ),
        on_submit=BelongingsState.leave,
        class_name="stack",
        custom_attrs=attrs("delete-dialog"),
    )


def _credit_left() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "You have ",
            rx.el.span(BelongingsState.credit, class_name="num strong"),
            " of credit. An unspent purchase can be taken back to your card first, on the ",
            link("credits page", to=routes.CREDITS, class_name="link"),
            ".",
        ),
        rx.el.label(
            rx.el.input(type="checkbox", name="give_up", custom_attrs=attrs("give-up-credit")),
            rx.el.span("I give this credit up."),
            class_name="row",
        ),
        class_name="note warning stack tight",
    )
