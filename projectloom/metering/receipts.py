"""Receipts: what one reply used, at which rates, what was held and what was charged, and who paid."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.db import reading
from projectloom.errors import NotFound
from projectloom.metering.cards import card_version
from projectloom.metering.models import Turn, UsageRecord
from projectloom.money import Nanos, ceil_nanos
from projectloom.pricing import reply_lines
from projectloom.tokens import Usage


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One pool of tokens, or the uses of one kind, at its rate."""

    label: str
    quantity: int
    rate_usd: str
    """For so many as ``per`` says."""
    per: int
    cost_nanos: Nanos


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a turn cost, and why. While it runs, only what was held is known."""

    turn_id: str
    usage_id: str | None
    provider: str
    model: str
    source: str
    funding: str
    state: str
    completion: str | None
    usage: Usage
    estimated: bool
    provider_cost_nanos: Nanos
    charged_nanos: Nanos
    held_nanos: Nanos
    clamped: bool
    price_version: int
    markup_percent: str
    """What is added to the provider's price, in per cent."""
    entry_id: str | None
    error_message: str | None
    created_at: datetime
    lines: tuple[ReceiptLine, ...]

    @property
    def freed_nanos(self) -> Nanos:
        """What was held and not needed."""
        return Nanos(self.held_nanos - self.charged_nanos)


def read_receipt(user_id: str, turn_id: str) -> Receipt:
    """The receipt of a person's turn.

    Raises:
        NotFound: there is no such turn, or it is somebody else's.
    """
    with reading() as session:
        turn = session.get(Turn, turn_id)
        if turn is None or turn.user_id != user_id:
            raise NotFound("There is no such reply.")
        record = session.exec(select(UsageRecord).where(UsageRecord.turn_id == turn_id)).one_or_none()
        return _receipt(session, turn, record)


def read_usage_receipt(user_id: str, usage_id: str) -> Receipt:
    """The receipt that belongs to a person's usage record.

    Raises:
        NotFound: there is no such record, or it is somebody else's.
    """
    with reading() as session:
        record = session.get(UsageRecord, usage_id)
        if record is None or record.user_id != user_id:
            raise NotFound("There is no such usage record.")
        return _receipt(session, session.get_one(Turn, record.turn_id), record)


def list_receipts(user_id: str, *, before: str | None = None, source: str | None = None) -> list[Receipt]:
    """One page of a person's receipts, the latest first, older than the usage record ``before`` if it is given."""
    query = (
        select(UsageRecord, Turn)
        .join(Turn, col(Turn.id) == col(UsageRecord.turn_id))
        .where(UsageRecord.user_id == user_id)
        .order_by(col(UsageRecord.id).desc())
        .limit(limits.USAGE_PAGE)
    )
    if before is not None:
        query = query.where(UsageRecord.id < before)
    if source is not None:
        query = query.where(UsageRecord.source == source)
    with reading() as session:
        return [_receipt(session, turn, record) for record, turn in session.exec(query).all()]


def receipts_of(user_id: str, conversation_id: str) -> dict[str, Receipt]:
    """The receipts of a conversation's turns, by turn id. Empty when the conversation is somebody else's."""
    query = (
        select(Turn, UsageRecord)
        .join(UsageRecord, col(UsageRecord.turn_id) == col(Turn.id), isouter=True)
        .where(Turn.user_id == user_id, Turn.conversation_id == conversation_id)
    )
    with reading() as session:
        return {turn.id: _receipt(session, turn, record) for turn, record in session.exec(query).all()}


def _receipt(session: Session, turn: Turn, record: UsageRecord | None) -> Receipt:
    usage = Usage() if record is None else _usage(record)
    card = card_version(session, turn.price_version)
    lines = reply_lines(card, turn.model, usage)
    return Receipt(
        turn_id=turn.id,
        usage_id=record.id if record else None,
        provider=turn.provider,
        model=turn.model,
        source=turn.source,
        funding=turn.funding,
        state=turn.state,
        completion=turn.completion,
        usage=usage,
        estimated=record.estimated if record else False,
        provider_cost_nanos=Nanos(record.provider_cost_nanos if record else 0),
        charged_nanos=Nanos(record.charged_nanos if record else 0),
        held_nanos=Nanos(turn.held_nanos),
        clamped=turn.clamped,
        price_version=turn.price_version,
        markup_percent=f"{card.markup_percent.normalize():f}",
        entry_id=record.entry_id if record else None,
        error_message=turn.error_message,
        created_at=turn.created_at,
        lines=tuple(
            ReceiptLine(line.label, line.quantity, f"{line.rate.normalize():f}", line.per, ceil_nanos(line.cost))
            for line in lines
        ),
    )


def _usage(record: UsageRecord) -> Usage:
    return Usage(
        input_tokens=record.input_tokens,
        cache_read_tokens=record.cache_read_tokens,
        cache_write_5m_tokens=record.cache_write_5m_tokens,
        cache_write_1h_tokens=record.cache_write_1h_tokens,
        output_tokens=record.output_tokens,
        reasoning_tokens=record.reasoning_tokens,
        web_searches=record.web_searches,
        flagged=record.flagged,
    )
