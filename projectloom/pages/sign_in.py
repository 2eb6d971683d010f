"""The way in: an account of one's own, or in the sandbox one press for a demonstration account; or Clerk's forms."""

import reflex as rx

from projectloom import routes
from projectloom.components.account_islands import AuthForm
from projectloom.components.clerk_parts import clerk_is_on, clerk_parts
from projectloom.components.controls import attrs, icon, link, sandbox_badge
from projectloom.components.islands import Alive
from projectloom.components.sidebar import mark
from projectloom.config import settings
from projectloom.limits import MIN_PASSWORD_CHARS
from projectloom.money import format_usd


def sign_in_page() -> rx.Component:
    """The whole page."""
    return _with_clerk(clerk_parts().sign_in_form()) if clerk_is_on() else _local("in")


def sign_up_page() -> rx.Component:
    """The same page, with the form for a new account."""
    return _with_clerk(clerk_parts().sign_up_form()) if clerk_is_on() else _local("up")


def _local(mode: str) -> rx.Component:
    return _page(
        AuthForm.create(first=mode, demonstration=settings().sandbox_on, min_password=MIN_PASSWORD_CHARS),
        rx.el.p(
            link("Forgot your password?", to=routes.FORGOT_PASSWORD, class_name="link", custom_attrs=attrs("forgot")),
            class_name="quiet switch",
        ),
        rx.el.p(link("How we charge", to=routes.PRICING, class_name="link"), class_name="quiet switch"),
    )


def _with_clerk(form: rx.Component) -> rx.Component:
    return _page(
        rx.el.div(form, class_name="clerk-form", custom_attrs=attrs("clerk-form")),
        rx.el.p(link("How we charge", to=routes.PRICING, class_name="link"), class_name="quiet switch"),
    )


def _page(*ways_in: rx.Component) -> rx.Component:
    return rx.el.main(
        rx.el.div(
            rx.el.div(mark(), sandbox_badge(), class_name="row between"),
            rx.el.h1("One place for Anthropic and OpenAI models"),
            rx.el.p(
                "You see what a reply may cost before you send it, what it did cost when it ends, "
                "and the books prove both.",
                class_name="quiet",
            ),
            _welcome_credit(),
            *ways_in,
            class_name="card sign-in",
        ),
        Alive.create(),
        class_name="sign-in-page",
        id="main",
    )


def _welcome_credit() -> rx.Component:
    bonus = settings().sign_up_bonus_nanos
    if not bonus:
        return rx.fragment()
    words = f"You start with {format_usd(bonus)} of credit."
    return rx.el.p(icon("gift", 14), words, class_name="note", custom_attrs=attrs("welcome-credit"))
