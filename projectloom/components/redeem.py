"""The field for a promotional code, behind a quiet question, for the few who have one."""

import reflex as rx

from projectloom.components.controls import attrs, icon
from projectloom.config import settings
from projectloom.limits import MAX_CODE_CHARS
from projectloom.state.redeem import CODE_FIELD, RedeemState


def redeem() -> rx.Component:
    """The question and the field that it opens, or nothing where credit cannot be spent."""
    if not settings().pays_for_replies:
        return rx.fragment()
    return rx.el.details(
        rx.el.summary("Have a code?", class_name="link", custom_attrs=attrs("redeem-open")),
        rx.el.div(_field(), _trouble(), rx.el.div(_said(), role="status"), class_name="stack"),
        on_mount=RedeemState.ready,
        class_name="redeem",
    )


def _field() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            id=CODE_FIELD,
            name="code",
            auto_complete="off",
            auto_capitalize="characters",
            spell_check=False,
            required=True,
            # Room for the blanks that come along with a copied code.
            max_length=2 * MAX_CODE_CHARS,
            class_name="input grow",
            custom_attrs=attrs("redeem-code", "Code"),
        ),
        rx.el.button(
            rx.cond(RedeemState.busy, "Redeeming…", "Redeem"),
            type="submit",
            class_name="button",
            disabled=RedeemState.busy,
            custom_attrs=attrs("redeem-submit"),
        ),
        on_submit=RedeemState.redeem,
        class_name="row",
    )


def _said() -> rx.Component:
    return rx.cond(
        RedeemState.said != "",
        rx.el.p(icon("check", 14), RedeemState.said, class_name="note", custom_attrs=attrs("redeem-said")),
    )


def _trouble() -> rx.Component:
    return rx.cond(
        RedeemState.trouble != "",
        rx.el.p(
            icon("circle-alert", 14),
            RedeemState.trouble,
            class_name="note error",
            role="alert",
            custom_attrs=attrs("redeem-said"),
        ),
    )
