"""Which model answers: favourites and a few by intent, the rest behind "More models", each with its price in words."""

from typing import Any

import reflex as rx

from projectloom.components.controls import attrs, icon
from projectloom.components.islands import text_and_choice
from projectloom.state.models import ModelState


class ModelList(rx.Component):
    """The models to choose from, with a search field; lives inside a menu.

    ``first`` and ``more`` are rows of ``state.models.ModelRow``. ``on_like``: a favourite from now on, or not any more.
    """

    library = "$/public/islands/model_list.jsx"
    tag = "ModelList"

    first: rx.Var[list[Any]]
    more: rx.Var[list[Any]]
    model: rx.Var[str]
    on_pick: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_like: rx.EventHandler[text_and_choice]


def model_picker() -> rx.Component:
    """The button with the model's name, and the list it opens. Arrow keys travel the list, Esc closes it."""
    return rx.el.details(
        rx.el.summary(
            rx.el.span(
                rx.el.span(rx.cond(ModelState.label != "", ModelState.label, "Model")),
                class_name="ellipsis",
                custom_attrs={"data-short": ModelState.short},
            ),
            icon("chevron-down", 14),
            class_name="picker-button",
            title=ModelState.price,
            custom_attrs=attrs("model-picker", rx.Var.create(f"Model: {ModelState.label}")),
        ),
        rx.el.div(
            ModelList.create(
                first=ModelState.first,
                more=ModelState.more,
                model=ModelState.model,
                on_pick=ModelState.pick,
                on_like=ModelState.like,
            ),
            rx.el.label(
                rx.el.input(
                    type="checkbox",
                    checked=ModelState.cheaper_told,
                    on_change=ModelState.tell_cheaper,
                    custom_attrs=attrs("tell-cheaper"),
                ),
                "Point out when a cheaper model would do",
                class_name="picker-foot",
            ),
            class_name="menu-list picker-list",
            role="group",
            custom_attrs={"aria-label": "Models"},
        ),
        class_name="menu picker",
    )
