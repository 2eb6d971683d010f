"""The left side: a new chat, the conversations by day, and the way to the other pages."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, icon_button, link, skeleton
from projectloom.components.islands import SignOut
from projectloom.state.chat import ChatState
from projectloom.state.conversations import ConversationRow, ConversationsState
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


def sidebar() -> rx.Component:
    """The whole left side. Below 1080 px it is a drawer."""
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
            custom_attrs=attrs("new-chat", data_closes_sheet=""),
        ),
        rx.el.nav(
            rx.cond(
                ConversationsState.loaded & IdentityState.known,
                rx.cond(ConversationsState.rows, _list(), _nothing()),
                skeleton("70%", "85%", "60%"),
            ),
            class_name="conversations",
            custom_attrs=attrs("conversations", "Conversations"),
        ),
        _foot(),
        class_name="sidebar",
        custom_attrs={"data-part": "sidebar", "aria-label": "Conversations and pages"},
    )


def _nothing() -> rx.Component:
    return rx.el.p("Your conversations will be listed here.", class_name="quiet pad")


def _list() -> rx.Component:
    return rx.el.ul(rx.foreach(ConversationsState.rows, _conversation), class_name="plain-list")


def _conversation(row: ConversationRow) -> rx.Component:
    return rx.el.li(
        rx.cond(row.heading != "", rx.el.p(row.heading, class_name="day")),
        rx.cond(ConversationsState.renaming == row.id, _rename_form(row), _line(row)),
        key=row.id,
    )


def _line(row: ConversationRow) -> rx.Component:
    return rx.el.div(
        link(
            row.title,
            to=row.href,
            class_name="conversation-link",
            title=row.title,
            custom_attrs={
                "data-testid": "conversation",
                "data-closes-sheet": "",
                "aria-current": rx.cond(ChatState.conversation_id == row.id, "page", "false"),
            },
        ),
        rx.el.details(
            rx.el.summary(icon("ellipsis"), class_name="icon-button", custom_attrs=attrs("conversation-menu", "More")),
            rx.el.div(
                rx.el.button(
                    icon("pencil", 14),
                    "Rename",
                    type="button",
                    on_click=ConversationsState.start_rename(row.id),
                    role="menuitem",
                    custom_attrs=attrs("rename", data_moves_focus=""),
                ),
                rx.el.button(
                    icon("trash-2", 14),
                    "Delete",
                    type="button",
                    on_click=ConversationsState.delete(row.id),
                    role="menuitem",
                    custom_attrs=attrs("delete", data_moves_focus=""),
                ),
                class_name="menu-list",
                role="menu",
            ),
            class_name="menu",
        ),
        class_name="conversation",
    )


def _rename_form(row: ConversationRow) -> rx.Component:
    return rx.el.form(
        rx.el.input(
            name="title",
            default_value=row.title,
            auto_focus=True,
            max_length=80,
            class_name="input small",
            on_key_down=_escape_cancels,
            custom_attrs=attrs("rename-field", "Title"),
        ),
        icon_button("x", "Keep the old title", size=14, on_click=ConversationsState.cancel_rename),
        class_name="row rename",
        on_submit=ConversationsState.rename,
        reset_on_submit=False,
    )


def _escape_cancels(key: rx.Var[str]) -> list:
    return [rx.cond(key == "Escape", ConversationsState.cancel_rename(), rx.noop())]


def _foot() -> rx.Component:
    return rx.el.div(
        rx.el.nav(
            _page_link("wallet", "Credits", routes.CREDITS),
            _page_link("scroll-text", "Statement", routes.STATEMENT),
            _page_link("settings", "Settings", routes.SETTINGS),
            class_name="stack tight",
            custom_attrs={"aria-label": "Pages"},
        ),
        rx.el.div(
            rx.el.span(
                rx.cond(IdentityState.known, IdentityState.email, ""),
                class_name="email",
                title=IdentityState.email,
                custom_attrs=attrs("account-email"),
            ),
            SignOut.create(icon("log-out"), class_name="icon-button"),
            class_name="row between account",
        ),
        class_name="sidebar-foot",
    )


def _page_link(icon_name: str, words: str, to: str) -> rx.Component:
    return link(
        icon(icon_name),
        words,
        to=to,
        class_name="page-link",
        custom_attrs=attrs(f"to-{words.lower()}", data_closes_sheet=""),
    )
