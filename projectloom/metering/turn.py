"""A turn, from the outside: start it, watch it, stop it.

Every model call of the product starts here. Watching is optional and may begin at any time, in any tab and any process:
live where the turn runs, from its checkpoints elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from projectloom import limits
from projectloom.db import in_thread, reading, transaction
from projectloom.errors import IdempotencyConflict, NotFound, ProviderError, ServerStopping
from projectloom.group_commit import hurry
from projectloom.metering.counting import counted_input
from projectloom.metering.feeds import Feed
from projectloom.metering.models import OPEN_STATES, Funding, Turn, TurnState
from projectloom.metering.opening import CountFirst, Opened, open_turn
from projectloom.metering.plain_turns import open_plainly
from projectloom.metering.receipts import Receipt, read_receipt
from projectloom.metering.requests import TurnRequest
from projectloom.metering.running import runner
from projectloom.money import Nanos
from projectloom.providers import EmbeddingCall, ToolCall, WireCall


@dataclass(frozen=True, slots=True)
class StartedTurn:
    """A turn that is under way (or was, when the same request came before)."""

    turn_id: str
    conversation_id: str
    message_id: str
    funding: str
    max_output_tokens: int
    clamped: bool
    held_nanos: Nanos
    feed: Feed | None = field(default=None, repr=False)
    """What its call brings, while it comes; None where the same request came before."""


@dataclass(frozen=True, slots=True)
class Text:
    """The next piece of a reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of a turn, with what it cost."""

    receipt: Receipt
    calls: tuple[ToolCall, ...] = ()
    """The tools that the model asked for. Only :func:`follow_turn` knows them: they are not kept."""
    balance_nanos: Nanos | None = None
    """What the person had after it, where that is known without asking."""


TurnEvent = Text | Settled


async def start_turn(request: TurnRequest) -> StartedTurn:
    """Hold, commit, and begin the call. Returns as soon as the turn is durable, before the provider answers.

    Raises what :func:`projectloom.metering.opening.open_turn` raises.
    """
    # Once begun, opening runs to its end even if the caller leaves; a committed turn must find its runner.
    return await asyncio.shield(asyncio.ensure_future(_open_and_run(request)))


async def open_request(request: TurnRequest) -> Opened:
    """A committed turn, on the quick way where it is plain. Raises as :func:`start_turn`, and ServerStopping."""
    if runner.stopping:
        raise ServerStopping
    opened = await open_plainly(request)
    if opened is not None:
        return opened
    # What has ended a moment ago has its hold still; what is left is to be told without it.
    await hurry()
    try:
        return await in_thread(open_turn, request)
    except CountFirst as tight:
        counted = await counted_input(request.user_id, tight.call)
    return await in_thread(open_turn, replace(request, counted_input=counted))


async def _open_and_run(request: TurnRequest) -> StartedTurn:
    opened = await open_request(request)
    turn, feed = opened.turn, None
    if opened.call is not None and not isinstance(opened.call, WireCall):
        feed = runner.start(turn, opened.card, opened.call)
    return StartedTurn(
        turn_id=turn.id,
        conversation_id=turn.conversation_id or "",
        message_id=opened.message_id,
        funding=turn.funding,
        max_output_tokens=turn.max_output_tokens,
        clamped=turn.clamped,
        held_nanos=Nanos(turn.held_nanos),
        feed=feed,
    )


async def embed_texts(request: TurnRequest) -> tuple[tuple[tuple[float, ...], ...], Receipt]:
    """The vectors of a request's texts, in their order, and what they cost.

    A caller that leaves does not end it: what the provider made is settled.

    Raises what :func:`projectloom.metering.opening.open_turn` raises, and ProviderError.
    """
    return await asyncio.shield(asyncio.ensure_future(_embed_texts(request)))


async def _embed_texts(request: TurnRequest) -> tuple[tuple[tuple[float, ...], ...], Receipt]:
    opened = await open_request(request)
    turn_id = opened.turn.id
    if not isinstance(opened.call, EmbeddingCall):
        # Vectors are not kept, so a repeated request has none to be given.
        raise IdempotencyConflict("This request was answered before. Send it again under another id.")
    feed = runner.start(opened.turn, opened.card, opened.call)
    async for _ in feed.follow():
        pass
    receipt = await await_receipt(request.user_id, turn_id)
    # Vectors whose turn another process had to end were not charged, so they are not handed out.
    if not feed.vectors or receipt.state != TurnState.SETTLED:
        raise ProviderError(receipt.error_message, kind="no_vectors")
    return feed.vectors, receipt


async def watch_turn(user_id: str, turn_id: str) -> AsyncIterator[TurnEvent]:
    """The whole text so far, then what is added, then exactly one :class:`Settled`.

    Raises:
        NotFound: there is no such turn, or it is somebody else's.
    """
    feed = runner.feed(turn_id)
    if feed is None or not feed.is_for(user_id):
        await in_thread(_find_turn, user_id, turn_id)
        feed = runner.feed(turn_id)
    async for event in _events(user_id, turn_id, feed):
        yield event


async def follow_turn(user_id: str, turn: StartedTurn) -> AsyncIterator[TurnEvent]:
    """As :func:`watch_turn`, for whoever started the turn: the end also brings the tools that the model asked for."""
    async for event in _events(user_id, turn.turn_id, turn.feed):
        yield event


async def _events(user_id: str, turn_id: str, feed: Feed | None) -> AsyncIterator[TurnEvent]:
    pieces = feed.follow() if feed is not None else _follow_row(user_id, turn_id)
    async for piece in pieces:
        yield Text(piece)
    if feed is None:
        yield Settled(await await_receipt(user_id, turn_id))
    else:
        receipt = feed.receipt or await await_receipt(user_id, turn_id)
        yield Settled(receipt, tuple(feed.calls), feed.balance_nanos)


async def _follow_row(user_id: str, turn_id: str) -> AsyncIterator[str]:
    """Text from the turn's checkpoints, for a turn that another process runs or that has ended."""
    seen = 0
    while True:
        text, is_open = await in_thread(_checkpoint, user_id, turn_id)
        if len(text) > seen:
            yield text[seen:]
            seen = len(text)
        if not is_open:
            return
        await asyncio.sleep(limits.WATCH_POLL_SECONDS)


