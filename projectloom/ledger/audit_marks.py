"""How far the books have been proven: what lets the next audit read only what was touched since.

:func:`read_since` says where an audit begins, :func:`next_mark` finds on the audit's own snapshot where the one after
it may begin, and :func:`keep_mark` writes that down once every promise held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, func, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.db import database_now, insert_once
from projectloom.ids import first_id
from projectloom.ledger.audit import Since
from projectloom.ledger.models import (
    AccountKind,
    AuditedAccount,
    AuditMark,
    LedgerAccount,
    LotMovement,
    Posting,
)

_ONLY = 1
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class NextMark:
    """Where the next audit may begin if this one holds, as its snapshot shows it."""

    checked_at: datetime
    since: Since
    spent: tuple[AuditedAccount, ...]
    """Accounts with new postings: the last one, and what was spent by then. Not of any session."""


def read_mark(session: Session) -> AuditMark | None:
    """How far the books have been proven; None before the first audit that held."""
    return session.get(AuditMark, _ONLY)


def read_since(session: Session) -> Since | None:
    """Where an audit begins; None when everything is to be read."""
    mark = read_mark(session)
    return None if mark is None else Since(mark.clean_until, mark.posting_id, mark.movement_id)


def next_mark(session: Session) -> NextMark:
    """Where the audit after the one on this snapshot may begin.

    A transaction that is still open may add rows that are older than the snapshot and not in it, so the mark lies
    ``AUDIT_OVERLAP_SECONDS`` before the snapshot, by the database's clock: longer than any transaction lasts, and than
    the clocks of servers, which date the rows, may be apart.
    """
    checked_at = database_now(session)
    moment = checked_at - timedelta(seconds=limits.AUDIT_OVERLAP_SECONDS)
    before = first_id("je", moment)
    posting_id = select(Posting.id).where(Posting.entry_id < before).order_by(col(Posting.id).desc()).limit(1)
    movement_id = (
        select(LotMovement.id).where(LotMovement.entry_id < before).order_by(col(LotMovement.id).desc()).limit(1)
    )
    since = Since(moment, session.exec(posting_id).first() or 0, session.exec(movement_id).first() or 0)
    return NextMark(checked_at, since, _newly_posted(session))


def _newly_posted(session: Session) -> tuple[AuditedAccount, ...]:
    last = (
        select(func.max(Posting.id))
        .where(Posting.account_id == col(LedgerAccount.id))
        .correlate(LedgerAccount)
        .scalar_subquery()
    )
    query = (
        select(LedgerAccount.id, last, LedgerAccount.spent_nanos)
        .outerjoin(AuditedAccount, col(AuditedAccount.account_id) == col(LedgerAccount.id))
        .where(LedgerAccount.kind == AccountKind.CREDITS, last > func.coalesce(AuditedAccount.posting_id, 0))
    )
    return tuple(
        AuditedAccount(account_id=account_id, posting_id=posting_id, spent_nanos=spent)
        for account_id, posting_id, spent in session.exec(query).all()
    )


def keep_mark(session: Session, reached: NextMark, *, full: bool) -> None:
    """Write down that every promise held on the snapshot of ``reached``. A mark never goes back."""
    values = {
        "clean_until": reached.since.moment,
        "posting_id": reached.since.posting_id,
        "movement_id": reached.since.movement_id,
        "checked_at": reached.checked_at,
    }
    first = {"id": _ONLY, "full_checked_at": reached.checked_at, **values}
    if not insert_once(session, AuditMark, first, key=["id"]):
        mark = session.get_one(AuditMark, _ONLY, with_for_update=True, populate_existing=True)
        if mark.checked_at < reached.checked_at:
            mark.sqlmodel_update(values)
        if full:
            mark.full_checked_at = max(mark.full_checked_at, reached.checked_at)
        session.add(mark)
        session.flush()
    for start in range(0, len(reached.spent), _BATCH):
        _keep_spent(session, reached.spent[start : start + _BATCH])


def _keep_spent(session: Session, rows: Sequence[AuditedAccount]) -> None:
    table = cast(Table, inspect(AuditedAccount).local_table)
    make = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = make(table).values([row.model_dump() for row in rows])
    new = statement.excluded
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["account_id"],
            set_={"posting_id": new.posting_id, "spent_nanos": new.spent_nanos},
            where=table.c.posting_id < new.posting_id,
        )
    )
