"""What a running turn has so far, and the ways to wait for more.

The turn's own task writes here; whoever watches reads from here and changes nothing for the turn.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from projectloom import limits
from projectloom.errors import LoomError
from projectloom.metering.begun import Begun
from projectloom.metering.models import Funding
from projectloom.metering.receipts import Receipt
from projectloom.money import Nanos
from projectloom.providers import (
    Answered,
    ChatEvent,
    Completed,
    Extras,
    ReadyCall,
    TextDelta,
    ToolCall,
    UsageSeen,
    Vectors,
    WireRequest,
    wire_reader,
)
from projectloom.tokens import Usage


class Feed:
    """What a running turn has so far, and the way to wait for more. Belongs to one event loop."""

    leaves_before_settlement = False
    """Whoever reads it is gone with its last byte, so nobody waits for what follows."""

    def __init__(self, turn_id: str) -> None:
        self.turn_id = turn_id
        self.turn: Begun | None = None
        """Set when its turn is run."""
        self.began = time.monotonic()
        self.first_word: float | None = None
        """When something came that the person may get, by the monotonic clock."""
        self.parts: list[str] = []
        self.size = 0
        """Of the text and of what was called, in bytes."""
        self.usage: Usage | None = None
        self.usage_final = False
        self.vectors: tuple[tuple[float, ...], ...] = ()
        """What came in place of text. It is not kept: whoever asked waits for it."""
        self.calls: list[ToolCall] = []
        """The tools that the model asked for. Not kept either."""
        self.stopping = False
        self.gone = False
        """Nobody is to see more of it, and the rest is read for its count only."""
        self.receipt: Receipt | None = None
        """What the turn was settled at, where this process settled it on the quick way."""
        self.balance_nanos: Nanos | None = None
        """What the person had after it; None as well where credits do not pay."""
        self._news = asyncio.Event()
        self._end = asyncio.Event()

    @property
    def text(self) -> str:
        """The reply so far."""
        return "".join(self.parts)

    def take(self, event: ChatEvent) -> None:
        """Keep what a provider's event brings, and wake everyone who waits for text."""
        if self.first_word is None and isinstance(event, TextDelta | ToolCall | Vectors):
            self.first_word = time.monotonic()
        match event:
            case TextDelta(text=text):
                self.size += len(text.encode())
                if not self.gone:
                    self.parts.append(text)
                    self.tell()
            case ToolCall(name=name, arguments_json=arguments):
                self.size += len(name.encode()) + len(arguments.encode())
                if not self.gone:
                    self.calls.append(event)
            case Vectors(values=values):
                self.vectors = values
            case UsageSeen(usage=usage, final=final):
                self.usage, self.usage_final = usage, final
            case Completed():
                pass

    def leave(self) -> None:
        """Show nothing more of it."""
        self.gone = True

    def end_call(self) -> None:
        """Nothing more is read of its call."""

    @property
    def ended(self) -> bool:
        """Its turn is over: settled, unless the database was away."""
        return self._end.is_set()

    def end(self) -> None:
        """The turn is over; nothing follows."""
        self._end.set()
        self.tell()

    def is_for(self, user_id: str) -> bool:
        """Whether it is known here that this person may watch it: it is theirs, and they asked for it."""
        turn = self.turn
        return turn is not None and turn.user_id == user_id and turn.funding != Funding.HOUSE

    def tell(self) -> None:
        """Wake everyone who waits."""
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self) -> AsyncIterator[str]:
        """The text so far, then what is added, several tokens at a time, until the turn has ended."""
        seen = 0
        while True:
            news = self._news
            if seen < len(self.parts):
                fresh = "".join(self.parts[seen:])
                seen = len(self.parts)
                yield fresh
                # Nothing follows the end, so nobody waits for it.
                with suppress(TimeoutError):
                    async with asyncio.timeout(limits.FRAME_SECONDS):
                        await self._end.wait()
            elif self.ended:
                return
            else:
                await news.wait()

    async def news(self) -> None:
        """Wait until something is told."""
        await self._news.wait()


class WireFeed(Feed):
    """The bytes of an answer that is relayed, for the one client that asked, and what the meter reads in them.

    A client that reads slowly holds the provider back, so no more than a named size waits here.
    """

    def __init__(self, turn_id: str, request: WireRequest, extras: Extras, ready: ReadyCall | None = None) -> None:
        super().__init__(turn_id)
        self.ready = ready
        """Its call, where it was made ready before."""
        self.reader = wire_reader(request, extras)
        self.leaves_before_settlement = request.stream
        self.answered: Answered | None = None
        """Set when the provider took the request."""
        self.error: LoomError | None = None
        """Why it ended, where it did not end well."""
        self.called = False
        """The call has ended; the settlement follows."""
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._room = asyncio.Event()

    @property
    def text(self) -> str:
        """What the model wrote so far. Costs decoding, so it is for checkpoints and for answers that broke off."""
        return self.reader.written()

    def end_call(self) -> None:
        """Nothing more is read of its call, and nothing was where it ended before its first step."""
        if self.ready is not None:
            self.ready.drop()

    def add(self, piece: bytes) -> None:
        """Hand a last piece to the client: nothing follows it that would have to wait."""
        if piece and self.first_word is None:
            self.first_word = time.monotonic()
        if piece and not self.gone:
            self._waiting.append(piece)
            self._waiting_bytes += len(piece)
            self.tell()

    async def put(self, piece: bytes) -> None:
        """Hand a piece to the client; waits while too much of it waits already."""
        self.add(piece)
        while self._waiting_bytes > limits.WIRE_BUFFER_BYTES:
            self._room.clear()
            await self._room.wait()

    @property
    def is_whole(self) -> bool:
        """Whether the provider ended the answer itself, and nothing of it waits here any more."""
        return self.called and self.reader.done and not self._waiting

    def leave(self) -> None:
        """Nobody takes anything any more, so nothing waits."""
        super().leave()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._room.set()

    async def begun(self) -> None:
        """Wait until the provider took the request or the call ended."""
        while self.answered is None and not (self.called or self.ended):
            await self.news()

    async def settled(self) -> None:
        """Wait until its turn has ended; its books were written then, unless the database was away."""
        while not self.ended:
            await self.news()

    async def pieces(self) -> AsyncIterator[bytes]:
        """What has come, then what comes, as large pieces as wait, until the turn's call has ended."""
        while True:
            if self._waiting:
                piece = b"".join(self._waiting)
                self._waiting.clear()
                self._waiting_bytes = 0
                self._room.set()
                yield piece
            elif self.called or self.ended:
                return
            else:
                await self.news()
