"""Books with a row of every kind, and an owner who changes them behind the product's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Engine, text
from sqlmodel import Session, select

from projectloom.billing.models import Order, OrderStatus, PromotionalCode, StripeEvent
from projectloom.billing.reversals import record_reversal, refund_freeze
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.ids import new_id
from projectloom.ledger import holds
from projectloom.ledger.audit import Check, Since, prove
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.models import CreditLot
from projectloom.ledger.reversals import freeze
from projectloom.metering.models import Funding, Turn, TurnState, UsageRecord
from projectloom.money import from_cents, from_usd
from projectloom.operating.audit import PROOFS
from projectloom.operating.credit import revoke_credit
from projectloom.payments import ReversalFacts, Stage
from projectloom.workspace.identity import Person
from tests.spending import spend


def keep_shop(person: str) -> None:
    """Purchases, a gift, replies, a refund, a dispute, a requested refund, and one of each that is still open."""
    for name in ("spent", "refunded", "disputed", "regretted"):
        _bought(person, f"ord_00{name}")
    with transaction() as session:
        grant(session, user_id=person, reason="welcome", amount_nanos=from_usd(1), expires_at=now() + timedelta(days=9))
        session.add(PromotionalCode(code="SPRING-2027", amount_nanos=from_usd(5), max_uses=3, uses=1))
        grant(session, user_id=person, reason="code:SPRING-2027", amount_nanos=from_usd(5))
        lot_id = _given(session, person, "a mistake")
    revoke_credit(Person(person, "operator@example.org"), person, lot_id, reason="It was one")
    spend(person, from_usd(2))
    record_reversal(ReversalFacts("re_1", "refund", "pi_ord_00refunded", 400, "usd", Stage.TAKEN))
    record_reversal(ReversalFacts("dp_1", "dispute", "pi_ord_00disputed", 1_000, "usd", Stage.OPEN))
    with transaction() as session:
        order = session.get_one(Order, "ord_00regretted")
        order.refund_requested_at = now()
        session.add(order)
        session.flush()
        freeze(session, user_id=person, order_id=order.id, dispute_id=refund_freeze(order))
        session.add(_order(person, "ord_00open"))
        session.add(_order(person, "ord_00auto", source="auto"))
        event = StripeEvent(id="evt_1", type="t", livemode=False, payload="{}", handled_at=now())
        session.add(event)
    _open_and_voided_turns(person)
    _own_key_turn(person)


def _given(session: Session, person: str, reason: str) -> str:
    """A dollar more, which an operator takes back; its lot."""
    entry_id = grant(session, user_id=person, reason=reason, amount_nanos=from_usd(1)).entry_id
    return session.exec(select(CreditLot.id).where(CreditLot.entry_id == entry_id)).one()


def _order(person: str, order_id: str, **changes: object) -> Order:
    common = {"id": order_id, "user_id": person, "price_cents": 1_000, "bonus_cents": 100}
    return Order(**common, currency="usd", livemode=False, payment_intent_id=f"pi_{order_id}", **changes)


def _bought(person: str, order_id: str) -> None:
    with transaction() as session:
        session.add(_order(person, order_id, status=OrderStatus.COMPLETED, completed_at=now(), paid_cents=1_000))
        session.flush()
        top_up(session, user_id=person, order_id=order_id, paid_nanos=from_cents(1_000), bonus_nanos=from_cents(100))


def _open_and_voided_turns(person: str) -> None:
    for name in ("open", "voided"):
        with transaction() as session:
            hold = holds.authorize(
                session,
                user_id=person,
                amount_nanos=1_000,
                idempotency_key=f"hold:{name}",
                cause=f"turn_00{name}",
                expires_at=now() + timedelta(hours=1),
            )
            ended = now() if name == "voided" else None
            state = TurnState.VOIDED if ended else TurnState.HELD
            session.add(_turn(person, name, hold_id=hold.id, held_nanos=1_000, state=state, ended_at=ended))
            if ended:
                holds.void(session, hold_id=hold.id)


def _turn(person: str, name: str, *, funding: Funding = Funding.CREDITS, **changes: object) -> Turn:
    common = {"id": f"turn_00{name}", "user_id": person, "funding": funding, "input_hash": "", "source": "chat"}
    model = {"provider": "openai", "model": "gpt-6.1-sol", "price_version": 1}
    return Turn(**common, **model, max_output_tokens=1, input_estimate=1, lease_until=now(), **changes)


def _own_key_turn(person: str) -> None:
    with transaction() as session:
        turn = _turn(person, "own", funding=Funding.OWN_KEY, state=TurnState.SETTLED, ended_at=now())
        turn.id = new_id("turn")
        session.add(turn)
        session.flush()
        kinds = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
        common = {"provider": "openai", "model": "gpt-6.1-sol", "source": "chat", "price_version": 1}
        tokens = {f"{kind}_tokens": 1 for kind in kinds}
        session.add(
            UsageRecord(
                id=new_id("use"),
                turn_id=turn.id,
                user_id=person,
                funding=Funding.OWN_KEY,
                estimated=False,
                provider_cost_nanos=1,
                charged_nanos=0,
                **common,
                **tokens,
            )
        )


def broken(session: Session, since: Since | None) -> dict[str, Check]:
    """The promises that do not hold, by name."""
    return {check.name: check for check in prove(session, PROOFS, since) if not check.holds}


@contextmanager
def owner_at_work(engine: Engine) -> Iterator[Connection]:
    """A connection on which the database refuses nothing; what is done there is undone at the end."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            _lift_postgres(connection)
        else:
            _lift_sqlite(connection)
        yield connection
        connection.rollback()
        connection.invalidate()


def _lift_postgres(connection: Connection) -> None:
    # As a replica a server runs no triggers, and foreign keys are triggers.
    connection.execute(text("SET session_replication_role = replica"))
    checks = text("SELECT conrelid\\:\\:regclass, conname FROM pg_constraint WHERE contype = 'c' AND conrelid > 0")
    for table, name in connection.execute(checks).all():
        if not str(table).startswith(("information_schema", "pg_")):
            connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
    connection.execute(text("DROP INDEX ux_orders_auto_in_flight"))


def _lift_sqlite(connection: Connection) -> None:
    for statement in ("PRAGMA ignore_check_constraints = ON", "PRAGMA defer_foreign_keys = ON"):
        connection.execute(text(statement))
    for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        connection.execute(text(f"DROP TRIGGER {name}"))
    connection.execute(text("DROP INDEX ux_orders_auto_in_flight"))
