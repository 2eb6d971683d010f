"""What is sold: four packs of credit, in whole dollars."""

from dataclasses import dataclass

from projectloom.errors import InvalidAmount
from projectloom.money import Nanos, from_usd


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack: what it costs and what is given on top, in whole US dollars."""

    amount_usd: int
    bonus_usd: int

    @property
    def price_nanos(self) -> Nanos:
        """What it costs."""
        return from_usd(self.amount_usd)

    @property
    def bonus_nanos(self) -> Nanos:
        """What is given on top."""
        return from_usd(self.bonus_usd)

    @property
    def credit_nanos(self) -> Nanos:
        """What arrives on the balance."""
        return from_usd(self.amount_usd + self.bonus_usd)


PACKS = (Pack(10, 0), Pack(25, 2), Pack(50, 5), Pack(100, 15))
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
