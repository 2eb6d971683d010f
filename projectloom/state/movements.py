"""A page of the statement as it is shown: rows of text that say what moved, what caused it and what they open.

Formatting only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from projectloom.billing.causes import ASKED_REFUND
from projectloom.billing.orders import Bought
from projectloom.billing.statement import Movement
from projectloom.money import format_usd, usd_string
from projectloom.state.words import behind, calendar_day, in_line, minute, places_of, signed

_STRIPE_REFUND = ("re_", "pyr_")


@dataclass(frozen=True)
class MovementRow:
    """One line, all text. ``opens`` is what its words lead to: its ``receipt``, or its ``purchase``."""

    key: str = ""
    when: str = ""
    label: str = ""
    detail: str = ""
    amount: str = ""
    pad: str = ""
    """What stands behind the amount, so that all have their points under each other."""
    balance: str = ""
    direction: str = ""
    opens: str = ""
    order_id: str = ""


def movement_rows(page: Sequence[Movement], bought: Mapping[str, Bought]) -> list[MovementRow]:
    """The rows of a page of movements, in words that name the purchase where it is known."""
    return [_row(movement, bought.get(movement.order_id or "")) for movement in page]


def _row(movement: Movement, order: Bought | None) -> MovementRow:
    label, detail = movement_words(movement, order)
    opens = "purchase" if order else "receipt"
    return MovementRow(
        key=str(movement.id),
        when=minute(movement.created_at),
        label=label,
        detail=detail,
        amount=signed(movement.amount_nanos),
        balance=f"${usd_string(movement.balance_nanos)}",
        direction="in" if movement.amount_nanos > 0 else "out",
        opens=opens,
        order_id=movement.order_id or "" if opens == "purchase" else "",
    )


def movement_words(movement: Movement, order: Bought | None) -> tuple[str, str]:
    """What a line is called, and what is said below that."""
    match movement.kind:
        case "top_up":
            return movement.label, f"{format_usd(order.paid_nanos)} paid" if order else ""
        case "reversal":
            refund = movement.cause.startswith(_STRIPE_REFUND)
            return ("Refund", _of("of", order)) if refund else ("Dispute", _of("about", order))
        case "freeze" | "reinstatement":
            return movement.label, _aside(movement, order)
        case "grant":
            return _given(movement), ""
        case "debt_repayment":
            return movement.label, _of("with", order) if order else "with credit that was given to you"
        case _:
            return movement.label, ""


def _given(movement: Movement) -> str:
    if movement.cause == "sign_up":
        return "Welcome credit"
    kind, _, code = movement.cause.partition(":")
    return f"Code {code}" if kind == "code" and code else movement.label


def _aside(movement: Movement, order: Bought | None) -> str:
    """Why credit was put out of reach, or came back from there."""
    cause = movement.cause
    if cause.startswith(ASKED_REFUND):
        return _of("to refund", order)
    if movement.kind == "freeze":
        return _of("while your bank looks at", order)
    if cause == movement.order_id:
        return _of("credit set aside to refund", order)
    return _of(
        "a refund was corrected, of" if cause.startswith(_STRIPE_REFUND) else "your bank has decided about", order
    )


def _of(words: str, order: Bought | None) -> str:
    if order is None:
        return f"{words} a purchase"
    return f"{words} the {format_usd(order.paid_nanos)} purchase of {calendar_day(order.at)}"


def aligned(rows: Sequence[MovementRow]) -> list[MovementRow]:
    """The rows with the points of their amounts under each other."""
    balances = [row.balance.rstrip() for row in rows]
    most = max((places_of(row.amount) for row in rows), default=0)
    most_left = max(map(places_of, balances), default=0)
    return [
        replace(row, pad=behind(row.amount, most), balance=in_line(balance, most_left))
        for row, balance in zip(rows, balances, strict=True)
    ]
