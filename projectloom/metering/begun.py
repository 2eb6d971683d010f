"""What a turn began with, as whoever runs and settles it remembers it. Nothing of it ever changes."""

from dataclasses import dataclass
from datetime import datetime

from projectloom.metering.models import Turn


@dataclass(frozen=True, slots=True)
class Begun:
    """A committed turn without what becomes of it."""

    id: str
    user_id: str
    conversation_id: str | None
    provider: str
    model: str
    funding: str
    max_output_tokens: int
    clamped: bool
    input_estimate: int
    hold_id: str | None
    held_nanos: int
    source: str
    price_version: int
    api_key_id: str | None
    created_at: datetime


def begun_of(turn: Turn) -> Begun:
    """What a stored turn began with."""
    return Begun(
        id=turn.id,
        user_id=turn.user_id,
        conversation_id=turn.conversation_id,
        provider=turn.provider,
        model=turn.model,
        funding=turn.funding,
        max_output_tokens=turn.max_output_tokens,
        clamped=turn.clamped,
        input_estimate=turn.input_estimate,
        hold_id=turn.hold_id,
        held_nanos=turn.held_nanos,
        source=turn.source,
        price_version=turn.price_version,
        api_key_id=turn.api_key_id,
        created_at=turn.created_at,
    )
