"""The operator's page of people: a field, and whom it found."""

import reflex as rx

from projectloom.components.controls import attrs, icon, link
from projectloom.components.operator_parts import heading, lines, operator_frame, section
from projectloom.limits import MAX_EMAIL_CHARS
from projectloom.state.operator_people import OperatorPeopleState, PersonRow


def operator_people_page() -> rx.Component:
    """The whole page."""
    return operator_frame(
        section(
            "users",
            "People",
            _search(),
            rx.cond(
                OperatorPeopleState.found,
                lines(
                    "People",
                    (heading("Person"), heading("Since", "right")),
                    rx.foreach(OperatorPeopleState.found, _person),
                ),
                rx.el.p("Nobody has that.", class_name="empty-note", custom_attrs=attrs("people-empty")),
            ),
        ),
        page="People",
        loaded=OperatorPeopleState.loaded,
    )


def _search() -> rx.Component:
    return rx.el.form(
        rx.el.label(
            rx.el.span("A part of an e-mail, or the id of a person or an order"),
            rx.el.input(
                type="search",
                name="q",
                default_value=OperatorPeopleState.asked,
                key=OperatorPeopleState.asked,
                max_length=MAX_EMAIL_CHARS,
                auto_complete="off",
                class_name="input",
                custom_attrs=attrs("people-q"),
            ),
            class_name="field grow",
        ),
        rx.el.button(icon("search", 14), "Find", type="submit", class_name="button", custom_attrs=attrs("people-find")),
        on_submit=OperatorPeopleState.search,
        class_name="row search",
        role="search",
        custom_attrs={"aria-label": "People"},
    )


def _person(row: PersonRow) -> rx.Component:
    return rx.el.tr(
        rx.el.td(link(row.name, to=row.href, class_name="link"), class_name="what", role="cell"),
        rx.el.td(row.since, class_name="right amount-cell", role="cell"),
        key=row.key,
        role="row",
        custom_attrs=attrs("person"),
    )
