"""Sortable ids: a prefix that names the thing, then a monotonic ULID (https://github.com/ulid/spec).

They sort by creation, also within one millisecond of one process, and start from 80 random bits, so an id tells nothing
about how many there are and cannot be guessed from another.
"""

import os
import threading
import time
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two characters at once.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)
_RANDOM_BITS = 80
# Room for the steps that ids of one millisecond take from each other: unguessable, and never over the edge.
_STEP_BITS = 64

# The system is asked for so many random bytes at once: asking costs more than the bytes.
_POOL_BYTES = 4_096

_lock = threading.Lock()
_last = 0
_pool = b""


def new_id(prefix: str) -> str:
    """A fresh id such as ``ord_01JD…``: ``prefix``, an underscore and 26 Crockford base-32 characters."""
    global _last  # noqa: PLW0603 - the last id of this process is what makes the next one greater
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | _random(_RANDOM_BITS)
        _last = fresh if fresh >> _RANDOM_BITS > _last >> _RANDOM_BITS else _last + 1 + _random(_STEP_BITS)
        value = _last
    return _written(prefix, value)


def _random(bits: int) -> int:
    """So many random bits, each given once. Under the lock."""
    global _pool  # noqa: PLW0603 - what is left of it is for the next one
    size = bits // 8
    if len(_pool) < size:
        _pool = os.urandom(_POOL_BYTES)
    taken, _pool = _pool[:size], _pool[size:]
    return int.from_bytes(taken)


def _forget_pool() -> None:
    """In a child process, which would otherwise give the ids that its parent gives."""
    global _pool  # noqa: PLW0603 - see above
    _pool = b""


os.register_at_fork(after_in_child=_forget_pool)


def first_id(prefix: str, moment: datetime) -> str:
    """The lowest id of an aware moment: one with this prefix that is not less is from then or later.

    A moment before 1970 counts as 1970.
    """
    return _written(prefix, max(int(moment.timestamp() * 1_000), 0) << _RANDOM_BITS)


def _written(prefix: str, value: int) -> str:
    return f"{prefix}_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])
