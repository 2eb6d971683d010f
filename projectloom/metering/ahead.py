"""What a person will soon run into, told before it stops them: the end of their balance, of a cap, of a key's limit.

Nothing is told of what has been reached already: that is said where a message cannot be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.keys import list_keys
from projectloom.accounts.preferences import read_preference
from projectloom.db import reading
from projectloom.ledger.accounts import read_balances
from projectloom.metering.caps import Cap, caps_of
from projectloom.metering.habits import usual_of
from projectloom.metering.models import Funding
from projectloom.metering.own_key_caps import own_key_cap
from projectloom.money import Nanos

Kind = Literal["balance", "cap", "key"]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is near its end."""

    kind: Kind
    left_nanos: Nanos
    questions: int | None = None
    """So many more, as this person asks them, does the balance cover; None where that is not known."""
    cap: Cap | None = None
    """The cap, or the limit of a key, that is nearly reached."""


def what_lies_ahead(user_id: str, conversation_id: str | None) -> Ahead | None:
    """The nearest of what would stop this person, in the conversation that is open; None while nothing is near."""
    with reading() as session:
        if read_preference(session, user_id=user_id).api_key_mode != Funding.CREDITS:
            keys = [row.provider for row in list_keys(session, user_id=user_id)]
            limited = (own_key_cap(session, user_id=user_id, provider=provider) for provider in keys)
            return _nearest("key", [cap for cap in limited if cap is not None])
        caps = caps_of(session, user_id=user_id, conversation_id=conversation_id)
        return _balance(session, user_id) or _nearest("cap", caps)


def _balance(session: Session, user_id: str) -> Ahead | None:
    balances = read_balances(session, user_id=user_id)
    if balances is None or balances.available_nanos < limits.MIN_AVAILABLE_NANOS:
        return None
    left, usual = balances.available_nanos, usual_of(session, user_id=user_id, funding=Funding.CREDITS)
    if usual is None:
        return Ahead("balance", left) if left < limits.NEAR_END_NANOS else None
    questions = left // usual.average_nanos
    return Ahead("balance", left, questions) if questions <= limits.NEAR_END_QUESTIONS else None


def _nearest(kind: Kind, caps: Sequence[Cap]) -> Ahead | None:
    near = [cap for cap in caps if cap.left_nanos and _used(cap) * 100 >= cap.limit_nanos * limits.NEAR_CAP_PERCENT]
    found = min(near, key=lambda cap: cap.left_nanos, default=None)
    return None if found is None else Ahead(kind, found.left_nanos, cap=found)


def _used(cap: Cap) -> int:
    return cap.spent_nanos + cap.held_nanos
