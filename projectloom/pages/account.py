"""The pages of links in mails: asking for one, choosing another password, confirming one's address."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import attrs, link, sandbox_badge
from projectloom.components.islands import Alive, ConfirmEmail, ForgotPassword, ResetPassword
from projectloom.components.sidebar import mark
from projectloom.config import SANDBOX_PREFIX, settings
from projectloom.limits import MIN_PASSWORD_CHARS


def forgot_password_page() -> rx.Component:
    """Whoever forgot their password asks for a link."""
    if not settings().sends_mails:
        return _page("Forgot your password?", rx.el.p("This server sends no mails. Ask whoever runs it."), _back())
    return _page(
        "Forgot your password?",
        rx.el.p(
            "Tell us your e-mail. If there is an account with it, we send a link to choose another password.",
            class_name="quiet",
        ),
        ForgotPassword.create(_mailbox()),
        _back(),
    )


def reset_password_page() -> rx.Component:
    """The link that was asked for leads here."""
    return _page(
        "Choose another password",
        ResetPassword.create(
            link("Sign in", to=routes.SIGN_IN, class_name="button primary wide", custom_attrs=attrs("to-sign-in")),
            min_password=MIN_PASSWORD_CHARS,
        ),
        rx.el.p(
            "A link is over? ",
            link("Ask for another one", to=routes.FORGOT_PASSWORD, class_name="link"),
            class_name="quiet switch",
        ),
    )


def confirm_email_page() -> rx.Component:
    """The link that a new account is sent leads here."""
    return _page(
        "Confirm your e-mail",
        ConfirmEmail.create(
            link("Go on", to=routes.CHAT, class_name="button primary wide", custom_attrs=attrs("to-chat")),
        ),
        rx.el.p(
            "You need to be signed in with the account, or to know its password. A link is over? The settings send "
            "another one, under Profile. ",
            link("Forgot your password?", to=routes.FORGOT_PASSWORD, class_name="link"),
            class_name="quiet switch",
        ),
    )


def _page(title: str, *content: rx.Component) -> rx.Component:
    return rx.el.main(
        rx.el.div(
            rx.el.div(
                link(mark(), to=routes.CHAT, class_name="plain", custom_attrs=attrs("", "ProjectLoom")),
                sandbox_badge(),
                class_name="row between",
            ),
            rx.el.h1(title),
            *content,
            class_name="card sign-in",
        ),
        Alive.create(),
        class_name="sign-in-page",
        id="main",
    )


def _back() -> rx.Component:
    return rx.el.p(link("Back to sign in", to=routes.SIGN_IN, class_name="link"), class_name="quiet switch")


def _mailbox() -> rx.Component:
    """In the sandbox no mail leaves the machine: where it is read instead."""
    if not settings().sandbox_on or settings().smtp_host is not None:
        return rx.fragment()
    return rx.el.p(
        "This is a sandbox: mails are shown in ",
        rx.el.a("its mailbox", href=f"{SANDBOX_PREFIX}/mailbox", class_name="link"),
        ".",
        class_name="quiet",
    )
