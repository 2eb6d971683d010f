"""The way in: an account of one's own, or in the sandbox one press for a demonstration account."""

import reflex as rx

from projectloom.components.controls import sandbox_badge
from projectloom.components.islands import AuthForm
from projectloom.components.sidebar import mark
from projectloom.config import settings
from projectloom.limits import MIN_PASSWORD_CHARS


def sign_in_page() -> rx.Component:
    """The whole page."""
    return rx.el.main(
        rx.el.div(
            rx.el.div(mark(), sandbox_badge(), class_name="row between"),
            rx.el.h1("One place for Anthropic and OpenAI models"),
            rx.el.p(
                "You see what a reply may cost before you send it, what it did cost when it ends, "
                "and the books prove both.",
                class_name="quiet",
            ),
            AuthForm.create(demonstration=settings().sandbox_on, min_password=MIN_PASSWORD_CHARS),
            class_name="card sign-in",
        ),
        class_name="sign-in-page",
        id="main",
    )
