"""The whole audit: every room's proofs on one snapshot."""

from projectloom.billing.audit import audit_billing
from projectloom.db import reading
from projectloom.ledger.audit import Check, audit_ledger
from projectloom.metering.audit import audit_metering


def run_audit() -> list[Check]:
    """Prove every invariant of the books, purchases and replies on one snapshot of the database."""
    with reading() as session:
        return [*audit_ledger(session), *audit_billing(session), *audit_metering(session)]


def report(checks: list[Check]) -> str:
    """The outcome as text for an operator."""
    lines: list[str] = []
    for check in checks:
        lines.append(f"{'ok  ' if check.holds else 'FAIL'}  {check.name} ({check.examined} rows)")
        lines += [f"        broken by {offender}" for offender in check.offenders]
    broken = sum(not check.holds for check in checks)
    lines.append(f"{len(checks) - broken} of {len(checks)} promises hold.")
    return "\n".join(lines)
