"""Money as whole nano-dollars.

One US dollar is 1,000,000,000 nanos. Every amount in the books is an ``int`` of nanos and no float ever touches one:
cents exist only where Stripe is spoken to, ``Decimal`` only where token rates are multiplied. People see text made by
:func:`format_usd`, or :func:`format_exact` where nothing may be rounded.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import NewType

Nanos = NewType("Nanos", int)

NANOS_PER_USD = 1_000_000_000
NANOS_PER_CENT = NANOS_PER_USD // 100
ZERO = Nanos(0)

_SIGNIFICANT_FIGURES = 3


def from_cents(cents: int) -> Nanos:
    """Nanos of a whole number of US cents."""
    return Nanos(cents * NANOS_PER_CENT)


def from_usd(dollars: int) -> Nanos:
    """Nanos of a whole number of US dollars."""
    return Nanos(dollars * NANOS_PER_USD)


def ceil_nanos(usd: Decimal) -> Nanos:
    """Nanos of an exact dollar amount, rounded up to the next nano. The one place where a charge is rounded."""
    return Nanos(int((usd * NANOS_PER_USD).to_integral_value(rounding=ROUND_CEILING)))


def to_usd(nanos: int) -> Decimal:
    """The exact dollar value of an amount in nanos."""
    return Decimal(nanos) / NANOS_PER_USD


def usd_string(nanos: int) -> str:
    """The exact dollar value as a plain decimal string with at least two decimals: ``"27.00"``, ``"0.000012345"``."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{digits}"


def format_exact(nanos: int) -> str:
    """Every digit of an amount as a person reads it, two decimals at least: ``"$1,026.996954"``.

    What is left of credit is told so: rounded, it would not fall by what a reply costs, and might be more than it is.
    """
    whole, _, fraction = usd_string(abs(nanos)).partition(".")
    return f"{'-' if nanos < 0 else ''}${int(whole):,}.{fraction}"


def format_usd(nanos: int) -> str:
    """The amount as a person reads it.

    Two decimals from one cent up, else as many as show three significant figures; exactly zero is ``$0.00``.
    """
    sign = "-" if nanos < 0 else ""
    amount = to_usd(abs(nanos))
    if nanos == 0 or abs(nanos) >= NANOS_PER_CENT:
        return f"{sign}${amount.quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN):,}"
    rounded = Context(prec=_SIGNIFICANT_FIGURES, rounding=ROUND_HALF_EVEN).plus(amount)
    if rounded >= Decimal("0.01"):
        return f"{sign}$0.01"
    places = _SIGNIFICANT_FIGURES - 1 - rounded.adjusted()
    return f"{sign}${rounded:.{min(places, 9)}f}"
