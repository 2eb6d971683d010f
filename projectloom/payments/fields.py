"""Reading Stripe's objects: each field is checked as it is taken, so that nothing odd gets any further.

Raises ``TypeError``, ``KeyError`` or ``ValueError``; callers turn those into one ``InvalidEvent``.
"""

from collections.abc import Mapping
from typing import Any, cast

# Stripe's ids and kinds of event are shorter (https://docs.stripe.com/upgrades).
_MAX_TEXT_CHARS = 255
_MAX_ADDRESS_CHARS = 2_000


def order_id(metadata: object) -> str:
    """Our order's id in an object's metadata."""
    return text(mapping(metadata)["orderId"])


def expandable(value: object) -> str | None:
    """The id of a related object, whether or not Stripe sent the object itself."""
    if isinstance(value, Mapping):
        return text(cast("Mapping[str, Any]", value)["id"])
    return None if value is None else text(value)


def address(value: object) -> str | None:
    """An http address that may be shown as a link; none when there is none, or it is none."""
    if not isinstance(value, str) or len(value) > _MAX_ADDRESS_CHARS or not value.isascii() or not value.isprintable():
        return None
    return value if value.startswith(("https://", "http://")) else None


def part(value: object, *names: str) -> Mapping[str, Any]:
    """A related object that Stripe was asked to send along, or a part of it; empty where it sent its id or nothing."""
    for name in names:
        value = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return cast("Mapping[str, Any]", value)


def text(value: object) -> str:
    """A text that is neither empty nor long nor unfit to be stored."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARS or "\x00" in value:
        raise TypeError("not a text")
    # JSON can spell halves of surrogate pairs, which no database takes; this raises a ValueError.
    value.encode()
    return value


def optional(value: object) -> str | None:
    """A text, or none where there is nothing that is one."""
    try:
        return text(value)
    except (TypeError, ValueError):
        return None


def cents(value: object) -> int:
    """A whole amount that is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not an amount")
    return value
