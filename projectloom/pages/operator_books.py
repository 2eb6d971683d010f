"""The books page: every promise with its count and when it was proven, and a full audit with its progress."""

import reflex as rx

from projectloom.components.controls import attrs, icon
from projectloom.components.operator_parts import operator_frame
from projectloom.state.operator_books import OperatorBooksState, PromiseRow, RoomRows


def operator_books_page() -> rx.Component:
    """The whole page."""
    return operator_frame(
        rx.el.section(
            rx.el.div(
                rx.el.h2(icon("book-check"), "Books", class_name="section-title"),
                rx.el.span(class_name="grow"),
                _prove(),
                _full_audit(),
                class_name="row wrap",
            ),
            rx.el.p(
                rx.cond(OperatorBooksState.tone == "bad", icon("circle-x"), icon("circle-check")),
                rx.el.span(OperatorBooksState.verdict),
                class_name=rx.Var.create(f"verdict books-verdict {OperatorBooksState.tone}"),
                role="status",
                custom_attrs=attrs("books-verdict", data_tone=OperatorBooksState.tone),
            ),
            _progress(),
            rx.el.p(
                "A proof reads what was touched since the last one that held, and compares every balance. A full audit "
                "reads everything again, in the background; only that finds what was changed behind the server's back.",
                class_name="quiet",
            ),
            class_name="card roomy",
        ),
        rx.foreach(OperatorBooksState.rooms, _room),
        page="Books",
        loaded=OperatorBooksState.loaded,
    )


def _prove() -> rx.Component:
    return rx.el.button(
        rx.cond(OperatorBooksState.busy, "Proving…", "Prove now"),
        type="button",
        class_name="button small",
        on_click=OperatorBooksState.prove,
        disabled=OperatorBooksState.busy,
        custom_attrs=attrs("prove", data_busy=rx.cond(OperatorBooksState.busy, "yes", "no")),
    )


def _full_audit() -> rx.Component:
    return rx.el.button(
        "Full audit",
        type="button",
        class_name="button small",
        on_click=OperatorBooksState.ask_full,
        disabled=OperatorBooksState.under_way,
        custom_attrs=attrs("full-audit"),
    )


def _progress() -> rx.Component:
    return rx.cond(
        OperatorBooksState.full != "",
        rx.el.div(
            rx.cond(
                OperatorBooksState.under_way,
                rx.el.progress(
                    value=OperatorBooksState.done.to_string(),  # pyright: ignore[reportAttributeAccessIssue]
                    max=OperatorBooksState.total,
                    custom_attrs=attrs("full-progress", "Full audit"),
                ),
            ),
            rx.el.p(OperatorBooksState.full, class_name="quiet", custom_attrs=attrs("full-said")),
            class_name="stack tight",
        ),
    )


def _room(room: RoomRows) -> rx.Component:
    return rx.el.section(
        rx.el.h2(room.key, class_name="section-title"),
        rx.el.ul(rx.foreach(room.rows, _promise), class_name="plain-list facts-list"),
        key=room.key,
        class_name="card roomy",
    )


def _mark(icon_name: str, words: str, tone: str) -> rx.Component:
    return rx.el.span(icon(icon_name), rx.el.span(words, class_name="sr-only"), class_name=f"verdict {tone}")


def _promise(row: PromiseRow) -> rx.Component:
    return rx.el.li(
        rx.match(
            row.tone,
            ("good", _mark("circle-check", "Holds", "good")),
            ("bad", _mark("circle-x", "Broken", "bad")),
            _mark("circle-dashed", "Not looked at", ""),
        ),
        rx.el.div(
            rx.el.span(row.key, class_name="promise-words"),
            rx.cond(
                row.offenders != "",
                rx.el.span("Broken by ", rx.el.code(row.offenders), class_name="verdict bad id"),
            ),
            rx.el.span(row.proven, " · ", row.in_full, class_name="quiet"),
            class_name="stacked grow",
        ),
        key=row.key,
        class_name="row top-aligned",
        custom_attrs=attrs("promise", data_tone=row.tone),
    )
