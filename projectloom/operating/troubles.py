"""What waits for somebody: orders set aside, refunds that Stripe has not made, stuck replies, events not handled.

Each can be tried again with the very function that the jobs use, so two who press at once, or a job in between, make
one effect. A retry is written down before it is tried.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlmodel import Session, SQLModel, col, select

from projectloom import limits
from projectloom.accounts.models import User
from projectloom.billing.fulfillment import Fulfillment
from projectloom.billing.inbox import retry_event as handle_again
from projectloom.billing.looking_again import look_again
from projectloom.billing.models import Order, OrderStatus, StripeEvent
from projectloom.billing.refunds import finish_refund
from projectloom.db import database_now, in_thread, reading, transaction
from projectloom.errors import InvalidEvent, NotFound
from projectloom.metering.models import Turn, is_open
from projectloom.metering.recovery import recover_turn
from projectloom.metering.running import runner
from projectloom.money import Nanos, from_cents
from projectloom.operating.actions import name_of, note
from projectloom.operating.models import Action
from projectloom.texts import is_storable
from projectloom.workspace.identity import Person

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that waits."""

    id: str
    """Of the order, the turn or the event."""
    what: str
    """What it is about: a status, a model, a type of event."""
    why: str
    since: datetime
    user_id: str | None
    person: str | None
    """Whom it is about."""
    amount_nanos: Nanos | None


@dataclass(frozen=True, slots=True)
class Troubles:
    """All of it, the oldest first, of each kind at most as many as are shown."""

    orders: list[Trouble]
    refunds: list[Trouble]
    turns: list[Trouble]
    events: list[Trouble]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, (self.orders, self.refunds, self.turns, self.events)))


def read_troubles() -> Troubles:
    """What waits now."""
    with reading() as session:
        return Troubles(_orders(session), _refunds(session), _turns(session), _events(session))


async def retry_order(operator: Person, order_id: str) -> str:
    """Ask Stripe again about an order; what came of it, as a sentence.

    Raises:
        NotFound: there is no such order. PaymentUnavailable: Stripe did not answer.
    """
    await in_thread(_note_about_order, operator, Action.RETRY_ORDER, order_id)
    try:
        outcome = await look_again(order_id)
    except (NotFound, InvalidEvent) as error:
        return f"Nothing changed. Stripe's answer: {error.message}"
    return _OUTCOMES[outcome]


async def retry_refund(operator: Person, order_id: str) -> str:
    """Ask Stripe again for a refund that was requested; what came of it, as a sentence.

    Raises:
        NotFound: there is no such order. PaymentUnavailable: Stripe refused or did not answer; the message says which.
    """
    waits = await in_thread(_note_about_order, operator, Action.RETRY_REFUND, order_id)
    await finish_refund(order_id)
    return "The refund is made." if waits else "No refund of this order waits any more."


def retry_turn(operator: Person, turn_id: str) -> str:
    """Settle a reply whose process is gone; what came of it, as a sentence. Raises NotFound."""
    with transaction() as session:
        turn = _one(session, Turn, turn_id)
        note(session, operator, Action.RETRY_TURN, subject=turn_id, user_id=turn.user_id)
        if turn.ended_at is not None:
            return "It has ended by itself."
        if turn_id in runner.living():
            return "This server is at work on it: it will settle it better."
    if recover_turn(turn_id):
        return "It is settled: what had come is kept and charged, and the rest of its hold is free."
    with reading() as session:
        ended = session.get_one(Turn, turn_id).ended_at is not None
    return "It has ended by itself." if ended else "It could not be settled. The server's log says why."


def retry_event(operator: Person, event_id: str) -> str:
    """Handle an event of Stripe's again; what came of it, as a sentence. Raises NotFound."""
    with transaction() as session:
        _one(session, StripeEvent, event_id)
        note(session, operator, Action.RETRY_EVENT, subject=event_id)
    handle_again(event_id)
    with reading() as session:
        kept = session.get_one(StripeEvent, event_id)
    if kept.handled_at is None:
        return f"It could not be handled: {kept.error}."
    return f"It is handled ({kept.error})." if kept.error else "It is handled."


_OUTCOMES = {
    Fulfillment.CREDITED: "It is paid and agrees with the order: it was credited.",
    Fulfillment.ALREADY: "It is credited already.",
    Fulfillment.WAITING: "Nothing changed: the bank has yet to confirm.",
    Fulfillment.OPEN: "Nothing changed: it is not paid.",
    Fulfillment.CLOSED: "It is closed: the payment expired or was refused.",
    Fulfillment.SET_ASIDE: "Nothing changed: it still differs from the order.",
    Fulfillment.UNKNOWN: "Nothing changed: what Stripe names is not one of our orders.",
}


def _note_about_order(operator: Person, action: Action, order_id: str) -> bool:
    """Whether a refund of it waits."""
    with transaction() as session:
        order = _one(session, Order, order_id)
        note(session, operator, action, subject=order_id, user_id=order.user_id)
        return order.refund_requested_at is not None


def _one(session: Session, kind: type[Row], row_id: str) -> Row:
    found = session.get(kind, row_id) if is_storable(row_id) else None
    if found is None:
        raise NotFound
    return found


def _orders(session: Session) -> list[Trouble]:
    query = select(Order, User).join(User).where(Order.status == OrderStatus.SET_ASIDE)
    rows = session.exec(query.order_by(col(Order.id)).limit(limits.TROUBLES_SHOWN)).all()
    return [_of_order(order, user, order.problem or "", order.created_at) for order, user in rows]


def _refunds(session: Session) -> list[Trouble]:
    query = select(Order, User).join(User).where(col(Order.refund_requested_at).is_not(None))
    rows = session.exec(query.order_by(col(Order.refund_requested_at)).limit(limits.TROUBLES_SHOWN)).all()
    why = "Its buyer asked for the money back, and Stripe has not confirmed it."
    return [_of_order(order, user, why, order.refund_requested_at or order.created_at) for order, user in rows]


def _of_order(order: Order, user: User, why: str, since: datetime) -> Trouble:
    return Trouble(order.id, order.status, why, since, user.id, name_of(user), from_cents(order.price_cents))


def _turns(session: Session) -> list[Trouble]:
    late = database_now(session) - timedelta(seconds=limits.STUCK_TURN_SECONDS)
    query = select(Turn, User).join(User).where(is_open(), col(Turn.lease_until) < late)
    rows = session.exec(query.order_by(col(Turn.id)).limit(limits.TROUBLES_SHOWN)).all()
    return [
        Trouble(
            id=turn.id,
            what=turn.model,
            why="It has no process any more and is not settled.",
            since=turn.lease_until,
            user_id=user.id,
            person=name_of(user),
            amount_nanos=Nanos(turn.held_nanos) if turn.hold_id else None,
        )
        for turn, user in rows
    ]


def _events(session: Session) -> list[Trouble]:
    query = select(StripeEvent).where(col(StripeEvent.handled_at).is_(None), col(StripeEvent.error).is_not(None))
    rows = session.exec(query.order_by(col(StripeEvent.received_at)).limit(limits.TROUBLES_SHOWN)).all()
    return [Trouble(kept.id, kept.type, _why(kept), kept.received_at, None, None, None) for kept in rows]


def _why(kept: StripeEvent) -> str:
    tried = f" It failed {kept.attempts} times." if kept.attempts else ""
    return f"{kept.error}.{tried}" if kept.error and not kept.error.endswith(".") else f"{kept.error}{tried}"
