"""The providers' prompt caches: which beginnings of prompts were seen, and until when.

Only digests are kept, apart for each key and model. Memory of this process is enough: a real cache promises nothing
beyond minutes either.
"""

from collections import OrderedDict
from collections.abc import Hashable
from time import monotonic

MAX_ENTRIES = 20_000


class PromptCache:
    """Prefixes that are warm. Reading one renews it, as at both providers."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def read(self, prefix: Hashable) -> bool:
        """Whether the prefix is warm; if so it stays warm for its whole lifetime again."""
        expires_at, lifetime = self._entries.get(prefix, (0.0, 0.0))
        if expires_at <= monotonic():
            return False
        self.write(prefix, lifetime)
        return True

    def write(self, prefix: Hashable, lifetime: float) -> None:
        """Warm a prefix for ``lifetime`` seconds."""
        self._entries[prefix] = (monotonic() + lifetime, lifetime)
        self._entries.move_to_end(prefix)
        while len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)
