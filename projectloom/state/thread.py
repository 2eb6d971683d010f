"""A conversation as the page shows it: rows of text made from messages and their receipts."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from projectloom.errors import KeyRefused
from projectloom.metering.quotes import Estimate
from projectloom.metering.receipts import Receipt
from projectloom.money import format_usd
from projectloom.state.files import FileRow, file_rows
from projectloom.state.words import about, cents, words_in
from projectloom.workspace.chats import MessageView, ThreadView


@dataclass(frozen=True)
class MessageRow:
    """One message. A reply also says what it cost, who paid and how it ended; ``live`` while it streams.

    ``message_id`` is that of a stored one, by which a search leads to it.
    """

    anchor: str = ""
    message_id: str = ""
    role: str = ""
    text: str = ""
    turn_id: str = ""
    live: bool = False
    cost: str = ""
    payer: str = ""
    model: str = ""
    note: str = ""
    broken: bool = False
    """It did not end as replies do, so that asking once more is the next step."""
    again: str = ""
    """What that may cost, where it is known."""
    model_id: str = ""
    position: int = 0
    """Its place on the path."""
    number: int = 1
    versions: int = 1
    size: int = 0
    """Of a reply whose text the page has already and is not sent again, in code points."""
    key_failed: bool = False
    """The provider did not take the person's own key."""
    files: list[FileRow] = field(default_factory=list[FileRow])
    """Of a question."""


_NOT_NOW = {
    "no_pictures": "takes no pictures",
    "prompt_too_long": "too long for it",
    "too_large": "too large",
    "missing_api_key": "needs your key",
}


def anchor(position: int) -> str:
    """The id in the page of the message at a position; it stays when a shown message becomes a stored one."""
    return f"m{position}"


def question_row(position: int, text: str, number: int = 1, versions: int = 1) -> MessageRow:
    """A question; one that was just asked until it is known which version it is."""
    row = MessageRow(anchor=anchor(position), role="user", text=text, position=position)
    return replace(row, number=number, versions=versions)


def live_row(position: int, turn_id: str, number: int = 1, versions: int = 1) -> MessageRow:
    """A reply under way. Its text does not pass through the state: the page follows the turn itself."""
    row = MessageRow(anchor=anchor(position), role="assistant", turn_id=turn_id, live=True, position=position)
    return replace(row, number=number, versions=versions)


def thread_rows(
    view: ThreadView,
    receipts: Mapping[str, Receipt],
    labels: Mapping[str, str],
    streamed: AbstractSet[str] = frozenset(),
) -> list[MessageRow]:
    """The rows of a path, a reply that is still running included, oldest first.

    The text of turns in ``streamed`` is left out, as the page has it from their streams.
    """
    rows: list[MessageRow] = []
    for position, message in enumerate(view.messages, view.first):
        if message.role == "user":
            row = question_row(position, message.text, message.number, message.versions)
            row = replace(row, files=file_rows(message.attached))
        else:
            row = _reply_row(position, message, receipts.get(message.turn_id or ""), labels)
        row = replace(row, message_id=message.id)
        rows.append(replace(row, text="") if row.turn_id and row.turn_id in streamed else row)
    return rows


def _reply_row(position: int, message: MessageView, receipt: Receipt | None, labels: Mapping[str, str]) -> MessageRow:
    row = MessageRow(
        anchor=anchor(position),
        role="assistant",
        text=message.text,
        position=position,
        number=message.number,
        versions=message.versions,
        size=len(message.text),
    )
    if receipt is None:
        return row
    if receipt.completion is None:
        return live_row(position, receipt.turn_id, message.number, message.versions)
    return replace(
        row,
        turn_id=receipt.turn_id,
        cost=cost_words(receipt),
        payer=payer_words(receipt),
        model=labels.get(receipt.model, receipt.model),
        model_id=receipt.model,
        note=ending_words(receipt),
        broken=receipt.completion != "complete",
        key_failed=receipt.funding == "own_key" and receipt.error_code == KeyRefused.code,
    )


def price_words(found: Estimate) -> str:
    """What asking may cost, in words, or that it is not covered."""
    if found.obstacle:
        return _NOT_NOW.get(found.obstacle, "not covered now")
    words = about(found.low_nanos, found.high_nanos)
    return f"{words}, {words_in(found.max_output_tokens)} at most" if found.clamped else words


def cost_words(receipt: Receipt) -> str:
    """What the reply cost whoever paid for it."""
    if receipt.funding == "credits":
        return format_usd(receipt.charged_nanos)
    return format_usd(receipt.provider_cost_nanos)


def payer_words(receipt: Receipt) -> str:
    """Who paid."""
    return "credits" if receipt.funding == "credits" else "your own key"


def ending_words(receipt: Receipt) -> str:
    """What to know about a reply that did not simply finish; empty for one that did."""
    if receipt.completion == "stopped":
        if receipt.funding == "credits":
            return f"Stopped. {cents(receipt.charged_nanos)} ¢ of at most {cents(receipt.held_nanos)} ¢."
        return f"Stopped. {cents(receipt.provider_cost_nanos)} ¢ on your own key."
    if receipt.completion == "partial":
        cost = receipt.charged_nanos if receipt.funding == "credits" else receipt.provider_cost_nanos
        return f"Cut off before the end. You pay only for what arrived: {cents(cost)} ¢."
    if receipt.completion == "failed":
        return f"{receipt.error_message or 'No reply came.'} You were not charged."
    if receipt.clamped:
        return "Kept to the length that your balance and caps covered."
    return ""
