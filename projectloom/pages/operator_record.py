"""The operator's page of the record."""

import reflex as rx

from projectloom.components.controls import attrs
from projectloom.components.operator_parts import action_table, more_button, operator_frame, section
from projectloom.state.operator_record import OperatorRecordState


def operator_record_page() -> rx.Component:
    """The whole page."""
    return operator_frame(
        section(
            "clipboard-list",
            "Record",
            rx.el.p(
                "What operators did. Lines are only ever added: the database refuses anything else.", class_name="quiet"
            ),
            rx.cond(
                OperatorRecordState.rows,
                rx.fragment(
                    action_table(OperatorRecordState.rows, whom=True),
                    rx.cond(OperatorRecordState.more, more_button(OperatorRecordState, "record-more")),
                ),
                rx.el.p("Nothing was done yet.", class_name="empty-note", custom_attrs=attrs("record-empty")),
            ),
        ),
        page="Record",
        loaded=OperatorRecordState.loaded,
    )
