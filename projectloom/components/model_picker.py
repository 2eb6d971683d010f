"""Which model answers: a few by intent, the rest behind "More models", each with its price in words."""

import reflex as rx

from projectloom.components.controls import attrs, icon
from projectloom.state.models import ModelRow, ModelState


def model_picker() -> rx.Component:
    """The button with the model's name, and the list it opens. Arrow keys travel the list, Esc closes it."""
    return rx.el.details(
        rx.el.summary(
            rx.el.span(rx.cond(ModelState.label != "", ModelState.label, "Model"), class_name="ellipsis"),
            icon("chevron-down", 14),
            class_name="picker-button",
            title=ModelState.price,
            custom_attrs=attrs("model-picker", rx.Var.create(f"Model: {ModelState.label}")),
        ),
        rx.el.div(
            rx.foreach(ModelState.first, _choice),
            rx.el.details(
                rx.el.summary(
                    "More models",
                    icon("chevron-down", 14),
                    class_name="more-models",
                    custom_attrs=attrs("more-models"),
                ),
                rx.foreach(ModelState.more, _choice),
            ),
            class_name="menu-list picker-list",
            role="group",
            custom_attrs={"aria-label": "Models"},
        ),
        class_name="menu picker",
    )


def _choice(row: ModelRow) -> rx.Component:
    return rx.el.button(
        rx.el.span(
            rx.cond(row.intent != "", rx.el.span(row.intent, class_name="intent")),
            rx.el.span(row.label, class_name="model-name"),
            rx.el.span(row.good_at, class_name="quiet"),
            rx.el.span(row.price, rx.cond(row.missing != "", ", " + row.missing, ""), class_name="quiet price"),
            class_name="choice-words",
        ),
        rx.cond(ModelState.model == row.id, icon("check")),
        type="button",
        on_click=ModelState.pick(row.id),
        key=row.id,
        class_name="choice",
        custom_attrs={
            "data-testid": "model-choice",
            "data-model": row.id,
            "aria-pressed": rx.cond(ModelState.model == row.id, "true", "false"),
        },
    )
