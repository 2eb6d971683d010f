"""The line above the composer that tells what will soon stop a person, with the next step."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, icon, icon_button, link
from projectloom.config import settings
from projectloom.state.ahead import AheadState
from projectloom.state.chat import ChatState


def ahead_note() -> rx.Component:
    """Nothing while nothing is near, or while what stands in the way is said already."""
    return rx.cond(
        (AheadState.line != "") & (ChatState.wall == ""),
        rx.el.div(
            icon("hourglass", 14),
            rx.el.span(AheadState.line, class_name="grow"),
            rx.match(
                AheadState.kind,
                ("balance", more_credit("ahead-buy")),
                ("cap", link("Change your caps", to=f"{routes.SETTINGS}#caps", class_name="link")),
                ("key", link("Change the limit", to=f"{routes.SETTINGS}#payer", class_name="link")),
                rx.fragment(),
            ),
            icon_button(
                "x",
                "Put this away",
                test="put-away-ahead",
                size=13,
                class_name="icon-button tiny",
                on_click=AheadState.put_away,
            ),
            class_name="note above-composer",
            role="status",
            custom_attrs=attrs("ahead"),
        ),
    )


def more_credit(test: str) -> rx.Component:
    """The next step where the balance is the trouble: the packs, in place; on a server that sells none, own keys."""
    if not settings().sells_credits:
        return link("Use your own key", to=routes.SETTINGS, class_name="link")
    return rx.el.button(
        "Buy credits", type="button", class_name="link", on_click=ChatState.offer, custom_attrs=attrs(test)
    )
