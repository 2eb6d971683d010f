"""Spending an exact amount, with every row that a reply of that price would leave behind."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from projectloom.clock import now
from projectloom.db import transaction
from projectloom.ids import new_id
from projectloom.ledger import holds
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.models import Hold, JournalEntry, Posting
from projectloom.metering.models import Completion, Funding, Turn, TurnState, UsageRecord


def spend(person: str, nanos: int, api_key_id: str | None = None) -> None:
    turn_id, moment = new_id("turn"), now()
    with transaction() as session:
        hold = holds.authorize(
            session,
            user_id=person,
            amount_nanos=nanos,
            idempotency_key=f"hold:{turn_id}",
            cause=turn_id,
            expires_at=moment + timedelta(hours=1),
        )
        common: dict[str, Any] = {
            "user_id": person,
            "source": "chat",
            "provider": "openai",
            "model": "gpt-6.1-sol",
            "price_version": 1,
        }
        common["api_key_id"] = api_key_id
        turn = Turn(
            id=turn_id,
            input_hash="",
            funding=Funding.CREDITS,
            state=TurnState.SETTLED,
            completion=Completion.COMPLETE,
            max_output_tokens=1,
            input_estimate=1,
            hold_id=hold.id,
            held_nanos=nanos,
            text="Hello",
            lease_until=moment,
            ended_at=moment,
            **common,
        )
        session.add(turn)
        session.flush()
        entry_id = holds.capture(session, hold_id=hold.id, amount_nanos=nanos)
        usage = UsageRecord(
            id=new_id("use"),
            turn_id=turn_id,
            funding=Funding.CREDITS,
            input_tokens=1,
            cache_read_tokens=0,
            cache_write_5m_tokens=0,
            cache_write_1h_tokens=0,
            output_tokens=1,
            reasoning_tokens=0,
            estimated=False,
            provider_cost_nanos=nanos,
            charged_nanos=nanos,
            hold_id=hold.id,
            entry_id=entry_id,
            **common,
        )
        session.add(usage)


@dataclass(frozen=True)
class PastReply:
    """A reply that ended at a moment in the past. With ``own_key`` it cost no credit."""

    at: datetime
    nanos: int
    model: str = "gpt-6.1-sol"
    source: str = "chat"
    funding: Funding = Funding.CREDITS
    conversation_id: str | None = None
    api_key_id: str | None = None
    output_tokens: int = 3
    estimated: bool = False


def have_asked(person: str, replies: Iterable[PastReply]) -> None:
    """The rows that replies of the past would have left, at their own times: as many as a test needs, at once."""
    rows: dict[type[SQLModel], list[dict[str, Any]]] = {
        table: [] for table in (Hold, JournalEntry, Posting, Turn, UsageRecord)
    }
    for reply in sorted(replies, key=lambda one: one.at):
        _add_rows(rows, person, reply)
    with transaction() as session:
        for table, values in rows.items():
            if values:
                session.connection().execute(insert(table), values)


def _add_rows(rows: dict[type[SQLModel], list[dict[str, Any]]], person: str, reply: PastReply) -> None:
    turn_id, hold_id, entry_id, at = new_id("turn"), None, None, reply.at
    if reply.funding == Funding.CREDITS:
        account, hold_id, entry_id = credits_address(person), new_id("hold"), new_id("je")
        rows[Hold].append(
            {"id": hold_id, "account_id": account, "amount_nanos": reply.nanos, "state": "captured"}
            | {"captured_nanos": reply.nanos, "idempotency_key": f"hold:{turn_id}", "input_hash": "", "cause": turn_id}
            | {"created_at": at, "expires_at": at, "resolved_at": at}
        )
        rows[JournalEntry].append(
            {"id": entry_id, "kind": "capture", "idempotency_key": f"capture:{hold_id}", "input_hash": ""}
            | {"cause": turn_id, "created_at": at}
        )
        rows[Posting].append(
            {"entry_id": entry_id, "account_id": account, "amount_nanos": -reply.nanos, "balance_nanos": 0}
        )
    common: dict[str, Any] = {
        "user_id": person,
        "provider": "openai" if reply.model.startswith("gpt") else "anthropic",
        "price_version": 1,
        "hold_id": hold_id,
        "created_at": at,
        **{name: getattr(reply, name) for name in ("model", "source", "funding", "conversation_id", "api_key_id")},
    }
    turn = Turn(
        id=turn_id,
        input_hash="",
        state=TurnState.SETTLED,
        completion=Completion.COMPLETE,
        max_output_tokens=1,
        input_estimate=1,
        held_nanos=reply.nanos if hold_id else 0,
        text="Hello",
        lease_until=at,
        ended_at=at,
        **common,
    )
    usage = UsageRecord(
        id=new_id("use"),
        turn_id=turn_id,
        entry_id=entry_id,
        input_tokens=5,
        cache_read_tokens=2,
        cache_write_5m_tokens=0,
        cache_write_1h_tokens=0,
        output_tokens=reply.output_tokens,
        reasoning_tokens=0,
        estimated=reply.estimated,
        provider_cost_nanos=reply.nanos,
        charged_nanos=reply.nanos if hold_id else 0,
        **common,
    )
    rows[Turn].append(turn.model_dump())
    rows[UsageRecord].append(usage.model_dump())
