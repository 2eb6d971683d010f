"""Streams of server-sent events, whole and troubled, for both model stand-ins.

A stand-in makes its events in order and at their pace; here they become bytes, and the fault of the request, if there
is one, is put between them: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.types import Scope

from projectloom.sandbox.broken_connections import reset
from projectloom.sandbox.pace import Pace, chunks, speak
from projectloom.sandbox.provider_faults import Taken, Trouble
from projectloom.sandbox.tokenizer import BYTES_PER_TOKEN, count_tokens, first_tokens

_SPLIT_SECONDS = 0.002
_AT_A_MOMENT = (
    Trouble.STALL,
    Trouble.CUT,
    Trouble.RESET,
    Trouble.ERROR_EVENT,
    Trouble.BAD_JSON,
    Trouble.UNKNOWN_EVENTS,
)


class Part(StrEnum):
    """What an event is to the stream."""

    OPENING = "opening"
    """Before, between and after what is said."""
    SAID = "said"
    """Some of the reply's tokens."""
    FINISH = "finish"
    """Why it stopped, and what it cost."""
    TERMINAL = "terminal"
    """The last event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, not yet written."""

    part: Part
    body: dict[str, Any] | str
    """JSON, or a text as it is."""
    name: str = ""
    heard: int = 0
    """Tokens of the reply said up to this event and with it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider words what goes wrong in a stream."""

    error: Event
    bad_json: Event
    ping: Event | None
    unknown: tuple[Event, ...]
    after_terminal: tuple[Event, ...]


async def said(parts: list[str], pace: Pace, fault: Taken) -> AsyncGenerator[tuple[int, str, int]]:
    """The parts of a reply (its text, the arguments of its calls) in pieces: which part, the piece, tokens so far."""
    before = 0
    if fault.has(Trouble.DRIP) and (seconds := fault.sure().seconds):
        pace = Pace(seconds, 1 / seconds)
    for number, text in enumerate(parts):
        pieces = _pieces(text, fault, before)
        size = 0
        async with aclosing(speak(text, pace if not before else pace.onward(), pieces)) as speaking:
            async for piece in speaking:
                size += len(piece.encode("utf-8", "replace"))
                yield number, piece, before + -(-size // BYTES_PER_TOKEN)
        before += count_tokens(text)


async def written(events: AsyncGenerator[Event], fault: Taken, dialect: Dialect, scope: Scope) -> AsyncGenerator[bytes]:
    """The events as bytes, with the request's fault among them. Raises ConnectionDroppedError for a reset."""
    async with aclosing(events), aclosing(_troubled(events, fault, dialect, scope)) as stream:
        left = fault.sure().after_bytes if _comes_by_bytes(fault) else None
        async for chunk in stream:
            if left is None or len(chunk) < left:
                left = None if left is None else left - len(chunk)
                yield chunk
                continue
            yield chunk[:left]
            await _happen(fault, scope)
            if fault.has(Trouble.CUT):
                return
            yield chunk[left:]
            left = None


async def _troubled(
    events: AsyncIterator[Event], fault: Taken, dialect: Dialect, scope: Scope
) -> AsyncGenerator[bytes]:
    heard, waiting = 0, fault.has(*_AT_A_MOMENT) and not _comes_by_bytes(fault)
    async for event in events:
        if waiting and _is_due(event, heard, fault):
            waiting = False
            await _happen(fault, scope)
            for odd in _odd(fault, dialect):
                yield _bytes(odd)
            if fault.has(Trouble.CUT, Trouble.ERROR_EVENT):
                return
        heard = event.heard or heard
        async for chunk in _around(event, fault, dialect):
            yield chunk


async def _around(event: Event, fault: Taken, dialect: Dialect) -> AsyncGenerator[bytes]:
    """An event, and what a fault puts before or after it."""
    if fault.has(Trouble.COMMENTS):
        yield b": a comment\n\n:\n" + (_bytes(dialect.ping) if dialect.ping else b"")
    if event.part is not Part.TERMINAL or not fault.has(Trouble.TERMINAL_MISSING):
        async for chunk in _chunks(event, fault):
            yield chunk
    if event.part is Part.TERMINAL and fault.has(Trouble.TERMINAL_TWICE):
        yield _bytes(event)
    if event.part is Part.TERMINAL and fault.has(Trouble.AFTER_TERMINAL):
        for odd in dialect.after_terminal:
            yield _bytes(odd)


async def _happen(fault: Taken, scope: Scope) -> None:
    """What a fault does at its moment beside what it says: a pause, or the end of the connection."""
    if fault.has(Trouble.STALL):
        await asyncio.sleep(fault.sure().seconds)
    if fault.has(Trouble.RESET):
        await reset(scope)


def _comes_by_bytes(fault: Taken) -> bool:
    return fault.has(Trouble.STALL, Trouble.CUT, Trouble.RESET) and fault.sure().after_bytes is not None


def _is_due(event: Event, heard: int, fault: Taken) -> bool:
    """Whether so many tokens were said, or there will be no more of them."""
    if event.part is Part.OPENING:
        return False
    return event.part is not Part.SAID or heard >= fault.sure().after_tokens


def _odd(fault: Taken, dialect: Dialect) -> tuple[Event, ...]:
    if fault.has(Trouble.ERROR_EVENT):
        return (dialect.error,)
    if fault.has(Trouble.UNKNOWN_EVENTS):
        return dialect.unknown
    return (dialect.bad_json,) if fault.has(Trouble.BAD_JSON) else ()


async def _chunks(event: Event, fault: Taken) -> AsyncGenerator[bytes]:
    """One event as the chunks it is sent in."""
    if fault.has(Trouble.CRLF):
        yield _bytes(event, line_end="\r\n")
    elif fault.has(Trouble.SPLIT_CHARACTERS):
        whole = _bytes(event, ascii_only=False)
        # Behind the first byte of a character of several, if there is one.
        at = next((place for place, byte in enumerate(whole, 1) if byte >= 0xC0), len(whole) // 2)
        yield whole[:at]
        await asyncio.sleep(_SPLIT_SECONDS)
        yield whole[at:]
    else:
        yield _bytes(event)


def _bytes(event: Event, *, line_end: str = "\n", ascii_only: bool = True) -> bytes:
    data = event.body if isinstance(event.body, str) else json.dumps(event.body, ensure_ascii=ascii_only)
    name = f"event: {event.name}{line_end}" if event.name else ""
    return f"{name}data: {data}{line_end}{line_end}".encode("utf-8", "replace")


def _pieces(text: str, fault: Taken, before: int) -> list[str]:
    """The pieces of a text: the usual ones, but with a seam where a fault is to come."""
    if fault.has(Trouble.TEXT_LONG_TOKEN):
        return [text] if text else []
    if fault.has(Trouble.DRIP):
        return _single_tokens(text)
    if not fault.has(*_AT_A_MOMENT):
        return chunks(text)
    head = first_tokens(text, fault.sure().after_tokens - before)
    return chunks(text[: len(head)]) + chunks(text[len(head) :])


def _single_tokens(text: str) -> list[str]:
    pieces: list[str] = []
    while text:
        # One character of four bytes is a token; a piece is never empty.
        size = max(1, len(first_tokens(text[:4], 1)))
        pieces.append(text[:size])
        text = text[size:]
    return pieces
