"""What stands behind a movement of credit: the purchase that it brought, took back, set aside or paid a debt with.

An entry's cause is the id of what made it, which for a refund or a dispute is Stripe's and for a repaid debt is the
entry that paid it. A page of movements is followed back to its purchases with one query a step, never one a line.
"""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from projectloom.billing.models import Reversal
from projectloom.ledger.models import EntryKind, JournalEntry

_ORDER = "ord_"
# A refund that the person asked for sets its credit aside under a cause of this form.
ASKED_REFUND = "refund:"
_OF_PURCHASES = {EntryKind.TOP_UP, EntryKind.REVERSAL, EntryKind.FREEZE, EntryKind.REINSTATEMENT}


def orders_behind(session: Session, entries: Sequence[JournalEntry]) -> dict[str, str]:
    """The purchase behind each of these entries that has one: order ids by the ids of the entries."""
    payers = _payers(session, [entry.cause for entry in entries if entry.kind == EntryKind.DEBT_REPAYMENT])
    causes = {entry.id: _cause(payers.get(entry.cause, entry)) for entry in entries}
    reversals = _reversed(session, {cause for cause in causes.values() if cause and not cause.startswith(_ORDER)})
    orders = {entry_id: reversals.get(cause, cause) for entry_id, cause in causes.items()}
    return {entry_id: order_id for entry_id, order_id in orders.items() if order_id.startswith(_ORDER)}


def _cause(entry: JournalEntry) -> str:
    """The order, refund or dispute that made an entry; empty for what is about no purchase."""
    if entry.kind not in _OF_PURCHASES:
        return ""
    return entry.cause.split(":")[1] if entry.cause.startswith(ASKED_REFUND) else entry.cause


def _payers(session: Session, entry_ids: Collection[str]) -> dict[str, JournalEntry]:
    if not entry_ids:
        return {}
    found = session.exec(select(JournalEntry).where(col(JournalEntry.id).in_(entry_ids))).all()
    return {entry.id: entry for entry in found}


def _reversed(session: Session, reversal_ids: Collection[str]) -> dict[str, str]:
    if not reversal_ids:
        return {}
    query = select(Reversal.id, Reversal.order_id).where(col(Reversal.id).in_(reversal_ids))
    return {reversal_id: order_id for reversal_id, order_id in session.exec(query).all() if order_id}