async def await_receipt(user_id: str, turn_id: str) -> Receipt:
    """What a turn cost, once it is settled. Raises NotFound when it is not the person's."""
    # A feed also ends when the database was away at the end; recovery then settles the turn.
    while (await in_thread(_checkpoint, user_id, turn_id))[1]:  # noqa: ASYNC110 - what is awaited is in the database
        await asyncio.sleep(limits.WATCH_POLL_SECONDS)
    return await in_thread(read_receipt, user_id, turn_id)


def _checkpoint(user_id: str, turn_id: str) -> tuple[str, bool]:
    with reading() as session:
        turn = _owned(session, user_id, turn_id)
        return turn.text, turn.state in OPEN_STATES


async def stop_turn(user_id: str, turn_id: str) -> None:
    """Stop a reply where it is. What came is kept and charged. Stopping one that has ended changes nothing.

    Raises:
        NotFound: there is no such turn, or it is somebody else's.
    """
    await in_thread(_request_stop, user_id, turn_id)
    # Another process sees the request at its next checkpoint.
    runner.stop(turn_id)


def _request_stop(user_id: str, turn_id: str) -> None:
    with transaction() as session:
        turn = _asked_for(session, user_id, turn_id)
        if turn.state in OPEN_STATES:
            turn.stop_requested = True
            session.add(turn)


def _find_turn(user_id: str, turn_id: str) -> None:
    with reading() as session:
        _asked_for(session, user_id, turn_id)


def _asked_for(session: Session, user_id: str, turn_id: str) -> Turn:
    """A turn that its person may read and steer: what the house pays for and they never asked for is not theirs."""
    turn = _owned(session, user_id, turn_id)
    if turn.funding == Funding.HOUSE:
        raise NotFound("There is no such reply.")
    return turn


def _owned(session: Session, user_id: str, turn_id: str) -> Turn:
    turn = session.get(Turn, turn_id)
    if turn is None or turn.user_id != user_id:
        raise NotFound("There is no such reply.")
    return turn
