"""What the operator's pages share: the frame with the way between them, tables of lines, a question with a reason."""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, link, skeleton
from projectloom.components.islands import Dialog
from projectloom.limits import MAX_REASON_CHARS
from projectloom.state.identity import IdentityState
from projectloom.state.operator_rows import ActionRow
from projectloom.template import frame

# Closed by the browser itself, the dialog gives the focus back to the button that opened it, and then says so.
CLOSE = "document.querySelector('dialog[open]')?.close()"

_PAGES = (
    ("People", routes.OPERATOR),
    ("Waiting", routes.OPERATOR_TROUBLES),
    ("Margins", routes.OPERATOR_MARGINS),
    ("Prices", routes.OPERATOR_PRICES),
    ("Books", routes.OPERATOR_BOOKS),
    ("Record", routes.OPERATOR_RECORD),
)


def operator_frame(*content: rx.Component, page: str, loaded: rx.Var[bool] | bool) -> rx.Component:
    """One of the operator's pages. To everybody else there is none."""
    return frame(
        # Hoisted into the head by React, so that no other page carries these rules.
        rx.el.link(rel="stylesheet", href="/operator.css", custom_attrs={"precedence": "default"}),
        rx.el.div(
            rx.cond(
                _refused(),
                _no_such_page(),
                rx.cond(
                    IdentityState.operates & loaded,
                    rx.fragment(_ways(page), *content),
                    rx.el.section(skeleton("40%", "80%", "70%"), class_name="card roomy"),
                ),
            ),
            class_name="page wide operating",
        ),
        title=rx.cond(_refused(), "No such page", f"Operator · {page}"),
        current="Operator",
    )


def _refused() -> Any:
    return IdentityState.known & ~IdentityState.operates  # pyright: ignore[reportDeprecated]


def _ways(page: str) -> rx.Component:
    return rx.el.nav(
        *[
            link(
                words,
                to=to,
                class_name="chip",
                custom_attrs=attrs(f"operator-{words.lower()}")
                | {"aria-current": "page" if words == page else "false"},
            )
            for words, to in _PAGES
        ],
        class_name="chips",
        custom_attrs={"aria-label": "Operator's pages"},
    )


def _no_such_page() -> rx.Component:
    return rx.el.section(
        rx.el.h2("There is no such page", class_name="section-title"),
        rx.el.p("The address may be mistyped, or what stood here is gone.", class_name="quiet"),
        link("Go to the chat", to=routes.CHAT, class_name="link"),
        class_name="card roomy",
        custom_attrs=attrs("not-found"),
    )


def section(icon_name: str, title: rx.Var[str] | str, *content: rx.Component, beside: Any = None) -> rx.Component:
    """A card with a title, and what stands beside it."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(icon(icon_name), title, class_name="section-title"),
            rx.el.span(class_name="grow"),
            *([] if beside is None else [beside]),
            class_name="row wrap",
        ),
        *content,
        class_name="card roomy",
    )


def heading(words: str, class_name: str = "") -> rx.Component:
    """A column's heading."""
    return rx.el.th(words, scope="col", role="columnheader", class_name=class_name)


def lines(label: str, headings: tuple[rx.Component, ...], rows: rx.Component) -> rx.Component:
    """A table of lines, which folds on a phone."""
    return rx.el.table(
        rx.el.thead(rx.el.tr(*headings, role="row"), role="rowgroup"),
        rx.el.tbody(rows, role="rowgroup"),
        class_name="lines",
        role="table",
        custom_attrs={"aria-label": label},
    )


def more_button(state: Any, test: str) -> rx.Component:
    """Reads the next page. ``state`` has ``busy`` and the handler ``show_more``."""
    return rx.el.button(
        rx.cond(state.busy, "Loading…", "Show more"),
        type="button",
        class_name="button wide",
        on_click=state.show_more,
        disabled=state.busy,
        custom_attrs=attrs(test),
    )


def question(title: str, *content: rx.Component, state: Any, submit: Any, does: str, test: str) -> rx.Component:
    """A dialog that does something for a reason. ``state`` has ``trouble`` and the handler ``close``."""
    return Dialog.create(
        rx.el.form(
            rx.el.h2(title),
            *content,
            rx.el.label(
                rx.el.span("Why?"),
                rx.el.input(
                    name="reason",
                    required=True,
                    max_length=MAX_REASON_CHARS,
                    auto_complete="off",
                    class_name="input",
                    custom_attrs=attrs(f"{test}-reason"),
                ),
                rx.el.small("Kept in the operators' record for good."),
                class_name="field",
            ),
            rx.cond(
                state.trouble != "",
                rx.el.p(
                    icon("circle-alert", 14),
                    rx.el.span(state.trouble),
                    class_name="note error",
                    role="alert",
                    custom_attrs=attrs(f"{test}-trouble"),
                ),
            ),
            rx.el.div(
                rx.el.button("Cancel", type="button", class_name="button", on_click=rx.call_script(CLOSE)),
                rx.el.button(does, type="submit", class_name="button primary", custom_attrs=attrs(f"{test}-confirm")),
                class_name="row wrap end",
            ),
            on_submit=submit,
            class_name="stack",
            custom_attrs=attrs(f"{test}-dialog"),
        ),
        label=title,
        on_close=state.close,
    )


def action_table(rows: rx.Var[list[ActionRow]] | list[ActionRow], *, whom: bool) -> rx.Component:
    """What operators did; ``whom`` says whether a line names the person."""
    return lines(
        "What operators did, the latest first",
        (heading("Date (UTC)"), heading("What"), heading("Who", "right")),
        rx.foreach(rows, lambda row: _action(row, whom=whom)),
    )


def _action(row: ActionRow, *, whom: bool) -> rx.Component:
    person = rx.cond(row.person != "", rx.fragment(" · ", link(row.person, to=row.href, class_name="link")))
    return rx.el.tr(
        rx.el.td(row.when, class_name="when", role="cell"),
        rx.el.td(
            rx.el.span(row.what, *([person] if whom else [])),
            rx.cond(row.details != "", rx.el.span(row.details, class_name="quiet detail")),
            rx.cond(row.reason != "", rx.el.span("Why: ", row.reason, class_name="quiet detail")),
            rx.cond(row.subject != "", rx.el.code(row.subject, class_name="quiet detail id")),
            class_name="what",
            role="cell",
        ),
        rx.el.td(row.who, class_name="right amount-cell who", role="cell"),
        key=row.key,
        role="row",
        custom_attrs=attrs("action"),
    )
