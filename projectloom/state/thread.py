"""A conversation as the page shows it: rows of text made from messages and their receipts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from projectloom.metering.receipts import Receipt
from projectloom.money import format_usd
from projectloom.state.words import cents
from projectloom.workspace.chats import MessageView


@dataclass(frozen=True)
class MessageRow:
    """One message. A reply also says what it cost, who paid and how it ended; ``live`` while it streams."""

    anchor: str = ""
    role: str = ""
    text: str = ""
    turn_id: str = ""
    live: bool = False
    cost: str = ""
    payer: str = ""
    model: str = ""
    note: str = ""
    again: str = ""


def anchor(position: int) -> str:
    """The id in the page of the message at a position; it stays when a shown message becomes a stored one."""
    return f"m{position}"


def question_row(position: int, text: str) -> MessageRow:
    """A question that was just asked."""
    return MessageRow(anchor=anchor(position), role="user", text=text)


def live_row(position: int, turn_id: str) -> MessageRow:
    """A reply under way. Its text does not pass through the state: the page follows the turn itself."""
    return MessageRow(anchor=anchor(position), role="assistant", turn_id=turn_id, live=True)


def thread_rows(
    messages: Sequence[MessageView], receipts: Mapping[str, Receipt], labels: Mapping[str, str]
) -> list[MessageRow]:
    """The rows of a conversation, a reply that is still running included, oldest first."""
    rows: list[MessageRow] = []
    question = ""
    for message in messages:
        if message.role == "user":
            question = message.text
            rows.append(question_row(len(rows), message.text))
        else:
            receipt = receipts.get(message.turn_id or "")
            rows.append(_reply_row(len(rows), message, receipt, labels, question))
    return rows


def _reply_row(
    position: int, message: MessageView, receipt: Receipt | None, labels: Mapping[str, str], question: str
) -> MessageRow:
    if receipt is None:
        return MessageRow(anchor=anchor(position), role="assistant", text=message.text)
    if receipt.completion is None:
        return live_row(position, receipt.turn_id)
    note = _ending(receipt)
    return MessageRow(
        anchor=anchor(position),
        role="assistant",
        text=message.text,
        turn_id=receipt.turn_id,
        cost=cost_words(receipt),
        payer=payer_words(receipt),
        model=labels.get(receipt.model, receipt.model),
        note=note,
        again=question if receipt.completion != "complete" else "",
    )


def cost_words(receipt: Receipt) -> str:
    """What the reply cost whoever paid for it."""
    if receipt.funding == "credits":
        return format_usd(receipt.charged_nanos)
    return format_usd(receipt.provider_cost_nanos)


def payer_words(receipt: Receipt) -> str:
    """Who paid."""
    return "credits" if receipt.funding == "credits" else "your own key"


def _ending(receipt: Receipt) -> str:
    """What to know about a reply that did not simply finish; empty for one that did."""
    if receipt.completion == "stopped":
        if receipt.funding == "credits":
            return f"Stopped. {cents(receipt.charged_nanos)} ¢ of at most {cents(receipt.held_nanos)} ¢."
        return "Stopped."
    if receipt.completion == "partial":
        return "Cut off before the end. You pay only for what arrived."
    if receipt.completion == "failed":
        return f"{receipt.error_message or 'No reply came.'} You were not charged."
    if receipt.clamped:
        return "Kept to the length that your balance and caps covered."
    return ""
