"""Leases: of several servers one does a periodic job, and another takes over when it is gone.

How a leased job last went stands beside its lease, so that every server can tell.
"""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from projectloom.billing.models import JobLease
from projectloom.db import database_now, insert_once, transaction


def take_lease(name: str, seconds: float) -> bool:
    """Whether this process may do the job now; nobody else may for so many seconds of the database's clock."""
    with transaction() as session:
        moment = database_now(session)
        until = moment + timedelta(seconds=seconds)
        if insert_once(session, JobLease, {"name": name, "until": until}, key=["name"]):
            return True
        taken = session.connection().execute(
            update(JobLease).where(col(JobLease.name) == name, col(JobLease.until) <= moment).values(until=until)
        )
        return taken.rowcount == 1


def note_run(name: str, *, error: str | None, found: int | None = None) -> None:
    """Note how a run of a leased job went, None for well, and what it found where it counts something."""
    with transaction() as session:
        how = (
            {"failures": 0, "error": None, "done_at": database_now(session), "found": found}
            if error is None
            else {"failures": JobLease.failures + 1, "error": error}
        )
        session.connection().execute(update(JobLease).where(col(JobLease.name) == name).values(**how))
