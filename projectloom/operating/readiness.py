"""Whether this server is ready for people: its database, its schema, its periodic work, and nobody stopping it.

Asked often and by strangers (a load balancer), so the answer is quick, bounded and remembered for a moment, and says no
more than which part is missing.
"""

import asyncio
import time
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import inspect, text

from projectloom import limits
from projectloom.config import PROJECT_ROOT
from projectloom.db import in_watch_thread, reading
from projectloom.errors import DatabaseUnavailable


class Readiness:
    """What this process knows of itself."""

    def __init__(self) -> None:
        self.stopping = False
        """Somebody asked the server to end: nobody new should be sent here."""
        self._work: tuple[asyncio.Task[None], ...] = ()
        self._beats: dict[str, float] = {}
        self._answer: tuple[float, dict[str, str]] | None = None

    def begin(self, work: Iterable[asyncio.Task[None]]) -> None:
        """The server serves from now on, with this periodic work beside it."""
        self._work, self.stopping, self._answer = tuple(work), False, None

    def beat(self, job: str) -> None:
        """A periodic job has come round."""
        self._beats[job] = time.monotonic()

    async def troubles(self) -> dict[str, str]:
        """What keeps this server from being ready, by its part; nothing when it is."""
        if self.stopping:
            return {"server": "stopping"}
        if self._answer is None or time.monotonic() - self._answer[0] > limits.READY_FRESH_SECONDS:
            found = self._jobs() | await _database()
            self._answer = time.monotonic(), found
        return self._answer[1]

    def _jobs(self) -> dict[str, str]:
        if not self._work:
            return {"jobs": "not started"}
        if any(task.done() for task in self._work):
            return {"jobs": "ended"}
        now = time.monotonic()
        late = any(now - self._beats.get(job, now) > limits.READY_JOB_SECONDS for job in _VITAL)
        return {"jobs": "late"} if late else {}


# Without these, replies that a crash left would keep their credit, and payments stay uncredited.
_VITAL = ("recover turns", "retry events")

readiness = Readiness()


async def _database() -> dict[str, str]:
    try:
        async with asyncio.timeout(limits.READY_SECONDS):
            current = await in_watch_thread(schema_revision)
    except (DatabaseUnavailable, TimeoutError):
        return {"database": "no answer"}
    return {} if current == newest_revision() else {"migrations": "another release's"}


def schema_revision() -> str | None:
    """The revision that the database's schema has; None for an empty database.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    with reading() as session:
        connection = session.connection()
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


@lru_cache(maxsize=1)
def newest_revision() -> str | None:
    """The revision that this release's migrations end with: their files begin with their revisions, in order."""
    files = (PROJECT_ROOT / "alembic" / "versions").glob("*.py")
    return max((file.name.partition("_")[0] for file in files), default=None)
