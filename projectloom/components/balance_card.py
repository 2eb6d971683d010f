"""The credit balance card: shown in credits mode only, in the error colour below $5."""

import reflex as rx

from projectloom.components.controls import attrs, icon, sandbox_badge, skeleton
from projectloom.components.top_up import no_overdraft_note, pack_chooser
from projectloom.config import settings
from projectloom.state.balance import BalanceState
from projectloom.state.preferences import PreferencesState


def balance_card() -> rx.Component:
    """The card, or nothing in own-key mode."""
    return rx.cond(PreferencesState.uses_credits, _card())


def _card() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h3(icon("wallet"), "Credit Balance", class_name="card-title"),
            sandbox_badge(),
            class_name="row between",
        ),
        rx.cond(BalanceState.loaded, amount(), skeleton("96px")),
        balance_notes(),
        rx.cond(BalanceState.loaded & BalanceState.low, _low()),
        *((_buy(), no_overdraft_note()) if settings().sells_credits else ()),
        class_name="card balance-card",
        custom_attrs=attrs("balance-card", "Credit balance"),
    )


def amount() -> rx.Component:
    """The amount, in the error colour when low and in use."""
    return rx.el.p(
        figure(),
        key=BalanceState.amount,
        class_name=rx.cond(BalanceState.low & PreferencesState.uses_credits, "amount num low", "amount num"),
        custom_attrs=attrs("balance-amount"),
    )


def figure() -> rx.Component:
    """The balance to its last digit. What is finer than cents stands back, and still falls by what a reply costs."""
    return rx.fragment(BalanceState.cents, rx.el.span(BalanceState.finer, class_name="finer"))


def balance_notes() -> rx.Component:
    """What else there is to know about the balance: what is held, set aside or owed. Nothing when there is none."""
    return rx.fragment(
        rx.cond(
            BalanceState.held != "",
            rx.el.p(
                rx.el.span(BalanceState.held, class_name="num"),
                " of it is held for a reply under way.",
                class_name="quiet",
                custom_attrs=attrs("balance-held"),
            ),
        ),
        rx.cond(
            BalanceState.frozen != "",
            rx.el.p(
                icon("clock", 14),
                rx.el.span(
                    rx.el.span(BalanceState.frozen, class_name="num"),
                    " set aside while your bank looks at a payment or a refund.",
                ),
                class_name="note",
                custom_attrs=attrs("balance-frozen"),
            ),
        ),
        rx.cond(
            BalanceState.debt != "",
            rx.el.p(
                icon("circle-alert", 14),
                rx.el.span(
                    "You owe ",
                    rx.el.span(BalanceState.debt, class_name="num"),
                    ". Your next purchase pays it first.",
                ),
                class_name="note error",
                custom_attrs=attrs("balance-debt"),
            ),
        ),
    )


def _low() -> rx.Component:
    return rx.el.p(
        icon("circle-alert", 14),
        rx.el.span(
            "Low balance. Purchase more credits to continue using AI features."
            if settings().sells_credits
            else "Low balance. Your own API keys can pay for replies instead: choose them in Settings."
        ),
        class_name="note error",
        custom_attrs=attrs("low-balance"),
    )


def _buy() -> rx.Component:
    return rx.el.details(
        rx.el.summary("Buy More Credits", class_name="button primary wide", custom_attrs=attrs("buy-more-credits")),
        pack_chooser(),
        class_name="buy-more",
    )
