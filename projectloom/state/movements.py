"""A page of the statement as it is shown: rows of text that say what moved, what caused it and what they open.

A reply's row carries the turn whose receipt it opens. Formatting only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from projectloom import limits
from projectloom.billing.orders import OrderView
from projectloom.billing.statement import Movement
from projectloom.money import format_usd, usd_string
from projectloom.state.words import calendar_day, in_line, minute, signed

# A refund that the person asked for sets its credit aside under a cause of this form until Stripe has made it.
_ASKED_REFUND = "refund:"
_STRIPE_REFUND = ("re_", "pyr_")


@dataclass(frozen=True)
class MovementRow:
    """One line, all text. ``opens`` is ``receipt``, ``purchase`` or nothing."""

    key: str = ""
    when: str = ""
    label: str = ""
    detail: str = ""
    amount: str = ""
    balance: str = ""
    direction: str = ""
    opens: str = ""
    turn_id: str = ""


def movement_rows(page: Sequence[Movement], orders: Sequence[OrderView]) -> list[MovementRow]:
    """The rows of a page of movements, in words that name the purchase where it is known."""
    older = [*page[1:], None][: len(page)]
    return [_row(movement, below, orders) for movement, below in zip(page, older, strict=True)]


def _row(movement: Movement, below: Movement | None, orders: Sequence[OrderView]) -> MovementRow:
    label, detail, opens = _words(movement, below, orders)
    return MovementRow(
        key=str(movement.id),
        when=minute(movement.created_at),
        label=label,
        detail=detail,
        amount=signed(movement.amount_nanos),
        balance=f"${usd_string(movement.balance_nanos)}",
        direction="in" if movement.amount_nanos > 0 else "out",
        opens=opens,
        turn_id=movement.cause if opens == "receipt" else "",
    )


def _words(movement: Movement, below: Movement | None, orders: Sequence[OrderView]) -> tuple[str, str, str]:
    """What a line is called, what is said below that, and what it opens."""
    match movement.kind:
        case "capture":
            return movement.label, "", "receipt"
        case "top_up":
            return movement.label, _paid(_order(movement.cause, orders)), "purchase"
        case "reversal":
            return *_reversal(movement, below, orders), "purchase"
        case "freeze" | "reinstatement":
            return movement.label, _aside(movement, orders), "purchase"
        case "debt_repayment":
            return movement.label, "what you owed after a refund or a dispute", ""
        case _:
            return movement.label, "", ""


def _reversal(movement: Movement, below: Movement | None, orders: Sequence[OrderView]) -> tuple[str, str]:
    if movement.cause.startswith(_STRIPE_REFUND):
        return "Refund", _of("of", _refunded(movement, below, orders))
    return "Dispute", _of("about", _only(movement, orders))


def _aside(movement: Movement, orders: Sequence[OrderView]) -> str:
    """Why credit was put out of reach, or came back from there."""
    cause = movement.cause
    if cause.startswith(_ASKED_REFUND):
        return _of("to refund", _order(cause.split(":")[1], orders))
    if movement.kind == "freeze":
        return "while your bank looks at a payment"
    if (order := _order(cause, orders)) is not None:
        return _of("credit set aside to refund", order)
    return "a refund was corrected" if cause.startswith(_STRIPE_REFUND) else "your bank has decided"


def _order(order_id: str, orders: Sequence[OrderView]) -> OrderView | None:
    return next((order for order in orders if order.id == order_id), None)


def _only(movement: Movement, orders: Sequence[OrderView]) -> OrderView | None:
    """The purchase that it must be about, if there had been no other by then."""
    at = movement.created_at
    credited = [order for order in orders if order.completed_at is not None and order.completed_at <= at]
    return credited[0] if len(credited) == 1 and len(orders) < limits.PURCHASES_SHOWN else None


def _refunded(movement: Movement, below: Movement | None, orders: Sequence[OrderView]) -> OrderView | None:
    """The purchase that a refund is of. A refund that was asked for follows on the release of its own credit."""
    if below is not None and below.kind == "reinstatement" and below.amount_nanos == -movement.amount_nanos:
        return _order(below.cause, orders) or _only(movement, orders)
    return _only(movement, orders)


def _paid(order: OrderView | None) -> str:
    return f"{format_usd(order.price_nanos)} paid" if order else ""


def _of(words: str, order: OrderView | None) -> str:
    if order is None:
        return f"{words} a purchase"
    day = calendar_day(order.completed_at or order.created_at)
    return f"{words} the {format_usd(order.price_nanos)} purchase of {day}"


def aligned(rows: Sequence[MovementRow]) -> list[MovementRow]:
    """The rows with the points of their amounts under each other."""
    amounts = [row.amount.rstrip() for row in rows]
    balances = [row.balance.rstrip() for row in rows]
    most, most_left = _places(amounts), _places(balances)
    return [
        replace(row, amount=in_line(amount, most), balance=in_line(balance, most_left))
        for row, amount, balance in zip(rows, amounts, balances, strict=True)
    ]


def _places(amounts: Sequence[str]) -> int:
    return max((len(amount.rpartition(".")[2]) for amount in amounts), default=0)
