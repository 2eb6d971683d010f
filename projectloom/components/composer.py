"""The message field with the model beside it, and the price of the next reply said before it is sent."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, link
from projectloom.components.islands import Composer
from projectloom.components.model_picker import model_picker
from projectloom.state.chat import ChatState
from projectloom.state.composer import EstimateState
from projectloom.state.models import ModelState


def composer() -> rx.Component:
    """The foot of the chat."""
    return rx.el.div(
        Composer.create(
            model_picker(),
            rx.el.span(class_name="grow"),
            _estimate(),
            conversation_id=ChatState.conversation_id,
            ready=ChatState.opened,
            running=ChatState.running,
            returned=ChatState.returned,
            on_send=ChatState.send,
            on_draft=lambda draft: EstimateState.consider(draft, ChatState.conversation_id),
            on_stop=ChatState.stop,
        ),
        rx.el.p("Models can be wrong. Check what matters.", class_name="quiet under-composer"),
        class_name="composer-frame",
    )


def _estimate() -> rx.Component:
    return rx.el.span(
        rx.cond(
            EstimateState.tone == "none",
            rx.fragment(EstimateState.text, " ", link("Buy credits", to=routes.CREDITS, class_name="link")),
            rx.fragment(rx.cond(EstimateState.text != "", EstimateState.text, ModelState.price)),
        ),
        class_name=rx.Var.create(f"estimate {EstimateState.tone}"),
        role="status",
        custom_attrs=attrs("estimate"),
    )
