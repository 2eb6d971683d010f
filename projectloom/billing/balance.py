"""A person's balance and what it is made of. Reading it for the first time opens their accounts at zero."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from projectloom import limits
from projectloom.db import reading, transaction
from projectloom.ledger.accounts import Balances, credits_address, open_accounts, read_balances
from projectloom.ledger.lots import lots_left
from projectloom.money import Nanos


@dataclass(frozen=True, slots=True)
class LotView:
    """A part of the balance: credit of one origin. ``kind`` is a :class:`~projectloom.ledger.models.LotKind` value."""

    id: str
    kind: str
    left_nanos: Nanos
    whole_nanos: Nanos
    """What it was at first."""
    created_at: datetime
    expires_at: datetime | None
    """When what is left of it expires; None is never."""


def read_balance(user_id: str) -> Balances:
    """The four balances of a person, in nanos."""
    with reading() as session:
        balances = read_balances(session, user_id=user_id)
    if balances is not None:
        return balances
    with transaction() as session:
        open_accounts(session, user_id=user_id)
        opened = read_balances(session, user_id=user_id)
    if opened is None:
        raise RuntimeError(f"the accounts of {user_id} were not opened")
    return opened


def read_lots(user_id: str) -> list[LotView]:
    """What a person's balance is made of, in the order in which it is spent."""
    with reading() as session:
        return view_lots(session, user_id)


def view_lots(session: Session, user_id: str) -> list[LotView]:
    """As :func:`read_lots`, on the caller's snapshot."""
    return [
        LotView(lot.id, lot.kind, Nanos(lot.remaining_nanos), Nanos(lot.amount_nanos), lot.created_at, lot.expires_at)
        for lot in lots_left(session, account_id=credits_address(user_id), limit=limits.LOTS_SHOWN)
    ]
