"""The whole audit: every room's proofs on one snapshot, and the mark from which the next one reads."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from projectloom import limits
from projectloom.billing.audit import audit_billing
from projectloom.db import reading, transaction
from projectloom.ledger.audit import Check, audit_ledger
from projectloom.ledger.audit_marks import NextMark, keep_mark, next_mark, read_since
from projectloom.metering.audit import audit_metering


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


def audit(*, full: bool = False) -> Audit:
    """Prove every invariant of the books, purchases and replies: over what was touched since the last audit that held.

    ``full`` reads everything again, as does the first audit of a database. Only that finds what the database's owner
    changed in rows that were proven before and that the product itself cannot change.

    Raises:
        DatabaseUnavailable: the database cannot be read, or how far it was proven cannot be written down.
    """
    found = examine(full=full)
    if found.holds:
        remember(found)
    return found


def examine(*, full: bool = False) -> Audit:
    """As :func:`audit`, without writing anything down."""
    with reading() as session:
        if session.get_bind().dialect.name == "postgresql":
            # No door waits for an audit, and one that reads everything may be long at one question.
            session.connection().execute(text(f"SET LOCAL statement_timeout = '{limits.AUDIT_STATEMENT_SECONDS}s'"))
        # First of all: the moment must not be later than the snapshot.
        reached = next_mark(session)
        since = None if full else read_since(session)
        checks = [*audit_ledger(session, since), *audit_billing(session, since), *audit_metering(session, since)]
    return Audit(checks, since.moment if since else None, reached)


def remember(held: Audit) -> None:
    """Let the next audit begin where one that held has proven the books."""
    with transaction() as session:
        keep_mark(session, held.reached, full=held.since is None)


def run_audit(*, full: bool = False) -> list[Check]:
    """The checks of :func:`audit`."""
    return audit(full=full).checks


def report(checks: list[Check]) -> str:
    """The outcome as text for an operator."""
    lines: list[str] = []
    for check in checks:
        lines.append(f"{'ok  ' if check.holds else 'FAIL'}  {check.name} ({check.examined} rows)")
        lines += [f"        broken by {offender}" for offender in check.offenders]
    broken = sum(not check.holds for check in checks)
    lines.append(f"{len(checks) - broken} of {len(checks)} promises hold.")
    return "\n".join(lines)
