"""Clerk's components, where Clerk signs people in; nothing imports this module while it does not.

The parts that a person sees are ``reflex_clerk``'s wrappers. Its provider and its state are not used: they do not work
on this Reflex, and never look at when a token ends. A provider of our own wraps the whole app, and beside it a part
that draws nothing tells the server this tab's token.
"""

from typing import Any

import reflex as rx
import reflex_clerk  # pyright: ignore[reportMissingTypeStubs]
from reflex_clerk.lib.sign_up import SignUp as _WrappedSignUp  # pyright: ignore[reportMissingTypeStubs]

from projectloom import routes
from projectloom.components.controls import attrs, icon
from projectloom.config import settings
from projectloom.state.identity import IdentityState

# Our own variables, so that Clerk's forms follow both themes.
_LOOK = {
    "variables": {
        "colorPrimary": "var(--button)",
        "colorPrimaryForeground": "var(--on-accent)",
        "colorTextOnPrimaryBackground": "var(--on-accent)",
        "colorBackground": "var(--panel)",
        "colorForeground": "var(--text-1)",
        "colorText": "var(--text-1)",
        "colorTextSecondary": "var(--quiet)",
        "colorMutedForeground": "var(--quiet)",
        "colorInput": "var(--canvas)",
        "colorInputBackground": "var(--canvas)",
        "colorInputForeground": "var(--text-1)",
        "colorInputText": "var(--text-1)",
        "colorNeutral": "var(--text-1)",
        "colorDanger": "var(--error-text)",
        "borderRadius": "8px",
        "fontFamily": "var(--text)",
    }
}


class _Provider(rx.Component):
    library = "@clerk/clerk-react"
    tag = "ClerkProvider"

    publishable_key: rx.Var[str]
    clerk_j_s_url: rx.Var[str]
    sign_in_url: rx.Var[str]
    sign_up_url: rx.Var[str]
    after_sign_out_url: rx.Var[str]
    telemetry: rx.Var[bool]
    appearance: rx.Var[dict[str, Any]]


def _token_and_whether_asked(token: rx.Var[str], asked: rx.Var[bool]) -> tuple[rx.Var[str], rx.Var[bool]]:
    return token, asked


class _Session(rx.Component):
    """Draws what it is given; tells the token of this tab, at first and again before it ends."""

    library = "$/public/islands/clerk.jsx"
    tag = "ClerkSession"

    on_token: rx.EventHandler[_token_and_whether_asked]


class _SignUp(_WrappedSignUp):
    """The wrapper of the package draws Clerk's sign-in."""

    tag = "SignUp"


def provider() -> rx.Component:
    """What wraps the app: everything below it may show Clerk's components."""
    clerk = settings().clerk
    if clerk is None:
        raise RuntimeError("Clerk is off")
    where = {"clerk_j_s_url": clerk.script_url} if clerk.script_url else {}
    return _Provider.create(
        publishable_key=clerk.publishable_key,
        sign_in_url=routes.SIGN_IN,
        sign_up_url=routes.SIGN_UP,
        after_sign_out_url=routes.SIGN_IN,
        telemetry=False,
        appearance=_LOOK,
        **where,
    )


def session_teller() -> rx.Component:
    """Below the provider: what tells the server who this tab is."""
    return _Session.create(on_token=IdentityState.take_token)


def sign_in_form() -> rx.Component:
    """Clerk's sign-in, or why who is signed in there is not let in here."""
    form = reflex_clerk.sign_in(
        routing="hash",
        sign_up_url=routes.SIGN_UP,
        fallback_redirect_url=routes.CHAT,
        sign_up_fallback_redirect_url=routes.CHAT,
    )
    return rx.cond(IdentityState.refused, _refused(), form)


def sign_up_form() -> rx.Component:
    """Clerk's sign-up."""
    return _SignUp.create(
        routing="hash",
        sign_in_url=routes.SIGN_IN,
        fallback_redirect_url=routes.CHAT,
        sign_in_fallback_redirect_url=routes.CHAT,
    )


def _refused() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "This account is closed here: its data was deleted. To come back, sign out and make another account.",
            custom_attrs=attrs("sign-in-refused"),
        ),
        rx.el.div(reflex_clerk.sign_out_button(rx.el.button("Sign out", type="button", class_name="button"))),
        class_name="card stack",
        role="alert",
    )


def account_button() -> rx.Component:
    """The person's picture: their profile, password and devices at Clerk, and signing out."""
    return rx.el.span(
        reflex_clerk.user_button(after_sign_out_url=routes.SIGN_IN),
        class_name="clerk-button",
        custom_attrs=attrs("account-button"),
    )


def sign_out_button() -> rx.Component:
    """The button that ends the session at Clerk."""
    return reflex_clerk.sign_out_button(
        rx.el.button(
            icon("log-out"),
            type="button",
            class_name="icon-button",
            title="Sign out",
            custom_attrs=attrs("sign-out", "Sign out"),
        )
    )
