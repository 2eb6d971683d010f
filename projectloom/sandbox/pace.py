"""How quickly the stand-ins speak: like a real model, so that pages are seen as people will see them.

A cancelled request stops here, at the next wait, and says in the log how far it came.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from projectloom.sandbox.tokenizer import count_tokens

FIRST_TOKEN_SECONDS = 0.35
TOKENS_PER_SECOND = 75.0

# A chunk is up to three words with the white space that follows each, or a part of one very long word.
_CHUNK = re.compile(r"\s+|(?:\S{1,40}\s*){1,3}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds before the first token, and tokens each second after it."""

    first_token_seconds: float
    tokens_per_second: float

    def onward(self) -> "Pace":
        """The same pace for what follows something already said."""
        return Pace(0.0, self.tokens_per_second)

    @classmethod
    def at_speed(cls, speed: float) -> "Pace":
        """The usual pace, ``speed`` times as fast."""
        return cls(FIRST_TOKEN_SECONDS / speed, TOKENS_PER_SECOND * speed)


def chunks(text: str) -> list[str]:
    """The text in the pieces it is streamed in. Joined they are the text."""
    return _CHUNK.findall(text)


async def speak(text: str, pace: Pace, pieces: list[str] | None = None) -> AsyncGenerator[str]:
    """Yield the text piece by piece, in the usual pieces or in these.

    Time is kept from the start, so that slow readers do not slow it further.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + pace.first_token_seconds
    spoken = 0
    try:
        for piece in chunks(text) if pieces is None else pieces:
            await asyncio.sleep(due - loop.time())
            yield piece
            spoken += len(piece)
            due += count_tokens(piece) / pace.tokens_per_second
    finally:
        if spoken < len(text):
            _log.info(
                "generation stopped after %d of %d characters: the client has left or was cut off", spoken, len(text)
            )
