"""The summary of a conversation: price, text as it comes, receipt, and the way on into a new chat."""

import reflex as rx

from projectloom.components.controls import attrs, icon, icon_button, sandbox_badge
from projectloom.components.islands import CopyButton, Dialog, Reply
from projectloom.components.walls import ways_past
from projectloom.state.assist import AssistState
from projectloom.state.receipt import ReceiptState


def summary_sheet() -> rx.Component:
    """The sheet, while it is open."""
    return rx.cond(AssistState.shown, Dialog.create(_sheet(), label="Summary", on_close=AssistState.close))


def _sheet() -> rx.Component:
    written = AssistState.live | (AssistState.text != "")
    return rx.el.div(
        rx.el.div(
            rx.el.h2("Summary"),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            icon_button("x", "Close the summary", test="close-summary", on_click=AssistState.close),
            class_name="row",
        ),
        rx.cond(written, _text(), _before()),
        ways_past(AssistState.wall, AssistState.trouble),
        class_name="stack summary",
        custom_attrs=attrs("summary"),
    )


def _before() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "What this conversation is about, what was found or decided and what is open, in about a fifth of its "
            "length. The conversation stays as it is."
        ),
        # Of one that ended before its first word.
        _note(),
        rx.el.div(
            _price(),
            rx.el.span(class_name="grow"),
            rx.el.button(
                rx.cond(AssistState.busy, "One moment", "Summarise"),
                type="button",
                class_name="button primary",
                disabled=AssistState.busy,
                on_click=AssistState.run,
                custom_attrs=attrs("run-summary"),
            ),
            class_name="row wrap",
        ),
    )


def _note() -> rx.Component:
    return rx.cond(
        AssistState.note != "", rx.el.p(AssistState.note, class_name="note", custom_attrs=attrs("summary-note"))
    )


def _price() -> rx.Component:
    return rx.el.p(
        AssistState.price,
        rx.cond(AssistState.model != "", f" with {AssistState.model}", ""),
        class_name="quiet",
        role="status",
        custom_attrs=attrs("summary-price"),
    )


def _text() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            Reply.create(
                text=AssistState.text,
                turn_id=AssistState.turn_id,
                live=AssistState.live,
                on_settled=AssistState.settle,
                key=AssistState.turn_id,
            ),
            class_name="summary-text",
            tab_index=0,
            role="region",
            custom_attrs=attrs("summary-text", "The summary"),
        ),
        _note(),
        rx.cond(AssistState.live, _stop(), _after()),
    )


def _stop() -> rx.Component:
    return rx.el.div(
        rx.el.span("It goes on when you close this.", class_name="quiet grow"),
        rx.el.button(
            icon("square", 14),
            "Stop",
            type="button",
            class_name="button",
            on_click=AssistState.stop,
            custom_attrs=attrs("stop-summary"),
        ),
        class_name="row",
    )


def _after() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            rx.el.button(
                AssistState.cost,
                type="button",
                class_name="cost num",
                title="Show the receipt",
                on_click=ReceiptState.show(AssistState.turn_id),
                custom_attrs=attrs("summary-cost", rx.Var.create(f"Cost {AssistState.cost}, show the receipt")),
            ),
            rx.el.span("paid with ", AssistState.payer),
            rx.el.span(AssistState.made),
            class_name="reply-footer quiet",
        ),
        rx.el.div(
            rx.el.button(
                "Start a new chat from this",
                type="button",
                class_name="button primary",
                disabled=AssistState.busy,
                on_click=AssistState.begin_chat,
                custom_attrs=attrs("chat-from-summary"),
            ),
            CopyButton.create(text=AssistState.text, class_name="button", custom_attrs=attrs("copy-summary")),
            rx.el.button(
                "Summarise again",
                type="button",
                class_name="button",
                disabled=AssistState.busy,
                on_click=AssistState.run,
                custom_attrs=attrs("run-summary"),
            ),
            class_name="row wrap",
        ),
        rx.el.p("Another one costs ", rx.el.span(AssistState.price, class_name="lower"), class_name="quiet"),
    )
