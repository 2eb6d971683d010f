"""Reading request bodies: bounded while they are read, and typed before they are used.

Who asks is known before a body is read, and may be shut out while it arrives. So the reader looks again, once it has
all, whoever was found before: no route acts for somebody whose session ended meanwhile.
"""

import asyncio
import json
from typing import Any, cast

from fastapi import Request
from starlette.requests import ClientDisconnect

from projectloom import limits
from projectloom.api.identity import look_again
from projectloom.db import in_thread
from projectloom.errors import InvalidInput, NotFound, TooLarge, TooSlow
from projectloom.texts import is_storable


async def read_bytes(request: Request, *, limit: int, lasting: bool = True) -> bytes:
    """The raw body of at most ``limit`` bytes. ``lasting`` is as for :func:`projectloom.api.identity.look_again`.

    Of a larger one no more is kept, but some of it is read on: a client that is cut off while it still sends would see
    a broken connection in place of the answer.

    Raises:
        TooLarge: it is over the limit. TooSlow: it paused, or took in all, for longer than it may.
        InvalidInput: the client went away before its end.
        Unauthorized: who asks was known before, and may not ask any more.
    """
    body, size = bytearray(), 0
    moment = asyncio.get_running_loop().time
    last = moment() + limits.BODY_SECONDS + limit / limits.BODY_BYTES_A_SECOND
    try:
        async with asyncio.timeout_at(min(moment() + limits.BODY_PAUSE_SECONDS, last)) as patience:
            async for chunk in request.stream():
                patience.reschedule(min(moment() + limits.BODY_PAUSE_SECONDS, last))
                size += len(chunk)
                if size <= limit:
                    body += chunk
                elif size > limit + limits.MAX_DROPPED_BYTES:
                    break
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise InvalidInput("The body ended early.") from None
    if size > limit:
        raise TooLarge(limit=limit)
    await look_again(request, lasting=lasting)
    return bytes(body)


async def read_object(request: Request, *, limit: int, lasting: bool = True) -> dict[str, Any]:
    """The body as a JSON object. Raises as :func:`read_bytes`, and InvalidInput when it is not one."""
    body = await read_bytes(request, limit=limit, lasting=lasting)
    # A large one is read by a thread, so that nobody else waits for it.
    return await in_thread(_object_in, body) if len(body) > limits.WIRE_LOOP_BYTES else _object_in(body)


def _object_in(body: bytes) -> dict[str, Any]:
    # Each part costs far more memory than its bytes.
    if sum(map(body.count, (b",", b"{", b"["))) > limits.MAX_WIRE_MARKS:
        raise TooLarge("The body has too many parts.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The body must be JSON.") from None
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.")
    return cast(dict[str, Any], value)


def text_of(values: dict[str, Any], name: str, *, limit: int) -> str:
    """A required text field. Raises InvalidInput."""
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{name} must be a text.")
    if len(value) > limit:
        raise InvalidInput(f"{name} is too long.")
    if not is_storable(value):
        raise InvalidInput(f"{name} has characters that are not valid text.")
    return value


def optional_text(values: dict[str, Any], name: str, *, limit: int) -> str | None:
    """A text field that may be missing or null. Raises InvalidInput."""
    return None if values.get(name) is None else text_of(values, name, limit=limit)


def id_of(value: str) -> str:
    """An id from the address. Raises NotFound when nothing can have it."""
    if not is_storable(value):
        raise NotFound
    return value


def before_of(request: Request) -> int | None:
    """Where a page of numbered rows ends: the ``next`` of the page before it. Raises InvalidInput."""
    text = request.query_params.get("before")
    if text is None:
        return None
    number = row_number(text)
    if number is None:
        raise InvalidInput("before must be a whole number.")
    return number


def row_number(text: str) -> int | None:
    """The number of a row that a text of digits spells; None for what no row can have."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) <= _MOST_NUMBER):
        return None
    return int(text)


_MOST_NUMBER = 2**62
_MOST_DIGITS = 19
