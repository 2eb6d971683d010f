"""The page behind an address that names nothing here."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, link
from projectloom.components.sidebar import mark


def not_found_page() -> rx.Component:
    """The whole page, for everybody: it shows nothing private and asks nobody to sign in."""
    return rx.el.main(
        rx.el.div(
            mark(),
            rx.el.h1("There is no such page"),
            rx.el.p("The address may be mistyped, or what stood here is gone.", class_name="quiet"),
            link("Go to the chat", to=routes.CHAT, class_name="button primary large", custom_attrs=attrs("to-home")),
            class_name="card sign-in",
            custom_attrs=attrs("not-found"),
        ),
        class_name="sign-in-page",
        id="main",
    )
