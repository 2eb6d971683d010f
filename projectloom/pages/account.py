"""The pages of links in mails: asking for one, choosing another password, confirming one's address."""

import reflex as rx

from projectloom import routes
from projectloom.components.account_islands import ConfirmEmail, ForgotPassword, ResetPassword
from projectloom.components.controls import attrs, link, sandbox_badge
from projectloom.components.islands import Alive
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
        ResetPassword.create(min_password=MIN_PASSWORD_CHARS),
        rx.el.p(
            "Is the link over? ",
            link("Ask for another one", to=routes.FORGOT_PASSWORD, class_name="link"),
            class_name="quiet switch",
        ),
    )


def confirm_email_page() -> rx.Component:
    """The link that a new account is sent leads here."""
    return _page(
        "Confirm your e-mail",
        ConfirmEmail.create(),
        rx.el.p("You need to be signed in with the account, or to know its password.", class_name="quiet switch"),
        rx.el.p(*_another_link(), class_name="quiet switch"),
        rx.el.p(link("Forgot your password?", to=routes.FORGOT_PASSWORD, class_name="link"), class_name="quiet switch"),
    )


def _another_link() -> tuple[rx.Component | str, ...]:
    if settings().confirm_email == "sign_in":
        return "Is the link over? ", link("Sign in", to=routes.SIGN_IN, class_name="link"), ", and we send another one."
    profile = rx.el.a("settings", href=f"{routes.SETTINGS}#profile", class_name="link")
    return "Is the link over? The ", profile, " send another one, under Profile."


def kept_by_clerk_page() -> rx.Component:
    """In place of each of these where Clerk signs people in: a mail of before may still lead here."""
    return _page(
        "Your account is kept by Clerk",
        rx.el.p(
            "Passwords and addresses are no longer kept on this server. Sign in, and press your picture in the "
            "settings to change them; if you forgot your password, the form for signing in helps."
        ),
        link("Sign in", to=routes.SIGN_IN, class_name="button primary wide", custom_attrs=attrs("to-sign-in")),
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
