"""The credits page: purchases with their status in words, and taking one back."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import reflex as rx

from projectloom import limits
from projectloom.billing.balance import LotView, read_lots
from projectloom.billing.orders import OrderView, list_orders
from projectloom.billing.refunds import Obstacle, request_refund
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import LoomError, PaymentUnavailable
from projectloom.money import format_usd, usd_string
from projectloom.state.balance import BalanceState
from projectloom.state.session import explaining, handled, signed_in
from projectloom.state.words import calendar_day, count_of, day_and_time

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

# What will bring no credit any more.
_NEVER_CREDITED = ("expired", "failed")

_LOT_WORDS = {"paid": "Bought", "bonus": "Bonus of a purchase", "promotional": "Given to you"}

_SOON = timedelta(days=limits.EXPIRY_NOTICE_DAYS)

_ON_ITS_WAY = "Refund on its way"

_REFUSED = "The refund could not be made. Your credit is on your balance again. Please try again later."
_UNDER_WAY = "Stripe has not answered yet. Your credit is set aside and we keep asking; there is nothing more to do."


@dataclass(frozen=True)
class PurchaseRow:
    """One line of the purchases table, all text.

    ``of`` is what it brought at first, where a part went back; ``keeps`` says why it cannot be refunded here.
    ``brought``: credit came of it, whatever became of that.
    """

    order_id: str = ""
    when: str = ""
    price: str = ""
    reckoning: str = ""
    credited: str = ""
    of: str = ""
    keeps: str = ""
    status: str = ""
    status_words: str = ""
    note: str = ""
    refundable: bool = False
    receipt: str = ""
    invoice: str = ""
    unsettled: bool = False
    brought: bool = False


@dataclass(frozen=True)
class LotRow:
    """A part of the balance, all text. ``soon``: what is left of it expires within days."""

    key: str = ""
    words: str = ""
    when: str = ""
    left: str = ""
    whole: str = ""
    expires: str = ""
    soon: bool = False


# In the page itself, as soon as the row is drawn.
_BRING_INTO_SIGHT = "requestAnimationFrame(() => document.querySelector('tr.named')?.scrollIntoView({block: 'center'}))"


class CreditsState(rx.State):
    """The person's purchases, newest first, and the one whose refund is being asked about (``returning``).

    ``named`` is the purchase that the address names.
    """

    loaded: bool = False
    purchases: list[PurchaseRow] = []
    lots: list[LotRow] = []
    named: str = ""
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
        """Read the purchases, and bring the one that the address names into sight."""
        self.asking = self.busy = False
        await self._read()
        self.named = self._row(self.router.url.query_parameters.get("order", "")).order_id
        # The watch is begun here, since it ends at once where it finds no purchases.
        return [CreditsState.watch, *([rx.call_script(_BRING_INTO_SIGHT)] if self.named else [])]

    @handled
    async def reread(self):
        """Something has changed while the page is open."""
        await self._read()

    @rx.event(background=True)
    @explaining
    async def watch(self):
        """While something is under way at Stripe or a bank, look again, so that nobody has to reload.

        Whatever brings the news writes it into the books: the webhook, or the reconciler where that was lost.
        """
        for _ in range(limits.PURCHASES_LOOKS):
            async with self:
                if not any(row.unsettled for row in self.purchases):
                    return
            await asyncio.sleep(limits.PURCHASES_LOOK_SECONDS)
            yield [CreditsState.reread, BalanceState.refresh]

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
        yield [BalanceState.refresh, CreditsState.watch]

    async def _read(self) -> None:
        person = await signed_in(self)
        self.purchases = [_row(order) for order in await in_thread(list_orders, person.user_id)]
        self.lots = [_lot(lot) for lot in await in_thread(read_lots, person.user_id)]
        self.loaded = True

    def _row(self, order_id: str) -> PurchaseRow:
        return next((row for row in self.purchases if row.order_id == order_id), PurchaseRow())

    def _explained(self, error: LoomError) -> str:
        """A refusal returns the credit and the purchase can be refunded as before; silence leaves it under way."""
        if not isinstance(error, PaymentUnavailable):
            return error.message
        return _REFUSED if self._row(self.returning.order_id).refundable else _UNDER_WAY


def _row(order: OrderView) -> PurchaseRow:
    return PurchaseRow(
        order_id=order.id,
        when=day_and_time(order.completed_at or order.created_at),
        price=format_usd(order.paid_nanos),
        reckoning=_reckoning(order),
        credited=_credited(order),
        of=format_usd(order.credit_nanos) if order.taken_back_nanos else "",
        keeps=_keeps(order),
        status=_tone(order),
        status_words=_ON_ITS_WAY if order.refund_pending else _status(order),
        note=" ".join(_notes(order)),
        refundable=order.refundable,
        receipt=order.receipt_url or "",
        invoice=order.invoice_url or "",
        unsettled=order.status == "pending" or order.refund_pending,
        brought=order.completed_at is not None,
    )


def _credited(order: OrderView) -> str:
    """What of it was credited and did not go back. While it is under way, what it is to bring."""
    return format_usd(0 if order.status in _NEVER_CREDITED else order.credit_nanos - order.taken_back_nanos)


def _keeps(order: OrderView) -> str:
    days = settings().refund_days
    if order.obstacle == Obstacle.SPENT:
        return "No refund: some of it is spent." if days else ""
    if order.obstacle == Obstacle.OLD and days:
        return f"No refund after {count_of(days, 'day', 'days')}."
    return ""


def _lot(lot: LotView) -> LotRow:
    return LotRow(
        key=lot.id,
        words=_LOT_WORDS.get(lot.kind, lot.kind),
        when=calendar_day(lot.created_at),
        left=f"${usd_string(lot.left_nanos)}",
        whole=format_usd(lot.whole_nanos) if lot.left_nanos != lot.whole_nanos else "",
        expires=f"Expires {day_and_time(lot.expires_at)}" if lot.expires_at else "Does not expire",
        soon=lot.expires_at is not None and lot.expires_at < now() + _SOON,
    )


def _status(order: OrderView) -> str:
    return _STATUS_WORDS.get(order.status, "Waiting for your bank" if order.waiting else "Not paid")


def _tone(order: OrderView) -> str:
    """What the colour beside the status is chosen by. A payment page that was left is nothing to be warned of."""
    if order.refund_pending:
        return "returning"
    return "unpaid" if order.status == "pending" and not order.waiting else order.status


def _notes(order: OrderView) -> list[str]:
    notes = ["Auto top-up."] if order.auto else []
    if order.refund_pending:
        return [*notes, "Its credit is set aside until Stripe has made the refund."]
    return [*notes, _STATUS_NOTES[order.status]] if order.status in _STATUS_NOTES else notes


def _reckoning(order: OrderView) -> str:
    """How the sum came about, where it is not simply the price: the price, less a code, plus tax."""
    if not order.discount_nanos and not order.tax_nanos:
        return ""
    parts = [format_usd(order.price_nanos)]
    if order.discount_nanos:
        parts.append(f"\N{MINUS SIGN} {format_usd(order.discount_nanos)} code")
    if order.tax_nanos:
        parts.append(f"+ {format_usd(order.tax_nanos)} tax")
    # A line may break between the parts, not within one.
    return " ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
