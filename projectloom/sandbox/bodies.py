"""Reading request bodies without trusting their size."""

import json
from typing import Any, cast

from fastapi import Request


async def read_body(request: Request, *, limit: int, too_large: Exception) -> bytes:
    """The whole body, or ``too_large`` raised as soon as it is over ``limit`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def read_object(body: bytes, *, unreadable: Exception) -> dict[str, Any]:
    """The body as a JSON object, or ``unreadable`` raised."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise unreadable from None
    found = as_object(value)
    if found is None:
        raise unreadable
    return found


def as_object(value: object) -> dict[str, Any] | None:
    """A JSON value as an object, or None if it is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """A JSON value as a list, or None if it is something else."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
