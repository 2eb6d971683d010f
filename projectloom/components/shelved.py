"""What the chat says of a conversation that was put away: in the archive, or in the trash."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, link
from projectloom.config import settings
from projectloom.state.chat import ChatState
from projectloom.state.conversations import ConversationsState


def in_the_trash() -> rx.Component:
    """In place of the messages: where it is, and the way back."""
    return rx.el.section(
        icon("trash-2", 20),
        rx.el.h2("This conversation is in the trash."),
        rx.el.p(
            f"Restore it to read on and to write. After {settings().trash_days} days in the trash it is gone for good.",
            class_name="quiet",
        ),
        rx.el.div(
            rx.el.button(
                "Restore",
                type="button",
                class_name="button primary",
                on_click=[ConversationsState.restore(ChatState.conversation_id), ChatState.open_from_address],
                custom_attrs=attrs("restore"),
            ),
            link("New chat", to=routes.CHAT, class_name="button"),
            class_name="row",
        ),
        class_name="in-trash",
        custom_attrs=attrs("in-trash"),
    )


def in_the_archive() -> rx.Component:
    """A line above the composer."""
    return rx.el.p(
        "This conversation is archived.",
        rx.el.button(
            "Move back to the list",
            type="button",
            class_name="link",
            on_click=ConversationsState.unarchive(ChatState.conversation_id),
            custom_attrs=attrs("unarchive"),
        ),
        class_name="archived-line quiet",
        custom_attrs=attrs("in-archive"),
    )
