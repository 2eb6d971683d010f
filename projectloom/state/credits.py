"""The credits page: purchases with their status in words, and taking one back."""

from dataclasses import dataclass

import reflex as rx

from projectloom.billing.orders import OrderView, list_orders
from projectloom.billing.refunds import request_refund
from projectloom.db import in_thread
from projectloom.errors import LoomError, PaymentUnavailable
from projectloom.money import format_usd
from projectloom.state.balance import BalanceState
from projectloom.state.session import handled, signed_in
from projectloom.state.words import day_and_time

_STATUS_WORDS = {
    "completed": "Complete",
    "refunded_in_part": "Refunded in part",
    "refunded": "Refunded",
    "disputed": "Disputed",
    "expired": "Not finished",
    "failed": "Declined",
    "set_aside": "We are looking into it",
}
# What stands behind a status that a person may not understand at once.
_STATUS_NOTES = {
    "refunded_in_part": "A part of the money went back to you.",
    "disputed": "Your bank questions this payment.",
    "set_aside": "The payment differs from the order. Nothing was added yet.",
}

_REFUSED = "The refund could not be made. Your credit is on your balance again. Please try again later."
_UNDER_WAY = "Stripe has not answered yet. Your credit is set aside and we keep asking; there is nothing more to do."


@dataclass(frozen=True)
class PurchaseRow:
    """One line of the purchases table, all text."""

    order_id: str = ""
    when: str = ""
    price: str = ""
    credited: str = ""
    status: str = ""
    status_words: str = ""
    note: str = ""
    refundable: bool = False


class CreditsState(rx.State):
    """The person's purchases, newest first, and the one whose refund is being asked about (``returning``)."""

    loaded: bool = False
    purchases: list[PurchaseRow] = []
    asking: bool = False
    returning: PurchaseRow = PurchaseRow()
    busy: bool = False
    trouble: str = ""

    @rx.var
    def returnable(self) -> bool:
        """Whether the purchase in question can be refunded still: trouble may have ended that."""
        return self.busy or self._row(self.returning.order_id).refundable

    @handled
    async def load(self):
        """Read the purchases."""
        self.asking = self.busy = False
        await self._read()

    @handled
    async def reread(self):
        """Something has changed while the page is open."""
        await self._read()

    @rx.event
    def ask_refund(self, order_id: str):
        """Open the question before a refund."""
        self.returning = self._row(order_id)
        self.asking, self.trouble = self.returning.refundable, ""

    @rx.event
    def keep(self):
        """Put the question away; nothing is refunded by it."""
        self.asking = False

    @handled
    async def refund(self):
        """Take the purchase back. A second click while the first is under way does nothing."""
        if self.busy or not self.asking:
            return
        self.busy, self.trouble = True, ""
        yield
        try:
            await request_refund((await signed_in(self)).user_id, self.returning.order_id)
        except LoomError as error:
            await self._read()
            self.trouble = self._explained(error)
        else:
            await self._read()
            self.asking = False
            yield rx.toast.success(f"Refunded. {self.returning.price} is on its way back to your card.")
        self.busy = False
        yield BalanceState.refresh

    async def _read(self) -> None:
        person = await signed_in(self)
        self.purchases = [_row(order) for order in await in_thread(list_orders, person.user_id)]
        self.loaded = True

    def _row(self, order_id: str) -> PurchaseRow:
        return next((row for row in self.purchases if row.order_id == order_id), PurchaseRow())

    def _explained(self, error: LoomError) -> str:
        """A refusal returns the credit and the purchase can be refunded as before; silence leaves it under way."""
        if not isinstance(error, PaymentUnavailable):
            return error.message
        return _REFUSED if self._row(self.returning.order_id).refundable else _UNDER_WAY


def _row(order: OrderView) -> PurchaseRow:
    pending = "Waiting for your bank" if order.waiting else "Not paid yet"
    return PurchaseRow(
        order_id=order.id,
        when=day_and_time(order.completed_at or order.created_at),
        price=format_usd(order.price_nanos),
        credited=format_usd(order.credit_nanos),
        status=order.status,
        status_words=_STATUS_WORDS.get(order.status, pending),
        note=_STATUS_NOTES.get(order.status, ""),
        refundable=order.refundable,
    )
