"""Choosing who pays, where the person is: credits or keys of their own, and what each of them needs before it can.

The guide asks it step by step, and the card in the way of a first message asks it whole.
"""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, link
from projectloom.components.top_up import NOT_SOLD, no_overdraft_note, pack_buttons
from projectloom.config import settings
from projectloom.limits import MAX_API_KEY_CHARS
from projectloom.state.guide import GuideState

_KEY_PAGES = (
    ("Anthropic", "https://platform.claude.com/settings/keys"),
    ("OpenAI", "https://platform.openai.com/api-keys"),
)
_PRACTISE_HINT = "This is a demonstration: the stand-ins for Anthropic and OpenAI take it, and nobody is billed"


def choose_payer() -> rx.Component:
    """Each way to pay as one press. In a demonstration there is one that needs nothing else."""
    ways = [
        *(
            [
                _option(
                    "wallet",
                    "Buy credits",
                    "One prepaid balance. Every model, no accounts elsewhere.",
                    on_click=GuideState.choose_credits,
                    test="begin-credits",
                )
            ]
            if settings().sells_credits
            else []
        ),
        _option(
            "key-round",
            "Use your own API keys",
            "From Anthropic or OpenAI. They bill you.",
            on_click=GuideState.choose_own,
            test="begin-own",
        ),
        *(
            [
                _option(
                    "flask-conical",
                    "Just try it",
                    "With a practice key. This is a demonstration: nobody is billed.",
                    on_click=GuideState.practise,
                    test="begin-practice",
                )
            ]
            if settings().sandbox_on
            else []
        ),
    ]
    return rx.el.div(*ways, class_name="options payers", custom_attrs=attrs("first-step"))


def _option(name: str, title: str, words: str, *, on_click: Any, test: str) -> rx.Component:
    return rx.el.button(
        icon(name, 18),
        rx.el.span(title, class_name="strong"),
        rx.el.span(words, class_name="quiet"),
        type="button",
        class_name="option",
        on_click=on_click,
        custom_attrs=attrs(test),
    )


def ways_to_go_on() -> list[rx.Component]:
    """What somebody without credits can do: buy some, or on a server that sells none pay with keys of their own."""
    if settings().sells_credits:
        return [pack_buttons(), no_overdraft_note()]
    to_settings = link(
        "Use your own API keys", to=routes.SETTINGS, class_name="button primary", custom_attrs=attrs("to-own-keys")
    )
    return [rx.el.p(NOT_SOLD, class_name="quiet"), rx.el.div(to_settings, class_name="row wrap")]


def buy_here() -> rx.Component:
    """Credits, without leaving what is being written; or the other way to pay."""
    return rx.el.div(
        *ways_to_go_on(),
        _other_way("Use your own API keys instead", GuideState.choose_own, "guide-own-instead"),
        class_name="stack",
        custom_attrs=attrs("first-credits"),
    )


def key_form() -> rx.Component:
    """A key of one's own, tried and kept where the person is; or the other way to pay."""
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
        title=_PRACTISE_HINT,
        on_click=GuideState.practise,
        custom_attrs=attrs("guide-practise"),
    )


def _other_way(words: str, event: Any, test: str) -> rx.Component:
    return rx.el.button(words, type="button", class_name="link quiet", on_click=event, custom_attrs=attrs(test))
