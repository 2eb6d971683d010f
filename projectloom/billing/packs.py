"""What is sold: four packs of credit, and any whole number of dollars between the operator's bounds.

The bonus is a share of the price that grows by brackets; the packs lie on the edges of the brackets, so a custom amount
never gets a worse share than the pack below it.
"""

from dataclasses import dataclass

from projectloom.config import settings
from projectloom.errors import InvalidAmount
from projectloom.money import Nanos, from_cents

# From how many dollars on how many per cent are given on top. A whole price times a whole per cent is whole cents.
BONUS_BRACKETS = ((100, 15), (50, 10), (25, 8))

_CENTS_PER_USD = 100


@dataclass(frozen=True, slots=True)
class Pack:
    """One amount for sale: what it costs in whole US dollars, and what is given on top in cents."""

    amount_usd: int
    bonus_cents: int

    @property
    def price_cents(self) -> int:
        """What it costs."""
        return self.amount_usd * _CENTS_PER_USD

    @property
    def price_nanos(self) -> Nanos:
        """What it costs."""
        return from_cents(self.price_cents)

    @property
    def bonus_nanos(self) -> Nanos:
        """What is given on top."""
        return from_cents(self.bonus_cents)

    @property
    def credit_nanos(self) -> Nanos:
        """What arrives on the balance."""
        return from_cents(self.price_cents + self.bonus_cents)

    @property
    def bonus_words(self) -> str:
        """``"$25 + $2 bonus"``; where there is none it is not spoken of: ``"$10 of credit"``."""
        if not self.bonus_cents:
            return f"${self.amount_usd} of credit"
        return f"${self.amount_usd} + ${plain_dollars(self.bonus_cents)} bonus"

    @property
    def credit_text(self) -> str:
        """What arrives, in dollars: ``"27"``, ``"39.96"``."""
        return plain_dollars(self.price_cents + self.bonus_cents)


def plain_dollars(cents: int) -> str:
    """An amount as a price tag has it: whole dollars without cents."""
    dollars, rest = divmod(cents, _CENTS_PER_USD)
    return f"{dollars}.{rest:02d}" if rest else str(dollars)


def priced(amount_usd: int) -> Pack:
    """An amount with its bonus."""
    percent = next((percent for edge, percent in BONUS_BRACKETS if amount_usd >= edge), 0)
    return Pack(amount_usd, amount_usd * percent)


PACKS = tuple(priced(amount) for amount in (10, 25, 50, 100))
PRESELECTED_USD = 25


def find_pack(amount: object) -> Pack:
    """The pack of an amount as a client sent it: a whole number of dollars, nothing that merely looks like one.

    Raises:
        InvalidAmount: it is not the price of a pack.
    """
    if isinstance(amount, int) and not isinstance(amount, bool):
        for pack in PACKS:
            if pack.amount_usd == amount:
                return pack
    raise InvalidAmount


def custom_pack(amount: object) -> Pack:
    """Any whole number of dollars within the operator's bounds, as a client sent it.

    Raises:
        InvalidAmount: not a whole number, or out of bounds.
    """
    least, most = settings().min_purchase_usd, settings().max_purchase_usd
    if isinstance(amount, int) and not isinstance(amount, bool) and least <= amount <= most:
        return priced(amount)
    raise InvalidAmount(f"Choose a whole number of dollars between ${least} and ${most}.")
