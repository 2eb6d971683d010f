"""The whole audit: every room's proofs on one snapshot, what each found, and the mark from which the next one reads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, select

from projectloom import limits
from projectloom.billing.audit import BILLING_PROOFS
from projectloom.db import lock_name, reading, transaction
from projectloom.ledger.audit import LEDGER_PROOFS, Check, Proof, proving
from projectloom.ledger.audit_marks import NextMark, keep_mark, next_mark, read_since
from projectloom.metering.audit import METERING_PROOFS
from projectloom.operating.models import ProofOutcome
from projectloom.operating.proofs import OPERATING_PROOFS

ROOMS: tuple[tuple[str, tuple[Proof, ...]], ...] = (
    ("The books", LEDGER_PROOFS),
    ("Purchases, refunds and disputes", BILLING_PROOFS),
    ("Replies", METERING_PROOFS),
    ("Operators", OPERATING_PROOFS),
)
"""Every promise, with the part of the house that it is about."""

PROOFS = tuple(proof for _, proofs in ROOMS for proof in proofs)


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome of every proof on one snapshot."""

    checks: list[Check]
    since: datetime | None
    """From when on it read; None when it read everything."""
    reached: NextMark

    @property
    def holds(self) -> bool:
        """Whether every promise is kept."""
        return all(check.holds for check in self.checks)


def audit(*, full: bool = False, told: Callable[[Check], None] | None = None) -> Audit:
    """Prove every invariant of the books, purchases and replies: over what was touched since the last audit that held.

    ``full`` reads everything again, as does the first audit of a database. Only that finds what the database's owner
    changed in rows that were proven before and that the product itself cannot change. ``told`` hears of each proof as
    it ends.

    Raises:
        DatabaseUnavailable: the database cannot be read, or what was found cannot be written down.
    """
    found = examine(full=full, told=told)
    remember(found)
    return found


def examine(*, full: bool = False, told: Callable[[Check], None] | None = None) -> Audit:
    """As :func:`audit`, without writing anything down."""
    checks: list[Check] = []
    with reading() as session:
        if session.get_bind().dialect.name == "postgresql":
            # No door waits for an audit, and one that reads everything may be long at one question.
            session.connection().execute(text(f"SET LOCAL statement_timeout = '{limits.AUDIT_STATEMENT_SECONDS}s'"))
        # First of all: the moment must not be later than the snapshot.
        reached = next_mark(session, full=full)
        since = None if full else read_since(session)
        for check in proving(session, PROOFS, since):
            checks.append(check)
            if told is not None:
                told(check)
    return Audit(checks, since.moment if since else None, reached)


def remember(found: Audit) -> None:
    """Write down what each proof found; and where all hold, that the next audit may begin where this one proved to."""
    with transaction() as session:
        _keep_outcomes(session, found)
        if found.holds:
            keep_mark(session, found.reached, full=found.since is None)


def _keep_outcomes(session: Session, found: Audit) -> None:
    lock_name(session, "proof outcomes")
    moment, full = found.reached.checked_at, found.since is None
    kept = {row.name: row for row in session.exec(select(ProofOutcome)).all()}
    for check in found.checks:
        row = kept.get(check.name) or ProofOutcome(name=check.name, examined=0, looked_at=moment)
        # An audit that began earlier and ends later tells nothing newer.
        if row.looked_at <= moment:
            row.examined, row.offenders, row.looked_at = check.examined, "\n".join(check.offenders), moment
        if check.holds:
            row.proven_at = max(row.proven_at or moment, moment)
        if check.holds and full and (row.full_proven_at or moment) <= moment:
            row.full_examined, row.full_proven_at = check.examined, moment
        session.add(row)
    session.flush()
