"""Finding a person, and what an operator sees of them: their books, never a word they said."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from projectloom import limits
from projectloom.accounts.models import User
from projectloom.billing.balance import LotView, view_lots
from projectloom.billing.models import Order
from projectloom.db import reading
from projectloom.errors import NotFound
from projectloom.ledger.accounts import Balances, credits_address, read_balances
from projectloom.ledger.models import Hold, HoldState
from projectloom.money import ZERO, Nanos, from_cents
from projectloom.operating.actions import name_of
from projectloom.texts import is_storable

_NOTHING = Balances(ZERO, ZERO, ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Found:
    """A person among those that a search found."""

    user_id: str
    name: str
    """Their e-mail, or their id where they left."""
    created_at: datetime
    left: bool


@dataclass(frozen=True, slots=True)
class HoldLine:
    """What a running reply has reserved."""

    id: str
    turn_id: str
    amount_nanos: Nanos
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One purchase, with what an operator looks it up by at Stripe."""

    id: str
    status: str
    price_nanos: Nanos
    credit_nanos: Nanos
    source: str
    problem: str | None
    session_id: str | None
    payment_intent_id: str | None
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonBooks:
    """A person as the books know them."""

    person: Found
    balances: Balances
    lots: list[LotView]
    """In the order in which they are spent."""
    holds: list[HoldLine]
    """Those that are not resolved, the latest first."""
    orders: list[OrderLine]
    """The latest first."""


def find_people(asked: str) -> list[Found]:
    """Whoever has this id or made this order, else those whose e-mail contains the text; the latest first, a few.

    Where nothing is asked for, those who joined last.
    """
    text = asked.strip()
    if len(text) > limits.MAX_EMAIL_CHARS or not is_storable(text):
        return []
    by_order = select(Order.user_id).where(Order.id == text)
    exactly = select(User).where(or_(col(User.id) == text, col(User.id).in_(by_order)))
    about = (
        select(User)
        .where(col(User.email).contains(text.lower(), autoescape=True), col(User.deleted_at).is_(None))
        .order_by(col(User.id).desc())
        .limit(limits.PEOPLE_FOUND)
    )
    with reading() as session:
        found = session.exec(exactly).all() or session.exec(about).all()
        return [_found(user) for user in found]


def read_person(user_id: str) -> PersonBooks:
    """A person's books. Raises NotFound."""
    with reading() as session:
        user = session.get(User, user_id) if is_storable(user_id) else None
        if user is None:
            raise NotFound("There is no such person.")
        return PersonBooks(
            person=_found(user),
            balances=read_balances(session, user_id=user_id) or _NOTHING,
            lots=view_lots(session, user_id),
            holds=_holds(session, user_id),
            orders=_orders(session, user_id),
        )


def _found(user: User) -> Found:
    return Found(user.id, name_of(user), user.created_at, left=user.deleted_at is not None)


def _holds(session: Session, user_id: str) -> list[HoldLine]:
    query = (
        select(Hold)
        .where(Hold.account_id == credits_address(user_id), Hold.state == HoldState.HELD)
        .order_by(col(Hold.id).desc())
        .limit(limits.HOLDS_SHOWN)
    )
    return [
        HoldLine(hold.id, hold.cause, Nanos(hold.amount_nanos), hold.created_at, hold.expires_at)
        for hold in session.exec(query).all()
    ]


def _orders(session: Session, user_id: str) -> list[OrderLine]:
    query = select(Order).where(Order.user_id == user_id).order_by(col(Order.id).desc()).limit(limits.PURCHASES_SHOWN)
    return [
        OrderLine(
            id=order.id,
            status=order.status,
            price_nanos=from_cents(order.price_cents),
            credit_nanos=from_cents(order.price_cents + order.bonus_cents),
            source=order.source,
            problem=order.problem,
            session_id=order.session_id,
            payment_intent_id=order.payment_intent_id,
            created_at=order.created_at,
            completed_at=order.completed_at,
        )
        for order in session.exec(query).all()
    ]
