"""What can be done with the conversation that is open, beside its title."""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, sheet_head
from projectloom.components.islands import Dialog
from projectloom.components.summary_sheet import summary_sheet
from projectloom.limits import MAX_TITLE_CHARS
from projectloom.state.assist import AssistState
from projectloom.state.chat import ChatState
from projectloom.state.conversations import ConversationsState
from projectloom.state.instructions import InstructionsState
from projectloom.state.title import TitleState


def conversation_menu() -> rx.Component:
    """The menu and the sheets that it opens; nothing in a new chat."""
    return rx.fragment(
        rx.cond(ChatState.conversation_id != "", _menu()),
        rx.cond(TitleState.shown, Dialog.create(_title(), label="Rename", on_close=TitleState.close)),
        summary_sheet(),
    )


def _menu() -> rx.Component:
    return rx.el.details(
        rx.el.summary(
            icon("ellipsis"),
            class_name="icon-button",
            title="This conversation",
            custom_attrs=attrs("chat-menu", "This conversation"),
        ),
        rx.el.div(
            _item("file-text", "Summarise", "summarize", AssistState.summarize),
            _item("bot", "Ask the agent", "ask-agent", rx.redirect(routes.AGENT)),
            _item("scroll-text", "Instructions", "instructions-menu", InstructionsState.open),
            _item("pencil", "Rename", "rename-open", TitleState.open),
            _item("trash-2", "Delete", "delete-open", ConversationsState.delete(ChatState.conversation_id)),
            class_name="menu-list",
            role="menu",
            custom_attrs={"aria-label": "This conversation"},
        ),
        class_name="menu chat-menu",
    )


def _item(icon_name: str, words: str, test: str, on_click: Any) -> rx.Component:
    return rx.el.button(
        icon(icon_name, 14), words, type="button", role="menuitem", on_click=on_click, custom_attrs=attrs(test)
    )


def _title() -> rx.Component:
    return rx.el.form(
        sheet_head("Rename", close="Keep the old title", on_close=TitleState.close),
        rx.el.input(
            name="title",
            default_value=ConversationsState.title,
            max_length=MAX_TITLE_CHARS,
            class_name="input",
            custom_attrs=attrs("title-field", "Title", data_first=""),
        ),
        rx.el.div(
            rx.el.button("Rename", type="submit", class_name="button primary", custom_attrs=attrs("title-save")),
            class_name="row end",
        ),
        on_submit=TitleState.save,
        reset_on_submit=False,
        class_name="stack",
    )
