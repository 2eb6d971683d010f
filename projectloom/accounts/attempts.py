"""How often somebody may try before they have to wait: a sliding window per person or address, in this process."""

import time
from collections import OrderedDict, deque
from threading import Lock

from projectloom.errors import TooManyRequests

_REMEMBERED = 10_000


class Attempts:
    """At most ``most`` attempts in any ``seconds``; the refusal is said to who has to wait."""

    def __init__(self, *, most: int, seconds: float, refusal: str) -> None:
        self._most, self._seconds, self._refusal = most, seconds, refusal
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def count(self, who: str) -> None:
        """Count one attempt. Raises TooManyRequests when there were too many."""
        moment = time.monotonic()
        with self._lock:
            times = self._times.setdefault(who, deque())
            self._times.move_to_end(who)
            while times and times[0] < moment - self._seconds:
                times.popleft()
            if len(times) >= self._most:
                wait = int(times[0] + self._seconds - moment) + 1
                raise TooManyRequests(self._refusal, retry_after=wait)
            times.append(moment)
            while len(self._times) > _REMEMBERED:
                self._times.popitem(last=False)

    def forgive(self, who: str) -> None:
        """Take back the latest attempt: it did not count after all."""
        with self._lock:
            if times := self._times.get(who):
                times.pop()
