"""What ``python -m projectloom audit`` answers, as text for an operator."""

from projectloom.ledger.audit import Check
from projectloom.operating.audit import audit


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
