"""The message field with the model beside it, and the price of the next reply said before it is sent."""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, link
from projectloom.components.islands import Composer
from projectloom.components.model_picker import model_picker
from projectloom.config import settings
from projectloom.state.balance import BalanceState
from projectloom.state.chat import ChatState
from projectloom.state.composer import EstimateState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState


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
            basis=_basis(),
            returned=ChatState.returned,
            on_send=ChatState.send,
            on_draft=lambda draft: EstimateState.consider(draft, ChatState.conversation_id, _basis()),
            on_stop=ChatState.stop,
        ),
        rx.el.p("Models can be wrong. Check what matters.", class_name="quiet under-composer"),
        class_name="composer-frame",
    )


def _basis() -> rx.Var[str]:
    """All that an estimate rests on besides the draft, named in one text: when it changes, the price is asked anew."""
    return rx.Var.create(
        f"{ChatState.conversation_id} {ModelState.model} {PreferencesState.api_key_mode} {BalanceState.amount} "
        f"{BalanceState.exact} {BalanceState.held} {rx.cond(ChatState.running, 'running', 'resting')}"
    )


def _estimate() -> rx.Component:
    """The draft's price. Where there is none, or it rests on what is no more so, the price of the model's page."""
    return rx.cond(
        (EstimateState.text != "") & (EstimateState.basis == _basis()),
        _line(
            EstimateState.text,
            rx.match(
                EstimateState.tone,
                ("none", rx.fragment(" ", _way_out())),
                ("capped", rx.fragment(" ", link("Change your caps", to=routes.SETTINGS, class_name="link"))),
                rx.fragment(),
            ),
            tone=EstimateState.tone,
        ),
        _line(ModelState.price, tone="calm"),
    )


def _way_out() -> rx.Component:
    if settings().sells_credits:
        return link("Buy credits", to=routes.CREDITS, class_name="link")
    return link("Use your own key", to=routes.SETTINGS, class_name="link")


def _line(*words: Any, tone: rx.Var[str] | str) -> rx.Component:
    return rx.el.span(
        *words, class_name=rx.Var.create(f"estimate {tone}"), role="status", custom_attrs=attrs("estimate")
    )
