"""The person's e-mail, password and sessions, in the settings."""

import reflex as rx

from projectloom.components.clerk_parts import clerk_is_on, clerk_parts
from projectloom.components.controls import attrs, icon, skeleton
from projectloom.config import settings
from projectloom.limits import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from projectloom.state.identity import IdentityState
from projectloom.state.profile import ProfileState, SessionRow


def profile() -> rx.Component:
    """The section of the settings page."""
    return rx.el.section(
        rx.el.h2(icon("circle-user"), "Profile", class_name="section-title"),
        rx.cond(
            IdentityState.known & ProfileState.loaded,
            _inside() if not clerk_is_on() else _at_clerk(),
            skeleton("60%", "40%"),
        ),
        id="profile",
        class_name="card roomy",
    )


def _at_clerk() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span("Signed in as", class_name="quiet"),
            rx.el.span(IdentityState.email, class_name="strong breaks", custom_attrs=attrs("profile-email")),
            class_name="stacked",
        ),
        rx.el.p(
            "Your e-mail, password and the devices where you are signed in are kept by Clerk. "
            "Press your picture to manage them.",
            class_name="quiet",
        ),
        clerk_parts().account_button(),
        class_name="stack",
    )


def _inside() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.span("Signed in as", class_name="quiet"),
                rx.el.span(IdentityState.email, class_name="strong breaks", custom_attrs=attrs("profile-email")),
                class_name="stacked grow",
            ),
            rx.cond(
                ProfileState.has_password,
                rx.cond(
                    ProfileState.changing,
                    rx.fragment(),
                    rx.el.button(
                        "Change password",
                        type="button",
                        class_name="button small",
                        on_click=ProfileState.begin_change,
                        custom_attrs=attrs("change-password"),
                    ),
                ),
            ),
            class_name="row wrap",
        ),
        rx.cond(ProfileState.has_password & ProfileState.changing, _password()),
        rx.cond(ProfileState.unconfirmed, _unconfirmed()),
        rx.el.div(
            rx.el.h3("Where you are signed in", class_name="field-title"),
            rx.el.ul(
                rx.foreach(ProfileState.sessions, _session),
                class_name="plain-list stack tight",
                custom_attrs=attrs("sessions"),
            ),
            rx.cond(
                ProfileState.others,
                rx.el.div(
                    rx.el.button(
                        "Sign out everywhere else",
                        type="button",
                        class_name="button small",
                        on_click=ProfileState.end_others,
                        custom_attrs=attrs("end-others"),
                    )
                ),
            ),
            class_name="stack tight",
        ),
        class_name="stack wide-gap",
    )


def _unconfirmed() -> rx.Component:
    why = " Credit can be spent once it is." if settings().confirm_email == "spending" else ""
    return rx.el.div(
        rx.el.p(f"Your e-mail is not confirmed yet.{why}", class_name="grow", custom_attrs=attrs("unconfirmed")),
        rx.cond(
            ProfileState.link_sent,
            rx.el.span("A link is on its way.", class_name="quiet", role="status", custom_attrs=attrs("link-sent")),
            rx.el.button(
                "Send the link",
                type="button",
                class_name="button small",
                on_click=ProfileState.send_link,
                custom_attrs=attrs("send-link"),
            ),
        ),
        class_name="row wrap inset",
    )


def _session(row: SessionRow) -> rx.Component:
    return rx.el.li(
        rx.el.span(
            rx.el.span(row.device), rx.el.span(row.since, class_name="quiet"), class_name="stacked grow session-words"
        ),
        rx.cond(
            row.current,
            rx.el.span("This one", class_name="quiet"),
            rx.el.button(
                "Sign out",
                type="button",
                class_name="button small",
                on_click=ProfileState.end(row.id),
                custom_attrs=attrs("end-session", "Sign out " + row.device + " " + row.since),
            ),
        ),
        key=row.id,
        class_name="row session",
        custom_attrs=attrs("session"),
    )


def _password() -> rx.Component:
    return rx.el.form(
        _field("old", "Old password", "current-password", 1),
        _field("new", f"New password, at least {MIN_PASSWORD_CHARS} characters", "new-password", MIN_PASSWORD_CHARS),
        rx.el.p(ProfileState.trouble, class_name="form-error", role="alert", custom_attrs=attrs("password-trouble")),
        rx.el.div(
            rx.el.button(
                "Save password", type="submit", class_name="button primary", custom_attrs=attrs("keep-password")
            ),
            rx.el.button("Cancel", type="button", class_name="button", on_click=ProfileState.cancel_change),
            rx.el.span("Everywhere else you are signed out.", class_name="quiet"),
            class_name="row wrap",
        ),
        on_submit=ProfileState.keep,
        class_name="stack narrow",
    )


def _field(name: str, words: str, complete: str, least: int) -> rx.Component:
    return rx.el.label(
        rx.el.span(words),
        rx.el.input(
            type="password",
            name=name,
            required=True,
            min_length=least,
            max_length=MAX_PASSWORD_CHARS,
            auto_complete=complete,
            class_name="input",
            custom_attrs=attrs(f"password-{name}"),
        ),
        class_name="field",
    )
