"""The message field with the model beside it, and the price of the next reply said before it is sent."""

from typing import Any

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from projectloom import limits, routes
from projectloom.attached import limits_in_words
from projectloom.components.ahead import ahead_note, more_credit
from projectloom.components.branches import chat_foot, going_on_note, long_chat_note
from projectloom.components.controls import attrs, icon_button, link
from projectloom.components.instructions import instructions_note, instructions_offer, instructions_sheet
from projectloom.components.islands import Composer
from projectloom.components.model_picker import model_picker
from projectloom.state.balance import BalanceState
from projectloom.state.chat import ChatState
from projectloom.state.composer import EstimateState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState

_LIMITS = {
    "files": limits.MAX_ATTACHED,
    "pictureBytes": limits.MAX_PICTURE_BYTES,
    "textBytes": limits.MAX_TEXT_FILE_BYTES,
    "pasteChars": limits.PASTE_CHARS,
    "words": limits_in_words(),
}


def composer() -> rx.Component:
    """The foot of the chat."""
    return rx.el.div(
        instructions_note(),
        going_on_note(),
        long_chat_note(),
        ahead_note(),
        Composer.create(
            model_picker(),
            rx.el.span(class_name="grow"),
            _estimate(),
            conversation_id=ChatState.conversation_id,
            ready=ChatState.opened,
            running=ChatState.running,
            basis=_basis(),
            returned=ChatState.returned,
            taken=ChatState.taken,
            lost=has_connection_errors,
            limits=_LIMITS,
            on_send=ChatState.send,
            on_draft=lambda draft, files: EstimateState.consider(draft, files, ChatState.conversation_id, _basis()),
            on_stop=ChatState.stop,
        ),
        rx.el.div(
            rx.cond(
                (EstimateState.cheaper != "") & (EstimateState.basis == _basis()),
                _cheaper(),
                rx.el.span("Models can be wrong.", rx.el.span(" Check what matters.", class_name="roomy-only")),
            ),
            instructions_offer(),
            chat_foot(),
            class_name="quiet under-composer",
        ),
        instructions_sheet(),
        class_name="composer-frame",
    )


def _basis() -> rx.Var[str]:
    """All that an estimate rests on besides the draft, named in one text: when it changes, the price is asked anew."""
    return rx.Var.create(
        f"{ChatState.conversation_id} {ChatState.path_name} {ModelState.model} {PreferencesState.api_key_mode} "
        f"{BalanceState.amount} {BalanceState.held} "
        f"{rx.cond(ChatState.running, 'running', 'resting')}"
    )


def _estimate() -> rx.Component:
    """The draft's price. Where there is none, or it rests on what is no more so, the price of the model's page."""
    terms: Any = EstimateState.terms
    return rx.cond(
        (EstimateState.text != "") & (EstimateState.basis == _basis()),
        rx.cond(
            terms.length() > 0,
            _range(),
            _line(
                EstimateState.text,
                rx.match(
                    EstimateState.tone,
                    ("none", rx.fragment(" ", more_credit("offer"))),
                    ("capped", rx.fragment(" ", link("Change your caps", to=routes.SETTINGS, class_name="link"))),
                    rx.fragment(),
                ),
                tone=EstimateState.tone,
            ),
        ),
        _line(rx.el.span(ModelState.price), tone="calm", short=ModelState.page),
    )


def _range() -> rx.Component:
    """What is usual, short and calm. The most that it can come to is one press away, where a thumb finds it too."""
    terms: Any = EstimateState.terms
    return rx.fragment(
        rx.el.span(EstimateState.text, EstimateState.compared, class_name="sr-only", role="status"),
        rx.el.details(
            rx.el.summary(
                EstimateState.text,
                rx.el.span(EstimateState.compared, class_name="roomy-only"),
                class_name=rx.Var.create(f"estimate {EstimateState.tone}"),
                title=terms[1],
                custom_attrs=attrs("estimate"),
            ),
            rx.el.div(
                rx.foreach(terms, rx.el.p),
                class_name="menu-list estimate-terms",
                custom_attrs=attrs("estimate-terms"),
            ),
            class_name="menu estimate-menu",
        ),
    )


def _cheaper() -> rx.Component:
    """In the place of a line that is always there, so that nothing moves when it comes and goes."""
    return rx.el.span(
        rx.el.button(
            rx.el.span(EstimateState.cheaper),
            type="button",
            class_name="link",
            on_click=EstimateState.take_cheaper,
            custom_attrs=attrs("take-cheaper", data_short=EstimateState.cheaper_short),
        ),
        icon_button(
            "x",
            "Do not point out cheaper models",
            test="never-cheaper",
            size=13,
            class_name="icon-button tiny",
            on_click=EstimateState.never_cheaper,
        ),
        class_name="cheaper",
        custom_attrs=attrs("cheaper"),
    )


def _line(*words: Any, tone: rx.Var[str] | str, short: Any = None) -> rx.Component:
    """Words in the place of the price; on a phone the ``short`` ones stand for them."""
    return rx.el.span(
        *words,
        class_name=rx.Var.create(f"estimate {tone}"),
        role="status",
        custom_attrs=attrs("estimate", **({} if short is None else {"data_short": short})),
    )
