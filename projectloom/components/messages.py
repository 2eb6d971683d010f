"""Questions and replies. Under each: its versions and what can be done with it; under a reply also what it cost."""

from typing import Any

import reflex as rx

from projectloom.components.controls import attrs, icon, icon_button, skeleton
from projectloom.components.islands import CopyReply, Question, Reply, backend_url
from projectloom.state.branches import BranchState, Choice, RetryState
from projectloom.state.chat import ChatState
from projectloom.state.files import FileRow
from projectloom.state.receipt import ReceiptState
from projectloom.state.thread import MessageRow


def message(row: MessageRow) -> rx.Component:
    """One message of the thread."""
    return rx.el.article(
        rx.cond(row.role == "user", _question(row), _reply(row)),
        id=row.anchor,
        key=row.anchor,
        class_name=rx.cond(row.role == "user", "message question", "message reply"),
        custom_attrs={"data-message": row.message_id},
    )


def _question(row: MessageRow) -> rx.Component:
    files: Any = row.files
    return rx.fragment(
        rx.cond(
            files.length() > 0,
            rx.el.ul(rx.foreach(files, _file), class_name="sent-files", custom_attrs={"aria-label": "Files"}),
        ),
        _words(row),
    )


def _file(file: FileRow) -> rx.Component:
    """A file of a question: a picture in place, a text by its name; both open by themselves."""
    address = backend_url(rx.Var.create(f"/api/attachments/{file.id}"))
    return rx.el.li(
        rx.el.a(
            rx.cond(
                file.picture,
                rx.el.img(src=address, alt=file.name, width=file.width, height=file.height, loading="lazy"),
                rx.el.span(
                    icon("file-text", 18),
                    rx.el.span(file.name, class_name="ellipsis"),
                    rx.el.span(file.size, class_name="quiet"),
                    class_name="file-chip",
                ),
            ),
            href=address,
            target="_blank",
            rel="noopener",
            title=rx.Var.create(f"{file.name}, {file.size}"),
            custom_attrs=attrs("sent-file"),
        ),
        key=file.id,
    )


def _words(row: MessageRow) -> rx.Component:
    return Question.create(
        _versions(row),
        text=row.text,
        price=rx.cond(RetryState.anchor == row.anchor, RetryState.price, ""),
        locked=ChatState.running,
        on_draft=lambda draft: RetryState.consider(row.position, row.anchor, draft),
        on_send=lambda text, request_id: BranchState.edit(row.position, text, request_id),
    )


def _reply(row: MessageRow) -> rx.Component:
    return rx.fragment(
        rx.el.h2("Reply", class_name="sr-only"),
        Reply.create(text=row.text, turn_id=row.turn_id, live=row.live, size=row.size, on_settled=ChatState.settle),
        rx.cond(row.note != "", _ending(row)),
        rx.cond(row.live, rx.fragment(), _footer(row)),
    )


def _ending(row: MessageRow) -> rx.Component:
    return rx.el.p(
        rx.el.span(row.note, custom_attrs=attrs("reply-note")),
        rx.cond(
            row.broken,
            rx.el.button(
                icon("rotate-ccw", 14),
                "Try again",
                rx.cond(row.again != "", rx.el.span(" · ", row.again, class_name="num-text"), ""),
                type="button",
                class_name="link",
                disabled=ChatState.running,
                on_click=BranchState.retry(row.position, row.model_id),
                custom_attrs=attrs("ask-again"),
            ),
        ),
        class_name="note ending",
    )


def _footer(row: MessageRow) -> rx.Component:
    return rx.el.div(
        rx.cond(row.cost != "", _cost(row)),
        _versions(row),
        rx.el.span(
            CopyReply.create(text=row.text, turn_id=row.turn_id),
            _retry_menu(row),
            _branch_menu(row),
            class_name="actions",
        ),
        class_name="reply-footer under-message quiet",
    )


def _cost(row: MessageRow) -> rx.Component:
    return rx.fragment(
        rx.el.button(
            row.cost,
            type="button",
            class_name="cost num",
            title="Show the receipt",
            on_click=ReceiptState.show(row.turn_id),
            custom_attrs=attrs("reply-cost", rx.Var.create(f"Cost {row.cost}, show the receipt")),
        ),
        rx.el.span("paid with ", row.payer, custom_attrs=attrs("reply-payer")),
        rx.el.span(row.model, custom_attrs=attrs("reply-model")),
    )


def _versions(row: MessageRow) -> rx.Component:
    """The switcher between what stands in this place in different branches."""
    return rx.cond(
        row.versions > 1,
        rx.el.span(
            icon_button(
                "chevron-left",
                "The version before",
                test="version-before",
                on_click=BranchState.switch(row.position, -1),
                disabled=row.number == 1,
            ),
            rx.el.span(
                rx.el.span(row.number, "/", row.versions, custom_attrs={"aria-hidden": "true"}),
                rx.el.span(rx.Var.create(f"Version {row.number} of {row.versions}"), class_name="sr-only"),
                class_name="num",
                custom_attrs=attrs("version"),
            ),
            icon_button(
                "chevron-right",
                "The next version",
                test="version-next",
                on_click=BranchState.switch(row.position, 1),
                disabled=row.number == row.versions,
            ),
            class_name="version-switch",
            role="group",
            custom_attrs={"aria-label": "Versions"},
        ),
    )


def _retry_menu(row: MessageRow) -> rx.Component:
    """Two clicks to another reply, each model with its price. The prices are asked for as it opens."""
    return rx.el.details(
        rx.el.summary(
            icon("rotate-ccw", 15),
            class_name="icon-button",
            title="Ask again",
            on_click=RetryState.offer(row.position, row.anchor, row.model_id),
            custom_attrs=attrs("retry", "Ask again, with this or another model"),
        ),
        rx.el.div(
            rx.cond(
                RetryState.anchor == row.anchor,
                rx.foreach(RetryState.choices, lambda choice: _choice(choice, row)),
                skeleton("80%", "60%"),
            ),
            class_name="menu-list retry-list",
            role="group",
            custom_attrs={"aria-label": "Ask again with"},
        ),
        class_name="menu",
    )


def _choice(choice: Choice, row: MessageRow) -> rx.Component:
    return rx.el.button(
        rx.el.span(rx.cond(choice.same, "Again with ", ""), choice.label, class_name="grow"),
        rx.el.span(choice.price, class_name="quiet"),
        type="button",
        key=choice.id,
        disabled=ChatState.running,
        on_click=BranchState.retry(row.position, choice.id),
        custom_attrs=attrs("retry-choice", data_answers=choice.id),
    )


def _branch_menu(row: MessageRow) -> rx.Component:
    return rx.el.details(
        rx.el.summary(
            icon("git-branch", 15),
            class_name="icon-button",
            title="Branch",
            custom_attrs=attrs("branch", "Branch from here"),
        ),
        rx.el.div(
            rx.el.button(
                "Continue from here",
                type="button",
                disabled=ChatState.running,
                on_click=BranchState.go_on_from(row.position),
                custom_attrs=attrs("go-on-from", data_moves_focus=""),
            ),
            rx.el.button(
                "Branch into a new chat",
                type="button",
                on_click=BranchState.into_new_chat(row.position),
                custom_attrs=attrs("into-new-chat", data_moves_focus=""),
            ),
            class_name="menu-list",
        ),
        class_name="menu",
    )
