"""Answers that were looked up a moment ago, so that who asks often costs one look-up a second.

An answer is never older than its named time, counted from before it was looked up. What was forgotten stays forgotten:
a look-up that began before it and arrives after it does not bring the old answer back.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """At most ``most`` answers that are at most ``seconds`` old."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._answers: OrderedDict[str, tuple[float, T | None]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str) -> T | None:
        """The answer, if there is a fresh one."""
        with self._lock:
            until, answer = self._answers.get(name, (0.0, None))
        return answer if until > time.monotonic() else None

    def put(self, name: str, answer: T, *, asked_at: float) -> None:
        """Keep an answer whose look-up began at ``asked_at`` of the monotonic clock."""
        with self._lock:
            until, known = self._answers.get(name, (0.0, answer))
            if known is not None or until <= time.monotonic():
                self._keep(name, asked_at + self._seconds, answer)

    def forget(self, name: str) -> None:
        """From now on the answer is looked up again."""
        with self._lock:
            self._keep(name, time.monotonic() + self._seconds, None)

    def forget_where(self, condition: Callable[[T], bool]) -> None:
        """From now on every answer of which this is true is looked up again."""
        with self._lock:
            names = [name for name, (_, answer) in self._answers.items() if answer is not None and condition(answer)]
            for name in names:
                self._keep(name, time.monotonic() + self._seconds, None)

    def __len__(self) -> int:
        return len(self._answers)

    def _keep(self, name: str, until: float, answer: T | None) -> None:
        self._answers[name] = (until, answer)
        self._answers.move_to_end(name)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
