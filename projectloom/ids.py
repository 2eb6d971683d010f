"""Sortable ids: a prefix that names the thing, then a monotonic ULID (https://github.com/ulid/spec).

They sort by creation, also within one millisecond of one process, and start from 80 random bits, so an id tells nothing
about how many there are and cannot be guessed from another.
"""

import secrets
import threading
import time
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
# Room for the steps that ids of one millisecond take from each other: unguessable, and never over the edge.
_STEP_BITS = 64

_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """A fresh id such as ``ord_01JD…``: ``prefix``, an underscore and 26 Crockford base-32 characters."""
    global _last  # noqa: PLW0603 - the last id of this process is what makes the next one greater
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        _last = fresh if fresh >> _RANDOM_BITS > _last >> _RANDOM_BITS else _last + 1 + secrets.randbits(_STEP_BITS)
        value = _last
    return _written(prefix, value)


def first_id(prefix: str, moment: datetime) -> str:
    """The lowest id of an aware moment: one with this prefix that is not less is from then or later.

    A moment before 1970 counts as 1970.
    """
    return _written(prefix, max(int(moment.timestamp() * 1_000), 0) << _RANDOM_BITS)


def _written(prefix: str, value: int) -> str:
    return f"{prefix}_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
