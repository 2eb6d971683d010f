"""Proofs over the books: each check is one query that returns the rows which break a promise. None may.

Every check runs on the snapshot of the session it is given, so it can run beside live traffic.
"""

from dataclasses import dataclass

from sqlmodel import Session

OFFENDERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one proof."""

    name: str
    """The promise, as a sentence."""
    examined: int
    """How many rows it speaks of."""
    offenders: tuple[str, ...]
    """The first few ids that break it; empty when it holds."""

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return not self.offenders


@dataclass(frozen=True, slots=True)
class Proof:
    """A promise, the table it speaks of, and the SQL that finds what breaks it (one id column)."""

    name: str
    table: str
    offenders_sql: str


LEDGER_PROOFS = (
    Proof(
        "every journal entry sums to zero",
        "journal_entries",
        "SELECT e.id FROM journal_entries e LEFT JOIN postings p ON p.entry_id = e.id "
        "GROUP BY e.id HAVING COALESCE(SUM(p.amount_nanos), 1) <> 0",
    ),
    Proof(
        "each account's posted balance is the sum of its postings",
        "ledger_accounts",
        "SELECT a.id FROM ledger_accounts a LEFT JOIN postings p ON p.account_id = a.id WHERE a.kind <> 'platform' "
        "GROUP BY a.id, a.posted_nanos HAVING a.posted_nanos <> COALESCE(SUM(p.amount_nanos), 0)",
    ),
    Proof(
        "each account's held balance is the sum of its unresolved holds",
        "ledger_accounts",
        "SELECT a.id FROM ledger_accounts a LEFT JOIN holds h ON h.account_id = a.id AND h.state = 'held' "
        "GROUP BY a.id, a.held_nanos HAVING a.held_nanos <> COALESCE(SUM(h.amount_nanos), 0)",
    ),
    Proof(
        "each account's lifetime spending is the sum of its captured holds",
        "ledger_accounts",
        "SELECT a.id FROM ledger_accounts a LEFT JOIN holds h ON h.account_id = a.id AND h.state = 'captured' "
        "GROUP BY a.id, a.spent_nanos HAVING a.spent_nanos <> COALESCE(SUM(h.captured_nanos), 0)",
    ),
    Proof(
        "no spendable account is below zero or holds more than it has",
        "ledger_accounts",
        "SELECT id FROM ledger_accounts WHERE kind = 'credits' "
        "AND (posted_nanos < 0 OR held_nanos < 0 OR held_nanos > posted_nanos)",
    ),
    Proof(
        "the running balance on each posting continues the one before it",
        "postings",
        "SELECT id FROM (SELECT id, amount_nanos, balance_nanos, COALESCE(LAG(balance_nanos) OVER "
        "(PARTITION BY account_id ORDER BY id), 0) AS before FROM postings WHERE balance_nanos IS NOT NULL) AS running "
        "WHERE before + amount_nanos <> balance_nanos",
    ),
    Proof(
        "what remains in a person's lots sums to the posted balance",
        "credit_lots",
        "SELECT a.id FROM ledger_accounts a LEFT JOIN credit_lots l ON l.account_id = a.id WHERE a.kind = 'credits' "
        "GROUP BY a.id, a.posted_nanos HAVING a.posted_nanos <> COALESCE(SUM(l.remaining_nanos), 0)",
    ),
    Proof(
        "each lot's remainder is its amount less what its movements took",
        "credit_lots",
        "SELECT l.id FROM credit_lots l LEFT JOIN lot_movements m ON m.lot_id = l.id "
        "GROUP BY l.id, l.amount_nanos, l.remaining_nanos "
        "HAVING l.remaining_nanos <> l.amount_nanos + COALESCE(SUM(m.amount_nanos), 0)",
    ),
    Proof(
        "each captured hold has exactly one capture entry of its amount, and each capture entry its hold",
        "holds",
        "SELECT h.id FROM holds h LEFT JOIN journal_entries e ON e.idempotency_key = 'capture:' || h.id "
        "LEFT JOIN postings p ON p.entry_id = e.id AND p.account_id = h.account_id "
        "WHERE (h.state = 'captured' AND (p.amount_nanos IS NULL OR p.amount_nanos <> -h.captured_nanos)) "
        "OR (h.state <> 'captured' AND e.id IS NOT NULL) "
        "UNION ALL SELECT e.id FROM journal_entries e LEFT JOIN holds h ON e.idempotency_key = 'capture:' || h.id "
        "WHERE e.kind = 'capture' AND h.id IS NULL",
    ),
    Proof(
        "a hold is resolved when and only when it says so, and no more is captured than was held",
        "holds",
        "SELECT id FROM holds WHERE (state = 'held') <> (resolved_at IS NULL) OR captured_nanos > amount_nanos "
        "OR (state <> 'captured' AND captured_nanos <> 0)",
    ),
)


def prove(session: Session, proofs: tuple[Proof, ...]) -> list[Check]:
    """Run proofs on the session's snapshot, in order."""
    connection = session.connection()
    checks: list[Check] = []
    for proof in proofs:
        examined = connection.exec_driver_sql(f"SELECT COUNT(*) FROM {proof.table}").scalar_one()  # noqa: S608 - constants above
        rows = connection.exec_driver_sql(proof.offenders_sql).fetchmany(OFFENDERS_SHOWN)
        checks.append(Check(proof.name, examined, tuple(str(row[0]) for row in rows)))
    return checks


def audit_ledger(session: Session) -> list[Check]:
    """Prove the books by themselves: sums, caches, lots and holds."""
    return prove(session, LEDGER_PROOFS)
