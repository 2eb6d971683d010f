"""The chat: what was said, what it cost, and the next message."""

import reflex as rx

from projectloom.components.branches import map_dialog
from projectloom.components.composer import composer
from projectloom.components.controls import attrs, icon, skeleton
from projectloom.components.conversation_menu import conversation_menu
from projectloom.components.guide import guide
from projectloom.components.islands import FoundMessage, Thread
from projectloom.components.messages import message
from projectloom.components.shelved import in_the_archive, in_the_trash
from projectloom.components.walls import walls
from projectloom.state.branches import BranchState
from projectloom.state.chat import ChatState
from projectloom.state.conversations import ConversationsState
from projectloom.template import frame

# Real jobs, whole as they stand: one press puts them into the composer, where their price is said before they are sent.
_STARTERS = (
    (
        "mail",
        "Write a difficult e-mail",
        (
            "Write a short, friendly e-mail to a client whose project will be delivered two weeks late. "
            "Say why in one sentence, offer two new dates, and keep their confidence."
        ),
    ),
    (
        "scale",
        "Compare two choices",
        (
            "Compare renting and buying an office for a team of eight over five years. "
            "Put costs, risks and flexibility in a table, then tell me what you would ask before deciding."
        ),
    ),
    (
        "list-checks",
        "Plan a piece of work",
        (
            "Plan the first two weeks of a customer survey: goals, ten good questions, whom to ask, "
            "and a day-by-day list of what to do."
        ),
    ),
    (
        "table-2",
        "Work out a spreadsheet formula",
        (
            "In a spreadsheet, column A has dates, B a customer and C an amount. Give me a formula for the total per "
            "customer in the current month, explain it part by part, and show the same in a few lines of Python."
        ),
    ),
)


def chat_page() -> rx.Component:
    """A new chat, or the conversation that the address names."""
    return frame(
        Thread.create(
            rx.cond(
                ChatState.trashed,
                in_the_trash(),
                rx.cond(ChatState.opened, rx.cond(ChatState.empty, _welcome(), _messages()), _loading()),
            ),
            walls(),
            conversation_id=ChatState.conversation_id,
            anchor=ChatState.newest_question,
            attention=ChatState.wall + ChatState.trouble,
            first=ChatState.first_anchor,
            more=ChatState.earlier > 0,
            on_top=BranchState.show_earlier,
        ),
        FoundMessage.create(conversation_id=ChatState.conversation_id, ready=ChatState.opened),
        map_dialog(),
        rx.cond(
            ChatState.trashed,
            rx.fragment(),
            rx.fragment(rx.cond(ConversationsState.archived, in_the_archive()), composer()),
        ),
        rx.el.p(ChatState.announcement, class_name="sr-only", role="status", custom_attrs=attrs("announcement")),
        title=rx.cond(ConversationsState.title != "", ConversationsState.title, "New chat"),
        menu=conversation_menu(),
    )


def _messages() -> rx.Component:
    return rx.fragment(
        rx.foreach(ChatState.history, message),
        # One list, so that a reply stays the element that it is when the next question is asked.
        rx.foreach(ChatState.asked + ChatState.fresh, message),
    )


def _loading() -> rx.Component:
    return rx.el.div(skeleton("40%"), skeleton("90%", "95%", "70%"), class_name="stack wide-gap pad")


def _welcome() -> rx.Component:
    """An empty chat. While something stands in the way of sending, that alone is shown, so that it is all in sight."""
    unhindered = (ChatState.wall == "") & (ChatState.trouble == "")
    return rx.el.div(
        rx.el.h2("What are you working on?"),
        rx.el.p(
            "You see what a reply may cost before you send, and what it did cost when it ends.", class_name="quiet"
        ),
        rx.cond(unhindered, guide(_starters())),
        class_name=rx.cond(unhindered, "welcome", "welcome hindered"),
    )


def _starters() -> rx.Component:
    return rx.el.div(
        *[
            rx.el.button(
                icon(name, 18),
                rx.el.span(title, class_name="strong"),
                rx.el.span(prompt, class_name="quiet clamp-2"),
                type="button",
                class_name="option",
                custom_attrs=attrs("starter", data_fill=prompt),
            )
            for name, title, prompt in _STARTERS
        ],
        class_name="options",
    )
