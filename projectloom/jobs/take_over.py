"""Taking over from a server that died, at once, where it is certain that no other is alive: on SQLite.

Whoever serves an SQLite file keeps a shared lock of the operating system on a file beside it, for as long as its
process lives; a process that dies, however it dies, lets go of it. Whoever can get the lock for itself alone is
therefore the only server of that file, and what is open in the books has no process any more. It lets every lease run
out while it has the lock to itself, and serves nobody before it shares the lock with those that come after it. Servers
of a Postgres may run on other machines, and each other's leases are all that they know.

The lock is advice that only servers of this release and later follow, on a disk of this machine: no older one may run
beside it on the same file. The price of a mistake is a reply that is cut, kept and charged as far as it had come.
"""

import fcntl
import logging
import os
import time

from projectloom import limits
from projectloom.assistants.agent_runs import abandon_runs
from projectloom.db import engine
from projectloom.errors import DatabaseUnavailable
from projectloom.metering.recovery import abandon_turns

_log = logging.getLogger(__name__)

# What the lock is on. Open as long as the process lives: closing it would let go of the lock.
_locks: list[int] = []


def take_over() -> bool:
    """Leave what dead servers left to recovery's next look, where nobody else can be alive; whether that is so.

    Before the server serves anybody.

    Raises:
        DatabaseUnavailable: another server has kept the lock to itself for too long.
    """
    path = engine().url.database
    if engine().dialect.name != "sqlite" or not path:
        return False
    lock = os.open(f"{os.path.realpath(path)}-server", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        alone = _try(lock, fcntl.LOCK_EX)
        if alone:
            abandon_turns()
            abandon_runs()
        _share(lock)
    except OSError:
        # A disk that knows no such locks. Leases decide, as between servers of a Postgres.
        _log.warning("the database's folder knows no locks")
        os.close(lock)
        return False
    except BaseException:
        os.close(lock)
        raise
    _locks.append(lock)
    return alone


def _share(lock: int) -> None:
    deadline = time.monotonic() + limits.TAKE_OVER_SECONDS
    while not _try(lock, fcntl.LOCK_SH):
        if time.monotonic() > deadline:
            raise DatabaseUnavailable
        time.sleep(limits.TAKE_OVER_POLL_SECONDS)


def _try(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
