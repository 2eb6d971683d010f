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
    AuditedLot,
    AuditMark,
    CreditLot,
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
    lots: tuple[AuditedLot, ...]
    """Lots that moved before the moment of ``since``: the last such movement, and what remained after it. Not of any
    session."""


def read_mark(session: Session) -> AuditMark | None:
    """How far the books have been proven; None before the first audit that held."""
    return session.get(AuditMark, _ONLY)


def read_since(session: Session) -> Since | None:
    """Where an audit begins; None when everything is to be read."""
    mark = read_mark(session)
    return None if mark is None else Since(mark.clean_until, mark.posting_id, mark.movement_id)


def next_mark(session: Session, *, full: bool) -> NextMark:
    """Where the audit after the one on this snapshot, which reads everything if it is ``full``, may begin.

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
    mark = None if full else read_mark(session)
    begins = mark.movement_id if mark else 0
    since = Since(moment, session.exec(posting_id).first() or 0, session.exec(movement_id).first() or 0)
    return NextMark(checked_at, since, _newly_posted(session), _moved(session, after=begins, until=since.movement_id))


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


def _moved(session: Session, *, after: int, until: int) -> tuple[AuditedLot, ...]:
    """What remained of the lots with movements in this range after the last of those."""
    moved = (
        select(LotMovement.lot_id, func.max(LotMovement.id).label("last"))
        .where(col(LotMovement.id) > after, col(LotMovement.id) <= until)
        .group_by(col(LotMovement.lot_id))
        .subquery()
    )
    later = (
        select(LotMovement.lot_id, func.sum(LotMovement.amount_nanos).label("nanos"))
        .where(col(LotMovement.id) > until)
        .group_by(col(LotMovement.lot_id))
        .subquery()
    )
    query = (
        select(CreditLot.id, moved.c.last, CreditLot.remaining_nanos - func.coalesce(later.c.nanos, 0))
        .join(moved, moved.c.lot_id == CreditLot.id)
        .outerjoin(later, later.c.lot_id == CreditLot.id)
    )
    return tuple(
        AuditedLot(lot_id=lot_id, movement_id=movement_id, remaining_nanos=int(remaining))
        for lot_id, movement_id, remaining in session.exec(query).all()
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
    for kept in (reached.spent, reached.lots):
        for start in range(0, len(kept), _BATCH):
            _keep(session, kept[start : start + _BATCH])


def _keep(session: Session, rows: Sequence[AuditedAccount] | Sequence[AuditedLot]) -> None:
    """Write down sums by the row that they reach to; one that reaches further stands."""
    table = cast(Table, inspect(type(rows[0])).local_table)
    whose, reached, total = (column.name for column in table.columns)
    make = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = make(table).values([row.model_dump() for row in rows])
    new = statement.excluded
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=[whose],
            set_={reached: new[reached], total: new[total]},
            where=table.c[reached] < new[reached],
        )
    )
