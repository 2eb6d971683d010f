"""Buying credits: the packs, with total, bonus and price said on the button itself."""

import reflex as rx

from projectloom.billing.packs import PACKS, Pack
from projectloom.components.controls import attrs, dollar_input, icon
from projectloom.components.islands import Radio
from projectloom.config import settings
from projectloom.money import format_usd
from projectloom.state.checkout import CheckoutState

# Said wherever credits would be offered, on a server whose operator sells none.
NOT_SOLD = "This server does not sell credits."


def _dollars(amount_usd: int) -> str:
    return f"${amount_usd}"


def pack_buttons() -> rx.Component:
    """A button for each pack; one press opens the payment page."""
    return rx.el.div(
        rx.el.div(*[_pack_button(pack) for pack in PACKS], class_name="packs"),
        _trouble(),
        class_name="stack",
    )


def _pack_button(pack: Pack) -> rx.Component:
    return rx.el.button(
        rx.el.span(format_usd(pack.credit_nanos), class_name="pack-total num"),
        rx.el.span(
            pack.bonus_words if pack.bonus_cents else "of credits",
            class_name="pack-bonus",
        ),
        _reach(pack),
        rx.el.span(f"Buy for {_dollars(pack.amount_usd)}", class_name="pack-price"),
        type="button",
        class_name="pack",
        on_click=CheckoutState.buy(str(pack.amount_usd)),
        disabled=CheckoutState.busy,
        custom_attrs=attrs(f"buy-{pack.amount_usd}"),
    )


def _reach(pack: Pack) -> rx.Component:
    """How far it goes for this person. Its place is kept while that is not known yet."""
    return rx.el.span(
        rx.cond(
            CheckoutState.reaches.contains(str(pack.amount_usd)),  # pyright: ignore[reportAttributeAccessIssue]
            CheckoutState.reaches[str(pack.amount_usd)],
            "\N{NO-BREAK SPACE}",
        ),
        class_name="pack-reach",
        custom_attrs=attrs(f"reach-{pack.amount_usd}"),
    )


def custom_amount() -> rx.Component:
    """Any whole amount within the operator's bounds; what it brings is said while it is typed."""
    least, most = settings().min_purchase_usd, settings().max_purchase_usd
    return rx.el.form(
        rx.el.label(
            rx.el.span("Another amount"),
            rx.el.span(
                dollar_input(
                    name="amount",
                    title="A whole number of dollars",
                    placeholder=f"{least} to {most}",
                    required=True,
                    on_change=CheckoutState.weigh.debounce(150),
                    custom_attrs=attrs("custom-amount"),
                ),
                rx.el.button(
                    "Buy",
                    type="submit",
                    class_name="button",
                    disabled=CheckoutState.busy,
                    custom_attrs=attrs("buy-custom"),
                ),
                class_name="row dollars",
            ),
            class_name="field",
        ),
        rx.el.p(CheckoutState.weighed, class_name="quiet", role="status", custom_attrs=attrs("custom-weighed")),
        on_submit=CheckoutState.buy_custom,
        class_name="custom-amount",
    )


def pack_chooser() -> rx.Component:
    """The packs as a choice with one button below, for the balance card. $25 is preselected."""
    return rx.el.div(
        rx.el.fieldset(
            rx.el.legend("Choose a package", class_name="sr-only"),
            *[_pack_choice(pack) for pack in PACKS],
            class_name="pack-choices",
        ),
        rx.el.button(
            rx.cond(CheckoutState.busy, "Opening the payment page", "Continue to payment"),
            type="button",
            class_name="button primary wide",
            on_click=CheckoutState.buy_selected,
            disabled=CheckoutState.busy,
            custom_attrs=attrs("buy-selected"),
        ),
        _trouble(),
        class_name="stack",
    )


def _pack_choice(pack: Pack) -> rx.Component:
    value = str(pack.amount_usd)
    return rx.el.label(
        Radio.create(
            name="pack",
            value=value,
            checked=CheckoutState.selected == value,
            on_choose=CheckoutState.choose(value),
            custom_attrs=attrs(f"pack-{value}"),
        ),
        rx.el.span(_dollars(pack.amount_usd), class_name="num"),
        rx.el.span(
            rx.el.span(f"{format_usd(pack.credit_nanos)} of credits", class_name="pack-gets"),
            _reach(pack),
            class_name="stacked right grow",
        ),
        class_name="pack-choice",
    )


def _trouble() -> rx.Component:
    return rx.cond(
        CheckoutState.trouble != "",
        rx.el.p(icon("circle-alert", 14), CheckoutState.trouble, class_name="note error", role="alert"),
    )


def no_overdraft_note() -> rx.Component:
    """The promise that stands beside every way to buy."""
    return rx.el.p(
        icon("shield-check", 14), "You cannot be charged more than your balance.", class_name="quiet promise"
    )
