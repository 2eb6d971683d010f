"""A person's accounts and the operator's: addresses, opening, and the four balances."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from projectloom.db import insert_once
from projectloom.ledger.models import AccountKind, LedgerAccount
from projectloom.money import Nanos

STRIPE_CLEARING = "stripe:clearing"
EARNINGS = "platform:earnings"
PROMOTIONS = "platform:promotions"


@dataclass(frozen=True, slots=True)
class Balances:
    """A person's balances, in nanos."""

    posted_nanos: Nanos
    """What the journal says they have."""
    held_nanos: Nanos
    """What running replies have reserved."""
    debt_nanos: Nanos
    """What they owe; spending waits until it is paid."""
    spent_nanos: Nanos
    """Everything they ever spent on replies."""

    @property
    def available_nanos(self) -> Nanos:
        """What a new reply may reserve: posted less held, or nothing while there is debt."""
        return Nanos(0) if self.debt_nanos else Nanos(self.posted_nanos - self.held_nanos)


def credits_address(user_id: str) -> str:
    """The address of a person's spendable account."""
    return f"user:{user_id}:credits"


def debt_address(user_id: str) -> str:
    """The address of a person's debt account."""
    return f"user:{user_id}:debt"


def open_accounts(session: Session, *, user_id: str) -> None:
    """Make sure that a person's credits and debt accounts exist."""
    for address, kind in ((credits_address(user_id), AccountKind.CREDITS), (debt_address(user_id), AccountKind.DEBT)):
        account = LedgerAccount(id=address, user_id=user_id, kind=kind)
        insert_once(session, LedgerAccount, account.model_dump(), key=["id"])


def lock_accounts(session: Session, *, user_id: str) -> None:
    """Keep a person's balances as they are until the caller's transaction ends.

    On SQLite a writing transaction is alone anyway.
    """
    query = select(LedgerAccount.id).where(col(LedgerAccount.id).in_(_addresses(user_id)))
    session.exec(query.order_by(col(LedgerAccount.id)).with_for_update()).all()


def read_balances(session: Session, *, user_id: str) -> Balances | None:
    """A person's balances, or None when their accounts were never opened."""
    rows = session.exec(select(LedgerAccount).where(col(LedgerAccount.id).in_(_addresses(user_id)))).all()
    accounts = {row.id: row for row in rows}
    credits = accounts.get(credits_address(user_id))
    debt = accounts.get(debt_address(user_id))
    if credits is None or debt is None:
        return None
    return Balances(
        posted_nanos=Nanos(credits.posted_nanos),
        held_nanos=Nanos(credits.held_nanos),
        debt_nanos=Nanos(-debt.posted_nanos),
        spent_nanos=Nanos(credits.spent_nanos),
    )


def _addresses(user_id: str) -> tuple[str, str]:
    return credits_address(user_id), debt_address(user_id)
