"""Questions and replies. Under each reply: what it cost (opens the receipt), who paid, and how it ended."""

import reflex as rx

from projectloom.components.controls import attrs, icon
from projectloom.components.islands import Reply
from projectloom.state.chat import ChatState
from projectloom.state.receipt import ReceiptState
from projectloom.state.thread import MessageRow


def message(row: MessageRow) -> rx.Component:
    """One message of the thread."""
    return rx.el.article(
        rx.cond(row.role == "user", _question(row), _reply(row)),
        id=row.anchor,
        key=row.anchor,
        class_name=rx.cond(row.role == "user", "message question", "message reply"),
    )


def _question(row: MessageRow) -> rx.Component:
    return rx.el.div(
        rx.el.h2("You asked", class_name="sr-only"), row.text, class_name="bubble", custom_attrs=attrs("question-text")
    )


def _reply(row: MessageRow) -> rx.Component:
    return rx.fragment(
        rx.el.h2("Reply", class_name="sr-only"),
        Reply.create(text=row.text, turn_id=row.turn_id, live=row.live, on_settled=ChatState.settle),
        rx.cond(row.note != "", _ending(row)),
        rx.cond(row.cost != "", _footer(row)),
    )


def _ending(row: MessageRow) -> rx.Component:
    return rx.el.p(
        rx.el.span(row.note, custom_attrs=attrs("reply-note")),
        rx.cond(
            row.again != "",
            rx.el.button(
                icon("rotate-ccw", 14),
                "Ask again",
                type="button",
                class_name="link",
                disabled=ChatState.running,
                on_click=ChatState.send(row.again, ""),
                custom_attrs=attrs("ask-again"),
            ),
        ),
        class_name="note ending",
    )


def _footer(row: MessageRow) -> rx.Component:
    return rx.el.p(
        rx.el.button(
            row.cost,
            type="button",
            class_name="cost num",
            title="Show the receipt",
            on_click=ReceiptState.show(row.turn_id),
            custom_attrs=attrs("reply-cost", rx.Var.create(f"Cost {row.cost}, show the receipt")),
        ),
        rx.el.span("paid with ", row.payer, custom_attrs=attrs("reply-payer")),
        rx.el.span(row.model),
        class_name="reply-footer quiet",
    )
