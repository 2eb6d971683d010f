"""Leases: of several servers one does a periodic job, and another takes over when it is gone."""

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
