"""The credit balance, as text.

What is shown is the posted balance: it rests while a reply streams and moves once, by the reply's cost, when the hold
is captured. What is held meanwhile is shown apart.
"""

from dataclasses import dataclass
from time import monotonic

import reflex as rx

from projectloom.billing.balance import read_balance
from projectloom.db import in_thread
from projectloom.limits import LOW_BALANCE_NANOS, MIN_AVAILABLE_NANOS, MOVED_SECONDS
from projectloom.money import format_exact, format_usd
from projectloom.state.changes import show
from projectloom.state.session import handled, signed_in


@dataclass(frozen=True)
class Moved:
    """What the balance has just moved by, in words. ``key`` tells one from the next."""

    key: int = 0
    by: str = ""
    up: bool = False


class BalanceState(rx.State):
    """Amounts of the signed-in person's credit account. ``nothing``: not even the shortest reply is covered.

    ``amount`` is exact, so that it falls by what a reply costs; ``cents`` are its digits down to cents, ``finer`` the
    rest. ``known`` is what other tabs are told, and told apart by.
    """

    loaded: bool = False
    amount: str = ""
    cents: str = ""
    finer: str = ""
    known: str = ""
    moved: Moved = Moved()
    low: bool = False
    nothing: bool = False
    held: str = ""
    debt: str = ""
    frozen: str = ""
    spent: str = ""
    _posted: int = 0
    _moved_at: float = 0.0

    @handled
    async def refresh(self):
        """Read the balance again. The account is opened at first sight."""
        person = await signed_in(self)
        balance = await in_thread(read_balance, person.user_id)
        self._move(balance.posted_nanos)
        amount = format_exact(balance.posted_nanos)
        finer_from = amount.index(".") + 3
        show(
            self,
            loaded=True,
            amount=amount,
            cents=amount[:finer_from],
            finer=amount[finer_from:],
            known=f"{amount} {balance.frozen_nanos} {balance.debt_nanos}",
            low=balance.posted_nanos < LOW_BALANCE_NANOS,
            nothing=balance.available_nanos < MIN_AVAILABLE_NANOS,
            held=format_usd(balance.held_nanos) if balance.held_nanos else "",
            debt=format_exact(balance.debt_nanos) if balance.debt_nanos else "",
            frozen=format_exact(balance.frozen_nanos) if balance.frozen_nanos else "",
            spent=format_usd(balance.spent_nanos),
        )

    def _move(self, posted: int) -> None:
        """Note by how much the balance moved since it was last read; at first sight it has not."""
        by = posted - (self._posted if self.loaded else posted)
        sign = "+" if by > 0 else "\N{MINUS SIGN}"
        self._posted = posted
        if by:
            self.moved, self._moved_at = Moved(self.moved.key + 1, f"{sign}{format_usd(abs(by))}", by > 0), monotonic()
        elif monotonic() - self._moved_at > MOVED_SECONDS:
            # Read again meanwhile by another part of the page, the words stay until they were seen.
            show(self, moved=Moved(self.moved.key))
