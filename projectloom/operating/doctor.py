"""The doctor: one look at everything that a server needs, and for each what is wrong and how to mend it.

It asks the real things (the database, Stripe, the providers, the mail server) with calls that cost nothing and change
nothing, all at once and each within a named time. It opens no port and needs no running server.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from projectloom import limits


class Verdict(StrEnum):
    """What came of a check."""

    OK = "ok"
    """As it should be."""
    NOTE = "note"
    """It works, and somebody should know something about it."""
    FAILED = "failed"
    """It does not work, or money could be lost: mend it before people come."""
    UNUSED = "unused"
    """Nothing of the kind is configured."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    verdict: Verdict
    says: str
    mend: str = ""
    """What to do; empty where there is nothing to do."""


Check = Callable[[], Awaitable[list[Finding]]]


def ok(check: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Verdict.OK, says)


def note(check: str, says: str, mend: str) -> Finding:
    """Somebody should know."""
    return Finding(check, Verdict.NOTE, says, mend)


def failed(check: str, says: str, mend: str) -> Finding:
    """Somebody must mend it."""
    return Finding(check, Verdict.FAILED, says, mend)


def unused(check: str, says: str) -> Finding:
    """There is nothing to check."""
    return Finding(check, Verdict.UNUSED, says)


async def examine(checks: Sequence[tuple[str, Check]]) -> list[Finding]:
    """Run the checks at once; their findings in the order of the checks. One that does not end in time has failed."""
    found = await asyncio.gather(*(_within_time(name, check) for name, check in checks))
    return [finding for findings in found for finding in findings]


async def _within_time(name: str, check: Check) -> list[Finding]:
    try:
        async with asyncio.timeout(limits.DOCTOR_SECONDS):
            return await check()
    except TimeoutError:
        words = f"no answer within {limits.DOCTOR_SECONDS:.0f} seconds"
        return [failed(name, words, "Is it there, and does a firewall let this machine reach it?")]


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing has failed."""
    return not any(finding.verdict == Verdict.FAILED for finding in findings)


_MARKS = {Verdict.OK: "ok  ", Verdict.NOTE: "note", Verdict.FAILED: "FAIL", Verdict.UNUSED: "-   "}


def as_text(findings: Sequence[Finding]) -> str:
    """The findings for a terminal."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.verdict]}  {finding.check.ljust(width)}  {finding.says}")
        if finding.mend:
            lines.append(f"      {' ' * width}  → {finding.mend}")
    count = {verdict: sum(finding.verdict == verdict for finding in findings) for verdict in Verdict}
    lines.append(f"{count[Verdict.FAILED]} failed, {count[Verdict.NOTE]} to know, {count[Verdict.OK]} in order.")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for a program."""
    return json.dumps({"healthy": healthy(findings), "findings": [asdict(one) for one in findings]}, indent=2)
