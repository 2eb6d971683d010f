"""Counts of what a call used, as every floor speaks of them.

The pools are exclusive: a token stands in exactly one of them, whatever the provider's own totals overlap. Beside them
stand the uses that cost a fee each. Providers make the counts, pricing multiplies them, the meter keeps them.
"""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model call used: tokens in exclusive pools, and uses. All counts are whole and not negative."""

    input_tokens: int = 0
    """Input that was neither read from nor written to a cache."""
    cache_read_tokens: int = 0
    """Input served from the provider's prompt cache."""
    cache_write_5m_tokens: int = 0
    """Input written to a five-minute cache (or to the provider's only kind of cache)."""
    cache_write_1h_tokens: int = 0
    """Input written to a one-hour cache."""
    output_tokens: int = 0
    """Everything generated, reasoning included."""
    reasoning_tokens: int = 0
    """The part of ``output_tokens`` that was reasoning. For information; never charged again."""
    web_searches: int = 0
    """Searches that the provider made on the web. Each costs a fee; what they found is among the input tokens."""
    flagged: bool = False
    """The provider's report contradicts itself: its totals are not the sum of these pools, or a running count fell."""

    def __post_init__(self) -> None:
        counts = self.counts()
        if min(counts.values()) < 0:
            raise ValueError(f"{min(counts, key=lambda name: counts[name])} is negative")
        if self.reasoning_tokens > self.output_tokens:
            raise ValueError("reasoning_tokens is part of output_tokens")

    def counts(self) -> dict[str, Any]:
        """Every field by its name, for a row or for JSON."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def total_input_tokens(self) -> int:
        """All input pools together: what decides a long-context tier."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens


# Looked up once: this is made several times for each reply.
_NAMES = tuple(field.name for field in fields(Usage))
