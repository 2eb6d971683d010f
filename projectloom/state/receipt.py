"""The receipt of one amount, wherever it stands: a reply, a purchase, or whatever else moved the balance."""

from dataclasses import dataclass

import reflex as rx

from projectloom.billing.orders import Bought, name_orders
from projectloom.billing.statement import Movement, read_movement, read_purchase
from projectloom.db import in_thread
from projectloom.errors import NotFound
from projectloom.metering.receipts import Receipt, read_receipt
from projectloom.metering.receipts import ReceiptLine as Line
from projectloom.money import format_usd, usd_string
from projectloom.pricing import TOKENS_PER_RATE
from projectloom.state.models import model_labels
from projectloom.state.movements import movement_words
from projectloom.state.session import handled, operating, signed_in
from projectloom.state.thread import payer_words
from projectloom.state.words import day_and_time, signed


@dataclass(frozen=True)
class ReceiptLine:
    """Tokens of one pool, or uses of one kind, at their rate."""

    label: str = ""
    tokens: str = ""
    rate: str = ""
    cost: str = ""


@dataclass(frozen=True)
class ReceiptFact:
    """One line below the pools, such as what was held."""

    label: str = ""
    value: str = ""


class ReceiptState(rx.State):
    """The receipt that is open, if any. ``model`` is set for a reply, whose ``lines`` are its tokens.

    ``order_id`` is the purchase that it is about, where there is one and it is one's own.
    """

    shown: bool = False
    model: str = ""
    about: str = ""
    total: str = ""
    basis: str = ""
    order_id: str = ""
    lines: list[ReceiptLine] = []
    facts: list[ReceiptFact] = []

    @handled
    async def show(self, turn_id: str):
        """Open the receipt of a turn."""
        await self._show_turn((await signed_in(self)).user_id, turn_id)

    @handled
    async def show_movement(self, movement_id: str):
        """Open the receipt of a movement of one's own."""
        user_id = (await signed_in(self)).user_id
        await self._show_movement(user_id, await in_thread(read_movement, user_id, _number(movement_id)))

    @handled
    async def show_purchase(self, order_id: str):
        """Open the receipt of what a purchase of one's own brought."""
        user_id = (await signed_in(self)).user_id
        await self._show_movement(user_id, await in_thread(read_purchase, user_id, order_id))

    @handled
    async def show_somebody_s(self, user_id: str, movement_id: str):
        """Open the receipt of somebody's movement, for the operator."""
        await operating(self)
        await self._show_movement(user_id, await in_thread(read_movement, user_id, _number(movement_id)))
        self.order_id = ""
        # What somebody calls their keys are words of their own.
        self.facts = [fact for fact in self.facts if fact.label != _KEY]

    async def _show_movement(self, user_id: str, found: Movement) -> None:
        if found.kind == "capture":
            await self._show_turn(user_id, found.cause)
            return
        bought = await in_thread(name_orders, user_id, {found.order_id} if found.order_id else set[str]())
        label, detail = movement_words(found, bought.get(found.order_id or ""))
        self.model, self.lines, self.basis = "", [], ""
        self.about = ", ".join(part for part in (label, detail) if part)
        self.total, self.order_id = signed(found.amount_nanos), found.order_id or ""
        self.facts = _facts_of_movement(found, bought.get(found.order_id or ""))
        self.shown = True

    async def _show_turn(self, user_id: str, turn_id: str) -> None:
        found = await in_thread(read_receipt, user_id, turn_id)
        labels = await model_labels()
        self.model = self.about = labels.get(found.model, found.model)
        self.order_id = ""
        self.total = _dollars(found.charged_nanos if found.funding == "credits" else found.provider_cost_nanos)
        self.lines = [
            ReceiptLine(line.label, f"{line.quantity:,}", _rate(line), _dollars(line.cost_nanos))
            for line in found.lines
        ]
        self.facts = _facts(found)
        self.basis = _basis(found)
        self.shown = True

    @rx.event
    def close(self):
        """Put the receipt away."""
        self.shown = False


_KEY = "Asked with the access key"
_MOST_DIGITS = 18


def _number(movement_id: str) -> int:
    """The place of a movement, from a page's event. Raises NotFound for what no movement can have."""
    if not (movement_id.isascii() and movement_id.isdecimal() and len(movement_id) <= _MOST_DIGITS):
        raise NotFound("There is no such movement.")
    return int(movement_id)


def _dollars(nanos: int) -> str:
    """The exact amount: a receipt hides no digit."""
    return f"${usd_string(nanos)}"


def _rate(line: Line) -> str:
    """The rate as its column has it, per million; any other measure is said."""
    return f"${line.rate_usd}" if line.per == TOKENS_PER_RATE else f"${line.rate_usd} per {line.per:,}"


def _facts(found: Receipt) -> list[ReceiptFact]:
    facts = [
        ReceiptFact("Date", day_and_time(found.settled_at or found.created_at)),
        ReceiptFact("Paid with", payer_words(found)),
    ]
    if found.funding == "credits":
        facts += [
            ReceiptFact("Held at most", _dollars(found.held_nanos)),
            ReceiptFact("Taken from your balance", _dollars(found.charged_nanos)),
            ReceiptFact("Freed again", _dollars(found.freed_nanos)),
        ]
    if found.balance_nanos is not None:
        facts.append(ReceiptFact("Balance after it", _dollars(found.balance_nanos)))
    facts.append(ReceiptFact("Price list", f"version {found.price_version}"))
    if found.api_key:
        facts.append(ReceiptFact(_KEY, found.api_key.name))
    if found.entry_id:
        facts.append(ReceiptFact("Ledger entry", found.entry_id))
    if found.usage_id:
        facts.append(ReceiptFact("Usage record", found.usage_id))
    return facts


def _facts_of_movement(found: Movement, order: Bought | None) -> list[ReceiptFact]:
    facts = [ReceiptFact("Date", day_and_time(found.created_at))]
    if order and found.kind == "top_up":
        facts.append(ReceiptFact("Paid", format_usd(order.paid_nanos)))
    facts.append(ReceiptFact("Balance after it", _dollars(found.balance_nanos)))
    if found.order_id:
        facts.append(ReceiptFact("Order", found.order_id))
    facts.append(ReceiptFact("Ledger entry", found.entry_id))
    return facts


def _basis(found: Receipt) -> str:
    if found.estimated:
        return "The provider did not report the tokens, so they were counted from the text. Never above what was held."
    if found.funding == "credits":
        return "Tokens as the provider reported them."
    return "Tokens as the provider reported them. The provider bills your own key; nothing was taken here."
