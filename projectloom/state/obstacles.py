"""What stands in the way of a message, as the chat shows it: in which card, in which words, with which next step."""

from typing import NamedTuple

from projectloom.errors import (
    CapReached,
    CreditsUnavailable,
    DayCeilingReached,
    EmailUnconfirmed,
    InsufficientCredits,
    LoomError,
    MissingApiKey,
    NoPictures,
    PromptTooLong,
    UnknownModel,
)

# What has a card of its own, which offers the next step.
_WALLS: dict[type[LoomError], str] = {InsufficientCredits: "credits", MissingApiKey: "key"}
# Where the error's own words stand there, what can be done about it: one button.
_WAYS: dict[type[LoomError], str] = {
    CapReached: "caps",
    DayCeilingReached: "payer",
    EmailUnconfirmed: "profile",
    **dict.fromkeys((CreditsUnavailable, NoPictures, PromptTooLong, UnknownModel), "model"),
}


class Obstacle(NamedTuple):
    """Either a card by its name, or an error's words; and the name of what can be done, where there is something."""

    wall: str
    trouble: str
    way: str


def obstacle_of(error: LoomError) -> Obstacle:
    """What the chat shows of an error that kept a message from being sent."""
    wall = _WALLS.get(type(error), "")
    return Obstacle(wall, "" if wall else error.message, _WAYS.get(type(error), "again" if error.retryable else ""))
