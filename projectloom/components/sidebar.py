"""The left side: a new chat, the conversations by day, and the way to the other pages."""

import reflex as rx

from projectloom import routes
from projectloom.components.account_islands import SignOut
from projectloom.components.clerk_parts import clerk_is_on, clerk_parts
from projectloom.components.controls import attrs, icon, icon_button, link, skeleton
from projectloom.components.islands import Conversations
from projectloom.config import settings
from projectloom.state.chat import ChatState
from projectloom.state.conversations import ConversationsState
from projectloom.state.identity import IdentityState


def mark() -> rx.Component:
    """The name with its woven sign."""
    return rx.el.span(
        rx.el.span(
            rx.el.i(), rx.el.i(), rx.el.i(), rx.el.i(), class_name="weave", custom_attrs={"aria-hidden": "true"}
        ),
        "ProjectLoom",
        class_name="mark",
    )


def sidebar(page: str = "") -> rx.Component:
    """The whole left side. Below 1080 px it is a drawer. ``page`` is the one that is open; none is the chat."""
    return rx.el.aside(
        rx.el.div(
            link(mark(), to=routes.CHAT, class_name="plain", custom_attrs={"data-closes-sheet": ""}),
            icon_button(
                "panel-left-close",
                "Close the menu",
                class_name="icon-button only-narrow",
                more={"data-toggle": "sidebar"},
            ),
            class_name="row between sidebar-head",
        ),
        link(
            icon("square-pen"),
            "New chat",
            to=routes.CHAT,
            class_name="button wide new-chat",
            custom_attrs=attrs("new-chat", data_closes_sheet="", data_shortcut="new-chat"),
        ),
        rx.cond(IdentityState.known, _list(page), skeleton("70%", "85%", "60%")),
        _foot(page),
        class_name="sidebar",
        custom_attrs={"data-part": "sidebar", "aria-label": "Conversations and pages"},
    )


def _list(page: str) -> rx.Component:
    # The chat's own conversation stays known on the other pages, where it is not what is open.
    return Conversations.create(
        owner=IdentityState.email,
        trash_days=settings().trash_days,
        current="" if page else ChatState.conversation_id,
        version=ConversationsState.version,
        changes=ConversationsState.changes,
        on_heard=ConversationsState.load,
        on_rename=ConversationsState.rename,
        on_pin=ConversationsState.pin,
        on_archive=ConversationsState.archive,
        on_unarchive=ConversationsState.unarchive,
        on_remove=ConversationsState.delete,
        on_restore=ConversationsState.restore,
    )


def _foot(page: str) -> rx.Component:
    return rx.el.div(
        rx.el.nav(
            _page_link("bot", "Agent", routes.AGENT, page),
            _page_link("wallet", "Credits", routes.CREDITS, page),
            _page_link("activity", "Activity", routes.ACTIVITY, page),
            _page_link("scroll-text", "Statement", routes.STATEMENT, page),
            _page_link("settings", "Settings", routes.SETTINGS, page),
            rx.cond(IdentityState.operates, _page_link("landmark", "Operator", routes.OPERATOR, page)),
            class_name="stack tight",
            custom_attrs={"aria-label": "Pages"},
        ),
        rx.el.div(
            *([clerk_parts().account_button()] if clerk_is_on() else []),
            rx.el.span(
                rx.cond(IdentityState.known, IdentityState.email, ""),
                class_name="email grow",
                title=IdentityState.email,
                custom_attrs=attrs("account-email"),
            ),
            clerk_parts().sign_out_button()
            if clerk_is_on()
            else SignOut.create(icon("log-out"), class_name="icon-button"),
            class_name="row between account",
        ),
        class_name="sidebar-foot",
    )


def _page_link(icon_name: str, words: str, to: str, page: str) -> rx.Component:
    return link(
        icon(icon_name),
        words,
        to=to,
        class_name="page-link",
        custom_attrs=attrs(f"to-{words.lower()}", data_closes_sheet="")
        | {"aria-current": "page" if words == page else "false"},
    )
