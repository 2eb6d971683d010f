"""The frame that every private page shares: conversations left, the page in the middle, usage right; and a light one.

Nothing private is rendered until the server has said who is signed in; until then the frame shows grey lines.
"""

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from projectloom import routes
from projectloom.components.balance_card import figure
from projectloom.components.controls import attrs, icon, icon_button, link, sandbox_badge
from projectloom.components.islands import Alive, BalanceWatch, ConnectionNote
from projectloom.components.palette import palette, palette_button
from projectloom.components.receipt import receipt_dialog
from projectloom.components.sidebar import mark, sidebar
from projectloom.components.usage_panel import usage_panel
from projectloom.state.balance import BalanceState
from projectloom.state.caps import CapsState
from projectloom.state.checkout import PurchaseReturnState
from projectloom.state.identity import IdentityState
from projectloom.state.preferences import PreferencesState
from projectloom.state.usage import UsageState


def frame(
    *content: rx.Component,
    title: rx.Component | rx.Var[str] | str,
    current: str | None = None,
    menu: rx.Component | None = None,
) -> rx.Component:
    """A private page; ``menu`` stands beside its title, and ``current`` is what the sidebar calls it, if not that."""
    return rx.el.div(
        rx.el.nav(rx.el.a("Skip to content", href="#main"), class_name="skip", custom_attrs={"aria-label": "Skip"}),
        sidebar(current or (title if isinstance(title, str) else "")),
        rx.el.div(class_name="backdrop", custom_attrs={"data-closes-sheet": "", "aria-hidden": "true"}),
        rx.el.div(
            _top(title, menu),
            _connection_note(),
            _confirm_note(),
            _purchase_banner(),
            rx.el.main(*content, id="main", tab_index=-1),
            class_name="middle",
        ),
        usage_panel(),
        receipt_dialog(),
        palette(),
        Alive.create(),
        class_name="frame",
    )


def public_frame(*content: rx.Component, title: str, signed_in: rx.Var[bool] | bool) -> rx.Component:
    """A page for everybody: its name, and the way to the chat or to sign in."""
    return rx.el.div(
        rx.el.nav(rx.el.a("Skip to content", href="#main"), class_name="skip", custom_attrs={"aria-label": "Skip"}),
        rx.el.header(
            link(mark(), to=routes.CHAT, class_name="plain", custom_attrs=attrs("to-chat", "ProjectLoom")),
            sandbox_badge(),
            rx.el.span(class_name="grow"),
            rx.cond(
                signed_in,
                link("Back to chat", to=routes.CHAT, class_name="button small"),
                link("Sign in", to=routes.SIGN_IN, class_name="button small"),
            ),
            class_name="top",
        ),
        _connection_note(),
        rx.el.main(rx.el.h1(title, class_name="public-title"), *content, id="main", tab_index=-1),
        Alive.create(),
        class_name="public",
    )


def _top(title: rx.Component | rx.Var[str] | str, menu: rx.Component | None) -> rx.Component:
    return rx.el.header(
        icon_button(
            "panel-left", "Open the menu", class_name="icon-button only-narrow", more={"data-toggle": "sidebar"}
        ),
        rx.el.h1(title, class_name="ellipsis page-title"),
        *([] if menu is None else [menu]),
        palette_button(),
        sandbox_badge(),
        _balance(),
        rx.el.button(
            icon("chart-no-axes-column"),
            rx.el.span("Usage", class_name="only-wide"),
            type="button",
            class_name="button small",
            custom_attrs=attrs("toggle-usage", "Usage panel", data_toggle="usage", data_shortcut="usage"),
        ),
        class_name="top",
    )


def _balance() -> rx.Component:
    """The balance is always in sight in credits mode. What it has just moved by is said below it for a moment."""
    return rx.cond(
        PreferencesState.loaded & PreferencesState.uses_credits & BalanceState.loaded,
        rx.el.span(
            link(
                figure(),
                key=BalanceState.amount,
                to=routes.CREDITS,
                class_name=rx.cond(BalanceState.low, "balance-pill num low", "balance-pill num"),
                # The amount is the name and this what it is: a name of its own would not be what a phone shows.
                title="Your credit balance",
                custom_attrs=attrs("balance-pill"),
            ),
            rx.cond(BalanceState.moved.by != "", _moved()),
            BalanceWatch.create(
                known=BalanceState.known, on_stale=[BalanceState.refresh, UsageState.load, CapsState.load]
            ),
            class_name="pill-place",
        ),
    )


def _moved() -> rx.Component:
    return rx.el.span(
        BalanceState.moved.by,
        key=BalanceState.moved.key,
        class_name=rx.cond(BalanceState.moved.up, "fall num in", "fall num"),
        custom_attrs=attrs("balance-moved", aria_hidden="true"),
    )


def _connection_note() -> rx.Component:
    return ConnectionNote.create(lost=has_connection_errors)


def _confirm_note() -> rx.Component:
    return rx.cond(
        IdentityState.known & IdentityState.unconfirmed,
        rx.el.p(
            "Confirm your e-mail to spend credit: open the link that we sent you, or ",
            rx.el.a("ask for another one", href=f"{routes.SETTINGS}#profile", class_name="link"),
            ".",
            class_name="strip",
            role="status",
            custom_attrs=attrs("confirm-note"),
        ),
    )


def _purchase_banner() -> rx.Component:
    return rx.cond(
        IdentityState.known & (PurchaseReturnState.message != ""),
        rx.el.div(
            rx.match(
                PurchaseReturnState.tone,
                ("completed", icon("circle-check")),
                ("waiting", icon("clock")),
                icon("info"),
            ),
            rx.el.span(PurchaseReturnState.message, class_name="grow"),
            icon_button("x", "Close this message", on_click=PurchaseReturnState.dismiss),
            class_name=rx.Var.create(f"banner {PurchaseReturnState.tone}"),
            role="status",
            custom_attrs=attrs("purchase-banner"),
        ),
    )
