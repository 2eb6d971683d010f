"""The database itself refuses what the books forbid, whoever asks."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import DatabaseUnavailable
from projectloom.ledger import holds
from projectloom.ledger.credits import top_up
from projectloom.money import from_usd
from projectloom.operating.models import OperatorAction

TAMPERING = (
    "UPDATE postings SET amount_nanos = amount_nanos + 1",
    "DELETE FROM postings",
    "UPDATE journal_entries SET kind = 'grant'",
    "DELETE FROM journal_entries",
    "UPDATE lot_movements SET amount_nanos = 0",
    "DELETE FROM lot_movements",
    "UPDATE holds SET amount_nanos = 1",
    "UPDATE holds SET state = 'held' WHERE state = 'captured'",
    "DELETE FROM holds",
    "UPDATE credit_lots SET amount_nanos = 1",
    "DELETE FROM credit_lots",
    "DELETE FROM ledger_accounts",
    "UPDATE ledger_accounts SET posted_nanos = -1 WHERE kind = 'credits'",
    "UPDATE ledger_accounts SET held_nanos = posted_nanos + 1 WHERE kind = 'credits'",
    "DELETE FROM price_card_versions",
    "UPDATE operator_actions SET reason = 'another'",
    "DELETE FROM operator_actions",
)


@pytest.fixture
def spent(person: str) -> None:
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(10), bonus_nanos=0)
        hold = holds.authorize(
            session,
            user_id=person,
            amount_nanos=9,
            idempotency_key="h",
            cause="t",
            expires_at=now() + timedelta(hours=1),
        )
        holds.capture(session, hold_id=hold.id, amount_nanos=5)
        session.add(OperatorAction(operator_id=person, action="grant", subject=person, reason="why"))


@pytest.mark.parametrize("statement", TAMPERING)
def test_the_database_refuses(spent: None, statement: str):
    with pytest.raises((DBAPIError, DatabaseUnavailable)), transaction() as session:
        session.connection().execute(text(statement))
