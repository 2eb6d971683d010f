"""What ``python -m projectloom usage`` answers, as text for an operator."""

from collections.abc import Sequence
from datetime import datetime

from projectloom import limits
from projectloom.metering.house_losses import OddReply, list_flagged, list_losses
from projectloom.money import format_usd, usd_string

_HEADINGS = ("ended (UTC)", "turn", "person", "model", "provider $", "charged $", "why")


def flagged(since: datetime | None = None) -> str:
    """The replies whose provider's report contradicts itself."""
    return _table(list_flagged(since), "No report contradicts itself.")


def losses(since: datetime | None = None) -> str:
    """The replies that cost the house, and what titles came to."""
    found = list_losses(since)
    titles = f"Titles that the house paid for: {found.titles}, {format_usd(found.titles_nanos)} in all."
    return f"{_table(found.replies, 'No reply cost the house anything.')}\n{titles}"


def _table(replies: Sequence[OddReply], none: str) -> str:
    if not replies:
        return none
    rows = [_HEADINGS, *map(_row, replies)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(replies) >= limits.USAGE_ROWS_LISTED:
        lines.append(f"These are the latest {limits.USAGE_ROWS_LISTED}; there may be older ones.")
    return "\n".join(lines)


def _row(one: OddReply) -> tuple[str, ...]:
    cost = "?" if one.provider_cost_nanos is None else usd_string(one.provider_cost_nanos)
    return (
        f"{one.ended_at:%Y-%m-%d %H:%M:%S}",
        one.turn_id,
        one.person,
        one.model,
        cost,
        usd_string(one.charged_nanos),
        one.why,
    )
