"""Patience: after trouble with the database nothing is taken for abandoned until everybody had the time to come back.

A lease says that a process lives only as long as the process can renew it. When the database was away for longer than
a lease, the leases of the living have run out with those of the dead, and whoever reaches it first must not judge the
others. So after any trouble that this process met, recovery rests for the time of one whole lease, in which the living
renew theirs.

What it does not see: trouble that only other processes have (their network to the database, say), and an outage that
was over before this process started, unless the database itself was started anew. There a living reply may be taken
for abandoned; it is then kept and charged as far as it had come, once.
"""

import time
from collections.abc import Callable

from sqlalchemy import false, text, update

from projectloom import limits
from projectloom.db import transaction
from projectloom.metering.models import Turn


class Patience:
    """What this process knows of trouble with the database."""

    def __init__(self) -> None:
        self._until = 0.0
        self._late = 0
        """How often in a row it was late."""

    def note_trouble(self) -> None:
        """The database did not answer, or not in time."""
        self._until = time.monotonic() + limits.TURN_LEASE_SECONDS

    def note_wait(self, began: float) -> bool:
        """Whether what was begun then, by the monotonic clock, had to wait for so long that it is a sign of trouble.

        For a lock, a disk or a connection, as others then had to. A database that is always slow is not in trouble:
        so many times in a row are the end of it, or the dead would hold credit for ever.
        """
        if time.monotonic() - began <= limits.RECOVERY_LATE_SECONDS:
            self._late = 0
            return False
        self._late += 1
        if self._late > limits.RECOVERY_LATE_LOOKS:
            return False
        self.note_trouble()
        return True

    @property
    def waits(self) -> bool:
        """Whether the last trouble is less than a lease ago."""
        return time.monotonic() < self._until


patience = Patience()


def recover_patiently(recover: Callable[[], int]) -> int:
    """Call ``recover`` unless there was trouble less than a lease ago; what it returned, else zero.

    Raises:
        DatabaseUnavailable: the database cannot be reached, which is trouble too.
    """
    began = time.monotonic()
    started_anew = _touch()
    patience.note_wait(began)
    return 0 if patience.waits or started_anew else recover()


def _touch() -> bool:
    """Wait wherever a checkpoint would, and change nothing; whether the database runs for less than a lease."""
    with transaction() as session:
        session.connection().execute(update(Turn).where(false()).values(stop_requested=True))
        if session.get_bind().dialect.name != "postgresql":
            return False
        uptime = text("SELECT clock_timestamp() < pg_postmaster_start_time() + make_interval(secs => :lease)")
        return session.connection().execute(uptime, {"lease": limits.TURN_LEASE_SECONDS}).scalar_one()
