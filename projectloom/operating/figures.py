"""What all servers share, as figures for the operator's monitoring: read from indexes alone, so they cost little.

What would need every row (all debt, what the reconciler could not heal) is counted by leased jobs now and then and read
from beside their leases.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom.billing.models import JobLease, StripeEvent
from projectloom.clock import now, start_of_day
from projectloom.db import database_now, reading
from projectloom.ledger.accounts import all_debt
from projectloom.ledger.models import Hold, HoldState
from projectloom.mails.models import MailOut
from projectloom.metering.house_losses import lost_since
from projectloom.metering.models import Turn, is_open


class Counting(StrEnum):
    """Leased jobs whose count is a figure."""

    RECONCILE = "reconcile"
    RECONCILE_WIDELY = "reconcile widely"
    DEBT = "count debt"
    LOSSES = "count losses"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of something wait, and since when the oldest does."""

    count: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class JobRun:
    """How a leased job stands."""

    name: str
    done_seconds: float | None
    """How long ago it last went well; None before its first time."""
    failures: int
    error: str | None
    found: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at what all servers share."""

    holds: Waiting
    """Credit that is reserved for replies."""
    turns: Waiting
    """Replies that are being written."""
    abandoned: int
    """Of them, those that no process vouches for."""
    inbox: Waiting
    """Events of Stripe's that are to be handled again."""
    outbox: Waiting
    """Mails and alerts that are not sent yet."""
    jobs: tuple[JobRun, ...] = field(default=())

    def found_by(self, job: Counting) -> int | None:
        """What a counting job last counted."""
        return next((run.found for run in self.jobs if run.name == job), None)


def read_figures() -> Figures:
    """The figures now.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    with reading() as session:
        moment = database_now(session)
        return Figures(
            holds=_waiting(session, moment, col(Hold.created_at), Hold.state == HoldState.HELD),
            turns=_waiting(session, moment, col(Turn.created_at), is_open()),
            abandoned=session.exec(select(func.count()).where(is_open(), col(Turn.lease_until) < moment)).one(),
            inbox=_waiting(
                session,
                moment,
                col(StripeEvent.received_at),
                col(StripeEvent.handled_at).is_(None),
                col(StripeEvent.next_try_at).is_not(None),
            ),
            outbox=_waiting(
                session,
                moment,
                col(MailOut.created_at),
                col(MailOut.sent_at).is_(None),
                col(MailOut.next_try_at).is_not(None),
            ),
            jobs=tuple(_run(lease, moment) for lease in session.exec(select(JobLease).order_by(JobLease.name))),
        )


def count_debt() -> int:
    """What everybody owes together, in nano-dollars.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    with reading() as session:
        return all_debt(session)


def count_losses() -> int:
    """What replies cost the house today (UTC), in nano-dollars.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    with reading() as session:
        return lost_since(session, start_of_day(now()))


def _waiting(session: Session, moment: datetime, since: Any, *conditions: Any) -> Waiting:
    count, oldest = session.exec(select(func.count(), func.min(since)).where(*conditions)).one()
    return Waiting(count, 0 if oldest is None else max((moment - oldest) / timedelta(seconds=1), 0))


def _run(lease: JobLease, moment: datetime) -> JobRun:
    ago = None if lease.done_at is None else max((moment - lease.done_at) / timedelta(seconds=1), 0)
    return JobRun(lease.name, ago, lease.failures, lease.error, lease.found)
