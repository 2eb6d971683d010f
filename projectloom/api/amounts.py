"""Money in JSON: a number for people who read it, the exact decimal string beside it for programs that add it up."""

from projectloom.money import to_usd, usd_string


def dollars(name: str, nanos: int) -> dict[str, float | str]:
    """``{name: 27.0, nameUsd: "27.00"}``."""
    return {name: float(to_usd(nanos)), f"{name}Usd": usd_string(nanos)}
