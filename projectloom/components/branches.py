"""What stands around the thread about its branches: the map, the way back, and the offer to begin afresh."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, icon_button, link
from projectloom.components.islands import Dialog, TreeMap
from projectloom.state.assist import AssistState
from projectloom.state.branches import BranchState, MapState
from projectloom.state.chat import ChatState
from projectloom.state.composer import EstimateState


def map_dialog() -> rx.Component:
    """The map of all branches, while it is open."""
    return rx.cond(MapState.map_shown, Dialog.create(_map(), label="Branches of this chat", on_close=MapState.close))


def _map() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h2("Branches of this chat", class_name="grow"),
            icon_button("x", "Close the map", test="close-map", on_click=MapState.close),
            class_name="row",
        ),
        TreeMap.create(rows=MapState.rows, on_travel=MapState.travel),
        class_name="stack",
        custom_attrs=attrs("map"),
    )


def going_on_note() -> rx.Component:
    """Says that the next message begins a branch, and leads back."""
    note = rx.el.p(
        icon("git-branch", 14),
        rx.el.span("Your next message begins a branch here. What came later stays as it is.", class_name="grow"),
        rx.el.button(
            "Go back", type="button", class_name="link", on_click=BranchState.go_back, custom_attrs=attrs("go-back")
        ),
        class_name="note above-composer",
        role="status",
        custom_attrs=attrs("branching"),
    )
    return rx.cond(ChatState.running, rx.fragment(), rx.cond(ChatState.branching, note))


def long_chat_note() -> rx.Component:
    """Says what the length of the chat costs with each message, where that is much, with a way to pay less."""
    return rx.cond(
        EstimateState.long_chat != "",
        rx.el.p(
            icon("scissors", 14),
            rx.el.span(
                "Each message now costs about ",
                EstimateState.long_chat,
                " ¢ more because the chat is long.",
                class_name="grow",
            ),
            rx.el.button(
                "Start fresh with a summary",
                type="button",
                class_name="link",
                on_click=AssistState.summarize,
                custom_attrs=attrs("start-fresh"),
            ),
            class_name="note above-composer",
            custom_attrs=attrs("long-chat"),
        ),
    )


def chat_foot() -> rx.Component:
    """What the chat cost so far in all its branches, and the way to the map where there is more than one."""
    return rx.fragment(
        rx.cond(
            ChatState.total != "",
            link(
                rx.el.span("This chat: ", class_name="roomy-only"),
                rx.el.span(ChatState.total, class_name="num"),
                to=rx.Var.create(f"{routes.ACTIVITY}?range=all_time&conversation={ChatState.conversation_id}"),
                class_name="link calm",
                title="What each of its replies cost",
                custom_attrs=attrs("chat-total"),
            ),
        ),
        rx.cond(
            ChatState.forked,
            rx.el.button(
                icon("git-branch", 13),
                rx.el.span("Branches", class_name="narrow-sr-only"),
                type="button",
                class_name="link",
                title="The map of all branches",
                on_click=MapState.open,
                custom_attrs=attrs("open-map"),
            ),
        ),
    )
