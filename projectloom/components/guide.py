"""The first-run guide in an empty chat: who pays, what it needs, and the first question. One step is open at a time."""

from typing import Any

import reflex as rx

from projectloom.components.controls import attrs, icon, icon_button, sandbox_badge
from projectloom.components.who_pays import buy_here, choose_payer, key_form
from projectloom.state.balance import BalanceState
from projectloom.state.conversations import ConversationsState
from projectloom.state.guide import GuideState
from projectloom.state.preferences import PreferencesState, SettingsState


def guide(starters: rx.Component) -> rx.Component:
    """The guide, or the starters alone where it is done or put away. Nothing until it is known which."""
    known = PreferencesState.loaded & SettingsState.loaded & BalanceState.loaded & ConversationsState.loaded
    silent = rx.cond(ConversationsState.begun, False, True)  # noqa: FBT003 - what is shown, not a flag
    fresh = (PreferencesState.guide == "new") & (~_payer_ready() | silent)
    return rx.cond(known, rx.cond((PreferencesState.guide == "again") | fresh, _steps(starters), starters))


def _payer_ready() -> Any:
    with_credits = rx.cond(BalanceState.nothing, False, True)  # noqa: FBT003 - what is shown, not a flag
    return rx.cond(PreferencesState.uses_credits, with_credits, SettingsState.has_keys)


def _payer_chosen() -> Any:
    return PreferencesState.uses_credits | SettingsState.has_keys | GuideState.own


def _steps(starters: rx.Component) -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h3("Three steps to your first reply"),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            icon_button("x", "Put the guide away", test="close-guide", on_click=PreferencesState.close_guide),
            class_name="row",
        ),
        rx.el.ol(
            _step(
                1,
                "Choose who pays",
                done=_payer_chosen(),
                now=~_payer_chosen(),
                inside=choose_payer(),
                said=rx.cond(PreferencesState.uses_credits, "Credits", "Your own API keys"),
            ),
            _step(
                2,
                rx.cond(
                    _payer_chosen(),
                    rx.cond(PreferencesState.uses_credits, "Add credits", "Add your key"),
                    "Add credits or a key",
                ),
                done=_payer_ready(),
                now=_payer_chosen() & ~_payer_ready(),
                inside=rx.cond(PreferencesState.uses_credits, buy_here(), key_form()),
                said=rx.cond(PreferencesState.uses_credits, BalanceState.amount, "Saved"),
            ),
            _step(
                3,
                "Ask something",
                done=False,
                now=_payer_ready(),
                inside=rx.fragment(
                    rx.el.p(
                        "Take one of these and change it, or write your own below. Its price stands beside Send.",
                        class_name="quiet",
                    ),
                    starters,
                ),
                said="",
            ),
            class_name="guide-steps",
        ),
        class_name="card guide",
        custom_attrs=attrs("guide", "Guide"),
    )


def _step(number: int, title: Any, *, done: Any, now: Any, inside: rx.Component, said: Any) -> rx.Component:
    mark = rx.cond(done, rx.fragment(icon("check", 14), rx.el.span("Done: ", class_name="sr-only")), str(number))
    return rx.el.li(
        rx.el.div(
            rx.el.span(mark, class_name="guide-mark"),
            rx.el.h4(title),
            rx.cond(done, rx.el.span(said, class_name="quiet")),
            class_name="row",
        ),
        rx.cond(now, rx.el.div(inside, class_name="guide-inside")),
        class_name=rx.cond(now, "guide-step now", rx.cond(done, "guide-step done", "guide-step")),
        custom_attrs=attrs(f"guide-{number}", aria_current=rx.cond(now, "step", "false")),
    )
