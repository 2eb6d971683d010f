"""The quick path of opening: a plain turn, its hold and its messages, committed together with others.

Plain is a turn without a client's request id, by whoever the stored preference says, at the price version in force, of
somebody without caps, debt, costly losses today or too many running replies, with a key without limits or none, in a
conversation of theirs or a new one. Everything else is answered with ``False``, nothing is written, and
:func:`projectloom.metering.opening.open_turn` decides. Row for row the two write the same.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from projectloom import limits
from projectloom.clock import now, start_of_day
from projectloom.conversations.chats import title_of
from projectloom.conversations.models import Role, TitleBy
from projectloom.group_commit import submit
from projectloom.group_stores import GONE, NOT_PLAIN, Answer, Operation, Outcome
from projectloom.ids import new_id
from projectloom.ledger.quick_holds import HoldItem, authorize_on_sqlite, hold_row, stored
from projectloom.metering.models import OPEN_STATES, Funding, TurnState
from projectloom.metering.requests import TurnRequest
from projectloom.metering.terms import Terms
from projectloom.pricing import PricedModel


@dataclass(frozen=True, slots=True)
class Exchange:
    """The two messages of a kept turn. The second is its reply, empty until it is settled."""

    prompt_id: str
    prompt: str = field(repr=False)
    reply_id: str


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A turn to be opened, with every id that its rows get. Its reply is as long as was asked for."""

    turn_id: str
    user_id: str
    input_hash: str
    source: str
    provider: str
    model: str
    funding: Funding
    price_version: int
    max_output_tokens: int
    input_estimate: int
    created_at: datetime
    hold_id: str | None = None
    """Where credits pay, and only there."""
    held_nanos: int = 0
    conversation_id: str | None = None
    title: str | None = None
    """Of a conversation that begins with this turn; None where it is there, or there is none."""
    exchange: Exchange | None = None
    """None where the exchange is not kept."""
    api_key_id: str | None = None


def open_item(
    request: TurnRequest, *, model: PricedModel, funding: Funding, price_version: int, terms: Terms, hashed: str
) -> OpenItem | None:
    """The item of a request on its terms; None where the request itself is not plain."""
    if request.client_request_id is not None or terms.clamped:
        return None
    turn_id, conversation_id, title, exchange = request.turn_id or new_id("turn"), request.conversation_id, None, None
    pays = funding == Funding.CREDITS
    if request.kept:
        prompt = request.messages[-1].text
        exchange = Exchange(prompt_id=new_id("msg"), prompt=prompt, reply_id=new_id("msg"))
        if conversation_id is None:
            conversation_id, title = new_id("conv"), title_of(prompt)
    return OpenItem(
        turn_id=turn_id,
        user_id=request.user_id,
        input_hash=hashed,
        source=request.source,
        provider=model.provider,
        model=model.id,
        funding=funding,
        price_version=price_version,
        max_output_tokens=terms.max_output_tokens,
        input_estimate=terms.input_estimate,
        created_at=now(),
        hold_id=new_id("hold") if pays else None,
        held_nanos=terms.hold_nanos if pays else 0,
        conversation_id=conversation_id,
        title=title,
        exchange=exchange,
        api_key_id=request.api_key_id,
    )


async def quick_open(item: OpenItem) -> Answer:
    """Open a turn: ``DONE`` with what the account has posted and held now, or ``NOT_PLAIN``.

    ``GONE`` when this very item was sent before, and its turn has ended since.

    Raises:
        DatabaseUnavailable: it may have been opened, or not. Sending the same item again tells; where nobody does,
            recovery frees its hold when its lease has run out.
    """
    return await submit(OPEN, item)


def _hold(item: OpenItem) -> HoldItem | None:
    if item.hold_id is None:
        return None
    return HoldItem(
        hold_id=item.hold_id,
        user_id=item.user_id,
        amount_nanos=item.held_nanos,
        idempotency_key=f"hold:{item.turn_id}",
        cause=item.turn_id,
        created_at=item.created_at,
        expires_at=item.created_at + timedelta(seconds=limits.HOLD_LIFETIME_SECONDS),
        least_nanos=limits.MIN_AVAILABLE_NANOS,
    )


def _row(number: int, item: OpenItem) -> Mapping[str, Any]:
    hold, exchange = _hold(item), item.exchange
    row: dict[str, Any] = {
        "n": number,
        "id": item.turn_id,
        "user_id": item.user_id,
        "conversation_id": item.conversation_id,
        "title": item.title,
        "input_hash": item.input_hash,
        "source": item.source,
        "provider": item.provider,
        "model": item.model,
        "funding": item.funding,
        "price_version": item.price_version,
        "max_output_tokens": item.max_output_tokens,
        "input_estimate": item.input_estimate,
        "api_key_id": item.api_key_id,
        "created_at": item.created_at.isoformat(),
        "lease_seconds": limits.TURN_LEASE_SECONDS,
        "most_running": limits.MAX_RUNNING_TURNS_PER_PERSON,
        "most_lost_nanos": limits.HOUSE_LOSS_NANOS,
        "most_stopped": limits.EMPTY_STOPS,
    }
    if hold is not None:
        row["hold"] = hold_row(number, hold)
    if exchange is not None:
        row |= {"prompt_id": exchange.prompt_id, "prompt": exchange.prompt, "reply_id": exchange.reply_id}
    return row


