"""The credits page: purchases with their status in words."""

from dataclasses import dataclass

import reflex as rx

from projectloom.billing.orders import OrderView, list_orders
from projectloom.db import in_thread
from projectloom.money import format_usd
from projectloom.state.session import handled, signed_in
from projectloom.state.words import day_and_time

_STATUS_WORDS = {
    "completed": "Complete",
    "expired": "Not finished",
    "failed": "Declined",
    "set_aside": "Being checked by us",
}


@dataclass(frozen=True)
class PurchaseRow:
    """One line of the purchases table, all text."""

    order_id: str = ""
    when: str = ""
    paid: str = ""
    credited: str = ""
    status: str = ""
    status_words: str = ""


class CreditsState(rx.State):
    """The person's purchases, newest first."""

    loaded: bool = False
    purchases: list[PurchaseRow] = []

    @handled
    async def load(self):
        """Read the purchases."""
        person = await signed_in(self)
        self.purchases = [_row(order) for order in await in_thread(list_orders, person.user_id)]
        self.loaded = True


def _row(order: OrderView) -> PurchaseRow:
    pending = "Waiting for your bank" if order.waiting else "Not paid yet"
    return PurchaseRow(
        order_id=order.id,
        when=day_and_time(order.completed_at or order.created_at),
        paid=format_usd(order.price_nanos),
        credited=format_usd(order.credit_nanos),
        status=order.status,
        status_words=_STATUS_WORDS.get(order.status, pending),
    )
