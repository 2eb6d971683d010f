"""Full audits on request: one at a time, in the background, with progress that any server shows.

Whoever asks adds a row; a job of any server takes it, vouches for it while it works, and ends it. If that server dies,
another begins it anew.
"""

import asyncio
import logging
import threading
from datetime import timedelta

from sqlalchemy import update
from sqlmodel import Session, col, or_, select

from projectloom import limits
from projectloom.db import database_now, in_thread, lock_name, transaction
from projectloom.operating.actions import note
from projectloom.operating.audit import PROOFS, audit
from projectloom.operating.models import Action, FullAudit
from projectloom.workspace.identity import Person

_log = logging.getLogger(__name__)


def ask_full_audit(operator: Person) -> bool:
    """Ask for a full audit; False when one is under way already, which then is the answer to both."""
    with transaction() as session:
        lock_name(session, "full audit")
        if session.exec(select(FullAudit.id).where(FullAudit.under_way == 1)).first() is not None:
            return False
        asked = FullAudit(asked_at=database_now(session), asked_by=operator.user_id, total=len(PROOFS))
        session.add(asked)
        session.flush()
        note(session, operator, Action.PROVE_BOOKS, subject=str(asked.id))
    return True


async def prove_in_full() -> None:
    """Do the full audit that is asked for, if there is one that no living server is at work on.

    Raises:
        DatabaseUnavailable: it could not be finished. Whoever asked is told, or it is begun again.
    """
    audit_id = await in_thread(_claim)
    if audit_id is None:
        return
    stopping = threading.Event()
    # It may take long, so no thread that a door needs waits for it.
    work = asyncio.create_task(asyncio.to_thread(_prove, audit_id, stopping))
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=limits.FULL_AUDIT_BEAT_SECONDS)
            if not work.done():
                await in_thread(_vouch, audit_id)
        await work
    finally:
        stopping.set()


class _Stopped(Exception):
    """This server ends. Another one begins the audit anew."""


def _claim() -> int | None:
    with transaction() as session:
        moment = database_now(session)
        free = or_(col(FullAudit.claimed_until).is_(None), col(FullAudit.claimed_until) <= moment)
        row = session.exec(select(FullAudit).where(FullAudit.under_way == 1, free).with_for_update()).first()
        if row is None:
            return None
        row.done, row.claimed_until = 0, moment + _LEASE
        session.add(row)
        return row.id


def _prove(audit_id: int, stopping: threading.Event) -> None:
    def went_on(_check: object) -> None:
        if stopping.is_set():
            raise _Stopped
        _vouch(audit_id, done=1)

    try:
        found = audit(full=True, told=went_on)
    except _Stopped:
        return
    except Exception:
        _log.exception("the full audit could not be finished")
        _end(audit_id, broken=None)
        raise
    _end(audit_id, broken=sum(not check.holds for check in found.checks))


def _vouch(audit_id: int, *, done: int = 0) -> None:
    with transaction() as session:
        _change(session, audit_id, done=FullAudit.done + done, claimed_until=database_now(session) + _LEASE)


def _end(audit_id: int, *, broken: int | None) -> None:
    with transaction() as session:
        _change(session, audit_id, under_way=None, ended_at=database_now(session), broken=broken)


def _change(session: Session, audit_id: int, **values: object) -> None:
    session.connection().execute(
        update(FullAudit).where(col(FullAudit.id) == audit_id, col(FullAudit.under_way) == 1).values(**values)
    )


_LEASE = timedelta(seconds=limits.FULL_AUDIT_LEASE_SECONDS)
