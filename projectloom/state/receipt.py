"""The receipt of one reply, opened from any amount."""

from dataclasses import dataclass

import reflex as rx

from projectloom.db import in_thread
from projectloom.metering.receipts import Receipt, read_receipt
from projectloom.metering.receipts import ReceiptLine as Line
from projectloom.money import usd_string
from projectloom.pricing import TOKENS_PER_RATE
from projectloom.state.models import model_labels
from projectloom.state.session import handled, signed_in
from projectloom.state.thread import payer_words


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
    """The receipt that is open, if any."""

    shown: bool = False
    model: str = ""
    total: str = ""
    basis: str = ""
    lines: list[ReceiptLine] = []
    facts: list[ReceiptFact] = []

    @handled
    async def show(self, turn_id: str):
        """Open the receipt of a turn."""
        person = await signed_in(self)
        found = await in_thread(read_receipt, person.user_id, turn_id)
        labels = await model_labels()
        self.model = labels.get(found.model, found.model)
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


def _dollars(nanos: int) -> str:
    """The exact amount: a receipt hides no digit."""
    return f"${usd_string(nanos)}"


def _rate(line: Line) -> str:
    """The rate as its column has it, per million; any other measure is said."""
    return f"${line.rate_usd}" if line.per == TOKENS_PER_RATE else f"${line.rate_usd} per {line.per:,}"


def _facts(found: Receipt) -> list[ReceiptFact]:
    facts = [ReceiptFact("Paid with", payer_words(found))]
    if found.funding == "credits":
        facts += [
            ReceiptFact("Held at most", _dollars(found.held_nanos)),
            ReceiptFact("Taken from your balance", _dollars(found.charged_nanos)),
            ReceiptFact("Freed again", _dollars(found.freed_nanos)),
        ]
    facts.append(ReceiptFact("Price list", f"version {found.price_version}"))
    if found.api_key:
        facts.append(ReceiptFact("Asked with the access key", found.api_key.name))
    if found.entry_id:
        facts.append(ReceiptFact("Ledger entry", found.entry_id))
    if found.usage_id:
        facts.append(ReceiptFact("Usage record", found.usage_id))
    return facts


def _basis(found: Receipt) -> str:
    if found.estimated:
        return "The provider did not report the tokens, so they were counted from the text. Never above what was held."
    if found.funding == "credits":
        return "Tokens as the provider reported them."
    return "Tokens as the provider reported them. The provider bills your own key; nothing was taken here."
