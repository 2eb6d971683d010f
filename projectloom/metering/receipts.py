"""Receipts: what one reply used, at which rates, what was held and what was charged, and who paid."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import BigInteger, case, cast, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.models import ApiKey
from projectloom.db import reading
from projectloom.errors import NotFound
from projectloom.group_stores import Answer
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.models import Posting
from projectloom.metering.begun import Begun
from projectloom.metering.cards import card_version
from projectloom.metering.models import Funding, Turn, UsageRecord
from projectloom.metering.quick_settle import SettleItem
from projectloom.money import Nanos, ceil_nanos
from projectloom.pricing import PriceCard, reply_lines
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
class ReceiptKey:
    """The person's API key that a turn came with."""

    id: str
    name: str


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
    api_key: ReceiptKey | None = None
    """None where a person asked from a session."""
    error_code: str | None = None
    """Why no whole reply came, as a code of :mod:`projectloom.errors`."""
    settled_at: datetime | None = field(default=None, compare=False)
    """When it was charged; None while it runs, and where that was not asked of the database."""
    balance_nanos: Nanos | None = field(default=None, compare=False)
    """The person's balance after it; None where none of it was taken, and in lists, which leave it to the statement."""

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
        return _with_balance(session, turn, _receipt(session, turn, record))


def receipt_of_end(turn: Begun, card: PriceCard, end: SettleItem, answer: Answer) -> Receipt | None:
    """What :func:`read_receipt` would read of a turn that was settled so; None where only the database knows it all."""
    if turn.api_key_id is not None:
        return None
    used = end.used
    usage = used.usage if used is not None else Usage()
    return Receipt(
        turn_id=turn.id,
        usage_id=used.usage_id if used is not None else None,
        provider=turn.provider,
        model=turn.model,
        source=turn.source,
        funding=turn.funding,
        state=end.state,
        completion=end.completion,
        usage=usage,
        estimated=used.estimated if used is not None else False,
        provider_cost_nanos=Nanos(used.provider_cost_nanos if used is not None else 0),
        charged_nanos=Nanos(used.charged_nanos if used is not None else 0),
        held_nanos=Nanos(turn.held_nanos),
        clamped=turn.clamped,
        price_version=turn.price_version,
        markup_percent=_markup(card),
        entry_id=answer.entry_id,
        error_message=end.error_message,
        created_at=turn.created_at,
        lines=_lines(card, turn.model, usage),
        error_code=end.error_code,
    )


def read_usage_receipt(user_id: str, usage_id: str) -> Receipt:
    """The receipt that belongs to a person's usage record.

    Raises:
        NotFound: there is no such record, or it is somebody else's.
    """
    with reading() as session:
        record = session.get(UsageRecord, usage_id)
        if record is None or record.user_id != user_id:
            raise NotFound("There is no such usage record.")
        turn = session.get_one(Turn, record.turn_id)
        return _with_balance(session, turn, _receipt(session, turn, record))


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


def receipts_of(user_id: str, turn_ids: Sequence[str]) -> dict[str, Receipt]:
    """The receipts of these turns, by turn id, but for those that are somebody else's."""
    query = (
        select(Turn, UsageRecord)
        .join(UsageRecord, col(UsageRecord.turn_id) == col(Turn.id), isouter=True)
        .where(Turn.user_id == user_id, col(Turn.id).in_(turn_ids))
    )
    with reading() as session:
        return {turn.id: _receipt(session, turn, record) for turn, record in session.exec(query).all()}


@dataclass(frozen=True, slots=True)
class Outline:
    """What tells one reply from another at a glance."""

    model: str
    completion: str | None
    """None while it runs."""
    cost_nanos: Nanos
    """Whoever paid."""


def outlines_of_conversation(user_id: str, conversation_id: str) -> dict[str, Outline]:
    """Every reply of a person's conversation, by turn, in one read."""
    paid = case(
        (col(Turn.funding) == Funding.OWN_KEY, col(UsageRecord.provider_cost_nanos)),
        else_=col(UsageRecord.charged_nanos),
    )
    query = (
        select_columns(col(Turn.id), col(Turn.model), col(Turn.completion), func.coalesce(paid, 0))
        .join(UsageRecord, col(UsageRecord.turn_id) == col(Turn.id), isouter=True)
        .where(col(Turn.user_id) == user_id, col(Turn.conversation_id) == conversation_id)
    )
    with reading() as session:
        rows = session.connection().execute(query).all()
    return {turn_id: Outline(model, completion, Nanos(cost)) for turn_id, model, completion, cost in rows}


def cost_of_conversation(user_id: str, conversation_id: str) -> tuple[Nanos, Nanos]:
    """What all replies of a conversation cost together, in every branch: from credit, and by the person's own keys."""
    own = case((col(UsageRecord.funding) == Funding.OWN_KEY, col(UsageRecord.provider_cost_nanos)), else_=0)
    sums = [func.sum(col(UsageRecord.charged_nanos)), func.sum(own)]
    charged, by_own_keys = (cast(func.coalesce(one, 0), BigInteger) for one in sums)
    query = (
        select_columns(charged, by_own_keys)
        .join(Turn, col(Turn.id) == col(UsageRecord.turn_id))
        .where(
            col(Turn.user_id) == user_id,
            col(Turn.conversation_id) == conversation_id,
            col(Turn.funding) != Funding.HOUSE,
        )
    )
    with reading() as session:
        row = session.connection().execute(query).one()
    return Nanos(row[0]), Nanos(row[1])


def _with_balance(session: Session, turn: Turn, receipt: Receipt) -> Receipt:
    query = select(Posting.balance_nanos).where(
        Posting.entry_id == receipt.entry_id, Posting.account_id == credits_address(turn.user_id)
    )
    found = session.exec(query).one_or_none() if receipt.entry_id else None
    return receipt if found is None else replace(receipt, balance_nanos=Nanos(found))


def _receipt(session: Session, turn: Turn, record: UsageRecord | None) -> Receipt:
    usage = Usage() if record is None else _usage(record)
    card = card_version(session, turn.price_version)
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
        markup_percent=_markup(card),
        entry_id=record.entry_id if record else None,
        error_message=turn.error_message,
        created_at=turn.created_at,
        lines=_lines(card, turn.model, usage),
        api_key=_key(session, turn),
        error_code=turn.error_code,
        settled_at=record.created_at if record else None,
    )


def _markup(card: PriceCard) -> str:
    return f"{card.markup_percent.normalize():f}"


def _lines(card: PriceCard, model_id: str, usage: Usage) -> tuple[ReceiptLine, ...]:
    return tuple(
        ReceiptLine(line.label, line.quantity, f"{line.rate.normalize():f}", line.per, ceil_nanos(line.cost))
        for line in reply_lines(card, model_id, usage)
    )


def _key(session: Session, turn: Turn) -> ReceiptKey | None:
    if turn.api_key_id is None:
        return None
    # The session reads each key once, however many receipts name it.
    return ReceiptKey(turn.api_key_id, session.get_one(ApiKey, turn.api_key_id).name)


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