def _open_on_sqlite(db: sqlite3.Connection, item: OpenItem) -> Answer:
    known = db.execute("SELECT state, hold_id FROM turns WHERE id = ?", (item.turn_id,)).fetchone()
    hold = _hold(item)
    if known is not None:
        if known[1] != item.hold_id:
            return NOT_PLAIN
        if known[0] not in OPEN_STATES:
            return GONE
        return Answer(Outcome.DONE) if hold is None else authorize_on_sqlite(db, hold)
    if not (_is_plain(db, item) and _may_begin(db, item)):
        return NOT_PLAIN
    answer = Answer(Outcome.DONE) if hold is None else authorize_on_sqlite(db, hold)
    if answer.outcome == Outcome.DONE:
        _place(db, item)
        _insert_turn(db, item)
    return answer


def _is_plain(db: sqlite3.Connection, item: OpenItem) -> bool:
    """Whether payer, price, key and conversation are what the item says they are."""
    in_force = db.execute(
        "SELECT version FROM price_card_versions WHERE effective_at <= ? "
        "ORDER BY effective_at DESC, version DESC LIMIT 1",
        (stored(now()),),
    ).fetchone()
    mode = db.execute("SELECT api_key_mode FROM preferences WHERE user_id = ?", (item.user_id,)).fetchone()
    wanted = "own" if item.funding == Funding.OWN_KEY else "credits"
    if in_force != (item.price_version,) or (mode or ("own",)) != (wanted,):
        return False
    if (
        item.api_key_id is not None
        and not db.execute(
            "SELECT 1 FROM api_keys WHERE id = ? AND user_id = ? AND revoked_at IS NULL AND limit_day_nanos IS NULL "
            "AND limit_month_nanos IS NULL AND limit_total_nanos IS NULL",
            (item.api_key_id, item.user_id),
        ).fetchone()
    ):
        return False
    if item.conversation_id is None or item.title is not None:
        return True
    query = "SELECT 1 FROM conversations WHERE id = ? AND user_id = ? AND deleted_at IS NULL"
    return db.execute(query, (item.conversation_id, item.user_id)).fetchone() is not None


def _may_begin(db: sqlite3.Connection, item: OpenItem) -> bool:
    """Whether the person runs and lost little enough, and has set no caps."""
    running = db.execute(
        "SELECT count(*) FROM turns WHERE user_id = ? AND state IN ('held', 'streaming')", (item.user_id,)
    ).fetchone()[0]
    if running >= limits.MAX_RUNNING_TURNS_PER_PERSON:
        return False
    if item.funding != Funding.CREDITS:
        return True
    if db.execute("SELECT 1 FROM spending_caps WHERE user_id = ?", (item.user_id,)).fetchone():
        return False
    today = stored(start_of_day(now()))
    lost = db.execute(
        "SELECT COALESCE(SUM(provider_cost_nanos), 0) FROM usage_records WHERE user_id = ? AND funding = 'credits' "
        "AND charged_nanos = 0 AND created_at >= ?",
        (item.user_id, today),
    ).fetchone()[0]
    stopped = db.execute(
        "SELECT count(*) FROM turns WHERE state = 'voided' AND lease_until >= ? AND user_id = ? "
        "AND completion = 'stopped' AND funding = 'credits'",
        (today, item.user_id),
    ).fetchone()[0]
    return lost < limits.HOUSE_LOSS_NANOS and stopped < limits.EMPTY_STOPS


def _place(db: sqlite3.Connection, item: OpenItem) -> None:
    moment, exchange = stored(item.created_at), item.exchange
    if item.title is not None:
        db.execute(
            "INSERT INTO conversations (id, user_id, title, title_by, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (item.conversation_id, item.user_id, item.title, TitleBy.FIRST_LINE, moment, moment),
        )
    if exchange is None:
        return
    if item.title is None:
        db.execute("UPDATE conversations SET updated_at = ? WHERE id = ?", (moment, item.conversation_id))
    db.executemany(
        "INSERT INTO messages (id, conversation_id, parent_id, role, text, turn_id, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (exchange.prompt_id, item.conversation_id, None, Role.USER, exchange.prompt, None, moment),
            (
                exchange.reply_id,
                item.conversation_id,
                exchange.prompt_id,
                Role.ASSISTANT,
                "",
                item.turn_id,
                moment,
            ),
        ),
    )


def _insert_turn(db: sqlite3.Connection, item: OpenItem) -> None:
    db.execute(
        "INSERT INTO turns (id, user_id, conversation_id, input_hash, source, provider, model, funding, price_version, "
        "state, max_output_tokens, clamped, input_estimate, hold_id, held_nanos, text, lease_until, stop_requested, "
        "api_key_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, '', ?, 0, ?, ?)",
        (
            item.turn_id,
            item.user_id,
            item.conversation_id,
            item.input_hash,
            item.source,
            item.provider,
            item.model,
            item.funding,
            item.price_version,
            TurnState.HELD,
            item.max_output_tokens,
            item.input_estimate,
            item.hold_id,
            item.held_nanos,
            stored(now() + timedelta(seconds=limits.TURN_LEASE_SECONDS)),
            item.api_key_id,
            stored(item.created_at),
        ),
    )


OPEN = Operation("quick_open", _row, _open_on_sqlite, alone="quick_open_alone")
