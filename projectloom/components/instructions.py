"""The instructions of a conversation: that there are some, and the sheet in which they are written."""

import reflex as rx

from projectloom.components.controls import attrs, icon, sheet_head
from projectloom.components.islands import Dialog
from projectloom.limits import MAX_INSTRUCTIONS_CHARS
from projectloom.state.chat import ChatState
from projectloom.state.instructions import InstructionsState


def instructions_note() -> rx.Component:
    """Above the composer: how the instructions begin; nothing where there are none."""
    return rx.cond(
        ChatState.instructions != "",
        rx.el.p(
            icon("scroll-text", 14),
            rx.el.span(
                rx.el.span("Instructions: ", class_name="strong"),
                ChatState.instructions,
                class_name="grow ellipsis",
                custom_attrs=attrs("instructions"),
            ),
            rx.el.button(
                "Change",
                type="button",
                class_name="link",
                on_click=InstructionsState.open,
                custom_attrs=attrs("instructions-change", "Change the instructions", data_command="instructions"),
            ),
            class_name="note above-composer",
        ),
    )


def instructions_offer() -> rx.Component:
    """Below the composer, while there are none."""
    return rx.cond(
        ChatState.instructions == "",
        rx.el.button(
            rx.el.span("Add instructions"),
            type="button",
            class_name="link",
            title="Tell the model something before every message of this chat",
            on_click=InstructionsState.open,
            custom_attrs=attrs("instructions-open", data_command="instructions", data_short="Instructions"),
        ),
    )


def instructions_sheet() -> rx.Component:
    """The sheet, while it is open."""
    return rx.cond(
        InstructionsState.sheet_shown,
        Dialog.create(_form(), label="Instructions for this chat", on_close=InstructionsState.close),
    )


def _form() -> rx.Component:
    return rx.el.form(
        sheet_head("Instructions for this chat", close="Leave them as they are", on_close=InstructionsState.close),
        rx.el.p(
            "The model reads them before everything else: who you are, how it should answer, what it must not do. They "
            "are part of each message and of its price.",
            class_name="quiet",
        ),
        rx.el.textarea(
            name="instructions",
            default_value=ChatState.instructions,
            max_length=MAX_INSTRUCTIONS_CHARS,
            rows="8",
            placeholder="Answer in British English, briefly, and say when you are not sure.",
            class_name="input instructions-field",
            custom_attrs=attrs("instructions-field", "Instructions", data_first=""),
        ),
        rx.el.div(
            rx.el.span(f"At most {MAX_INSTRUCTIONS_CHARS:,} characters. Empty for none.", class_name="quiet grow"),
            rx.el.button("Keep", type="submit", class_name="button primary", custom_attrs=attrs("instructions-save")),
            class_name="row",
        ),
        on_submit=InstructionsState.save,
        reset_on_submit=False,
        class_name="stack",
    )
