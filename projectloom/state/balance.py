"""The credit balance, as text.

What is shown is the posted balance: it rests while a reply streams and moves once, by the reply's cost, when the hold
is captured. What is held meanwhile is shown apart.
"""

import reflex as rx

from projectloom.billing.balance import read_balance
from projectloom.db import in_thread
from projectloom.limits import LOW_BALANCE_NANOS, MIN_AVAILABLE_NANOS
from projectloom.money import format_usd, usd_string
from projectloom.state.session import handled, signed_in


class BalanceState(rx.State):
    """Amounts of the signed-in person's credit account. ``nothing``: not even the shortest reply is covered.

    ``exact`` is set where the rounded amount hides digits.
    """

    loaded: bool = False
    amount: str = ""
    exact: str = ""
    low: bool = False
    nothing: bool = False
    held: str = ""
    debt: str = ""
    frozen: str = ""
    spent: str = ""

    @handled
    async def refresh(self):
        """Read the balance again. The account is opened at first sight."""
        person = await signed_in(self)
        balance = await in_thread(read_balance, person.user_id)
        self.amount = format_usd(balance.posted_nanos)
        exact = f"${usd_string(balance.posted_nanos)}"
        self.exact = exact if exact != self.amount.replace(",", "") else ""
        self.low = balance.posted_nanos < LOW_BALANCE_NANOS
        self.nothing = balance.available_nanos < MIN_AVAILABLE_NANOS
        self.held = format_usd(balance.held_nanos) if balance.held_nanos else ""
        self.debt = format_usd(balance.debt_nanos) if balance.debt_nanos else ""
        self.frozen = format_usd(balance.frozen_nanos) if balance.frozen_nanos else ""
        self.spent = format_usd(balance.spent_nanos)
        self.loaded = True
