"""A person's accounts and the operator's: addresses, opening, and the four balances."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom.db import insert_once
from projectloom.ledger.models import AccountKind, LedgerAccount
from projectloom.money import Nanos

STRIPE_CLEARING = "stripe:clearing"
EARNINGS = "platform:earnings"
PROMOTIONS = "platform:promotions"
BREAKAGE = "platform:breakage"


@dataclass(frozen=True, slots=True)
class Balances:
    """A person's balances, in nanos."""

    posted_nanos: Nanos
    """What the journal says they have."""
    held_nanos: Nanos
    """What running replies have reserved."""
    debt_nanos: Nanos
    """What they owe; spending waits until it is paid."""
    frozen_nanos: Nanos
    """Credit of a disputed purchase, out of reach until the dispute ends."""
    spent_nanos: Nanos
    """Everything they ever spent on replies."""

    @property
    def available_nanos(self) -> Nanos:
        """What a new reply may reserve: posted less held, or nothing while there is debt."""
        return Nanos(0) if self.debt_nanos else Nanos(self.posted_nanos - self.held_nanos)


def credits_address(user_id: str) -> str:
    """The address of a person's spendable account."""
    return f"user:{user_id}:credits"


def frozen_address(user_id: str) -> str:
    """The address of a person's credit that a dispute put out of reach."""
    return f"user:{user_id}:frozen"


def debt_address(user_id: str) -> str:
    """The address of a person's debt account."""
    return f"user:{user_id}:debt"


def open_accounts(session: Session, *, user_id: str) -> None:
    """Make sure that a person's accounts exist."""
    for kind, address in _addresses(user_id).items():
        account = LedgerAccount(id=address, user_id=user_id, kind=kind)
        insert_once(session, LedgerAccount, account.model_dump(), key=["id"])


def lock_accounts(session: Session, *, user_id: str) -> None:
    """Keep a person's balances as they are until the caller's transaction ends.

    On SQLite a writing transaction is alone anyway.
    """
    query = select(LedgerAccount.id).where(col(LedgerAccount.id).in_(_addresses(user_id).values()))
    session.exec(query.order_by(col(LedgerAccount.id)).with_for_update()).all()


def read_balances(session: Session, *, user_id: str) -> Balances | None:
    """A person's balances, or None when their accounts were never opened."""
    # Columns, not objects: an object that the session read before would keep its old figures.
    query = select(
        LedgerAccount.kind, LedgerAccount.posted_nanos, LedgerAccount.held_nanos, LedgerAccount.spent_nanos
    ).where(col(LedgerAccount.id).in_(_addresses(user_id).values()))
    rows = {kind: (posted, held, spent) for kind, posted, held, spent in session.exec(query).all()}
    if len(rows) < len(_addresses(user_id)):
        return None
    posted, held, spent = rows[AccountKind.CREDITS]
    return Balances(
        posted_nanos=Nanos(posted),
        held_nanos=Nanos(held),
        debt_nanos=Nanos(-rows[AccountKind.DEBT][0]),
        frozen_nanos=Nanos(rows[AccountKind.FROZEN][0]),
        spent_nanos=Nanos(spent),
    )


def posted_credit(session: Session, *, user_id: str) -> Nanos:
    """What the journal says a person has, read from one row; nothing when their accounts were never opened."""
    query = select(LedgerAccount.posted_nanos).where(LedgerAccount.id == credits_address(user_id))
    return Nanos(session.exec(query).one_or_none() or 0)


def all_debt(session: Session) -> Nanos:
    """What everybody owes together. Reads every account: for now and then."""
    query = select(func.coalesce(func.sum(-LedgerAccount.posted_nanos), 0)).where(
        LedgerAccount.kind == AccountKind.DEBT, LedgerAccount.posted_nanos < 0
    )
    return Nanos(int(session.exec(query).one()))


def _addresses(user_id: str) -> dict[AccountKind, str]:
    return {
        AccountKind.CREDITS: credits_address(user_id),
        AccountKind.FROZEN: frozen_address(user_id),
        AccountKind.DEBT: debt_address(user_id),
    }
