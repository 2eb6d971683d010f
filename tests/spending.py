"""Spending an exact amount, with every row that a reply of that price would leave behind."""

from datetime import timedelta

from projectloom.clock import now
from projectloom.db import transaction
from projectloom.ids import new_id
from projectloom.ledger import holds
from projectloom.metering.models import Completion, Funding, Turn, TurnState, UsageRecord


def spend(person: str, nanos: int) -> None:
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
        common = {"user_id": person, "source": "chat", "provider": "openai", "model": "gpt-6.1-sol", "price_version": 1}
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
