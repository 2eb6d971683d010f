"""Credit that the operator gives to a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.users import find_user, normalise_email
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import InvalidAmount, InvalidInput, NotFound
from projectloom.ledger.credits import CODE_REASON, SIGN_UP_REASON, grant
from projectloom.money import Nanos, format_usd, from_usd

_MOST_USD = 10_000


@dataclass(frozen=True, slots=True)
class Given:
    """A grant."""

    entry_id: str
    amount_nanos: Nanos
    expires_at: datetime | None
    """When what is left of it expires, if it was given now."""
    already: bool
    """It was given for this reason before; nothing was added now."""


def give(email: str, dollars: int, *, reason: str, days: int | None = None) -> str:
    """Give whole dollars to the person with this e-mail, once for the reason; what was done, as a sentence.

    Raises:
        NotFound: nobody has this e-mail. InvalidInput: it is none. Else as :func:`give_credit`.
    """
    address = normalise_email(email)
    with transaction() as session:
        user = find_user(session, email=address)
        if user is None:
            raise NotFound("Nobody has an account with that e-mail.")
        given = give_credit(session, user_id=user.id, dollars=dollars, reason=reason, days=days)
    before = " They had it before; nothing was added." if given.already else ""
    return f"{format_usd(given.amount_nanos)} for {address}, entry {given.entry_id}.{before}"


def give_credit(session: Session, *, user_id: str, dollars: int, reason: str, days: int | None = None) -> Given:
    """Give whole dollars to a person, once for the reason, within the caller's transaction.

    Raises:
        InvalidInput: the reason is one of the server's own.
        InvalidAmount: not between $1 and $10,000, or for a number of days that cannot be.
        IdempotencyConflict: the same reason gave another amount before.
    """
    if reason == SIGN_UP_REASON or reason.startswith(CODE_REASON):
        raise InvalidInput("That reason is kept for what the server gives by itself. Choose another.")
    if not 1 <= dollars <= _MOST_USD or (days is not None and not 1 <= days <= limits.MAX_CREDIT_DAYS):
        raise InvalidAmount("Give between 1 and 10,000 whole dollars, for at least one day.")
    expires_at = None if days is None else now() + timedelta(days=days)
    amount = from_usd(dollars)
    posted = grant(session, user_id=user_id, reason=reason, amount_nanos=amount, expires_at=expires_at)
    return Given(posted.entry_id, amount, expires_at, already=posted.replayed)
