"""The first-run guide in an empty chat: who pays, what it needs, and the first question. One step is open at a time."""

from typing import Any

import reflex as rx

from projectloom.components.controls import attrs, icon, icon_button, sandbox_badge
from projectloom.components.walls import ways_to_go_on
from projectloom.config import settings
from projectloom.limits import MAX_API_KEY_CHARS
from projectloom.state.balance import BalanceState
from projectloom.state.conversations import ConversationsState
from projectloom.state.guide import GuideState
from projectloom.state.preferences import PreferencesState, SettingsState

_KEY_PAGES = (
    ("Anthropic", "https://platform.claude.com/settings/keys"),
    ("OpenAI", "https://platform.openai.com/api-keys"),
)


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
                inside=_choose_payer(),
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
                inside=rx.cond(PreferencesState.uses_credits, _credits(), _own_key()),
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


def _choose_payer() -> rx.Component:
    return rx.el.div(
        *([_begin_with_credits()] if settings().sells_credits else []),
        rx.el.button(
            icon("key-round", 18),
            rx.el.span("Use your own API keys", class_name="strong"),
            rx.el.span("From Anthropic or OpenAI. They bill you.", class_name="quiet"),
            type="button",
            class_name="option",
            on_click=GuideState.choose_own,
            custom_attrs=attrs("begin-own"),
        ),
        class_name="options",
        custom_attrs=attrs("first-step"),
    )


def _begin_with_credits() -> rx.Component:
    return rx.el.button(
        icon("wallet", 18),
        rx.el.span("Buy credits", class_name="strong"),
        rx.el.span("One prepaid balance. Every model, no accounts elsewhere.", class_name="quiet"),
        type="button",
        class_name="option",
        on_click=GuideState.choose_credits,
        custom_attrs=attrs("begin-credits"),
    )


def _credits() -> rx.Component:
    return rx.el.div(
        *ways_to_go_on(),
        _other_way("Use your own API keys instead", GuideState.choose_own, "guide-own-instead"),
        class_name="stack",
        custom_attrs=attrs("first-credits"),
    )


def _own_key() -> rx.Component:
    return rx.el.div(
        rx.el.form(
            rx.el.input(
                type="password",
                name="key",
                placeholder="sk-…",
                required=True,
                auto_complete="off",
                spell_check=False,
                max_length=MAX_API_KEY_CHARS,
                class_name="input grow",
                custom_attrs=attrs("guide-key", "API key from Anthropic or OpenAI"),
            ),
            rx.el.button(
                rx.cond(GuideState.trying, "Asking", "Save"),
                type="submit",
                class_name="button primary",
                disabled=GuideState.trying,
                custom_attrs=attrs("guide-save-key"),
            ),
            on_submit=GuideState.paste,
            class_name="row",
        ),
        rx.el.p(GuideState.trouble, class_name="form-error", role="alert", custom_attrs=attrs("guide-trouble")),
        rx.el.p(
            "Paste a key from ",
            *_key_links(),
            ". It is tried at its provider, which costs nothing, and kept encrypted.",
            class_name="quiet",
        ),
        rx.el.div(
            *([_practise()] if settings().sandbox_on else []),
            *(
                [_other_way("Buy credits instead", GuideState.choose_credits, "guide-credits-instead")]
                if settings().sells_credits
                else []
            ),
            class_name="row wrap",
        ),
        class_name="stack",
    )


def _key_links() -> list[Any]:
    (first, second) = (
        rx.el.a(name, href=address, target="_blank", rel="noopener noreferrer", class_name="link")
        for name, address in _KEY_PAGES
    )
    return [first, " or ", second]


def _practise() -> rx.Component:
    return rx.el.button(
        "Use a practice key",
        type="button",
        class_name="button small",
        title="This is a demonstration: the stand-ins for Anthropic and OpenAI take it, and nobody is billed",
        on_click=GuideState.practise,
        custom_attrs=attrs("guide-practise"),
    )


def _other_way(words: str, event: Any, test: str) -> rx.Component:
    return rx.el.button(words, type="button", class_name="link quiet", on_click=event, custom_attrs=attrs(test))
