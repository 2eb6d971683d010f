"""What ``python -m projectloom prices`` answers, as text for an operator."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from projectloom.config import settings
from projectloom.metering import price_changes
from projectloom.metering.price_diff import plain, report

_DIGEST_CHARS = 12


def propose(*, markup_percent: Decimal | None = None, file: Path | None = None) -> str:
    """Propose a card and say what it would change. Raises as :func:`price_changes.propose`."""
    found = price_changes.propose(markup_percent=markup_percent, file=file)
    if found.proposal_id is None:
        return f"Nothing changed: version {found.live.version} has these prices already."
    return (
        f"{_compared(found)}\n"
        f"Nothing is in force yet. To put it in force: python -m projectloom prices apply {found.proposal_id}"
    )


def diff(proposal_id: int | None = None) -> str:
    """What a proposal would change. Raises NotFound."""
    return _compared(price_changes.compare(proposal_id))


def apply(proposal_id: int | None = None, *, at: datetime | None = None, force: bool = False) -> str:
    """Put a proposal in force and say when. Raises as :func:`price_changes.apply`."""
    made = price_changes.apply(proposal_id, at=at, force=force)
    verb = "is in force since" if made.at_once else "comes into force at"
    lines = [f"Version {made.version} {verb} {_time(made.effective_at)}."]
    if made.next_version is not None:
        lines.append(f"Version {made.next_version.version} follows at {_time(made.next_version.effective_at)}.")
    wanted = settings().price_markup_percent
    if made.markup_percent != wanted:
        lines.append(
            f"Its markup is {plain(made.markup_percent)} %, but PRICE_MARKUP_PERCENT is {plain(wanted)}: "
            "a server that starts while it is in force puts the setting's markup in force."
        )
    return "\n".join(lines)


def overview() -> str:
    """The versions and the proposals, the newest first."""
    found = price_changes.history()
    lines = ["version  in force from           markup      digest        source"]
    for one in found.versions:
        live = "  (live)" if one.version == found.live else ""
        lines.append(
            f"{one.version:>7}  {_time(one.effective_at)}  {plain(one.card.markup_percent) + ' %':<10}  "
            f"{found.digests[one.version][:_DIGEST_CHARS]}  {one.card.source}{live}"
        )
    lines += [
        f"proposal {one.id}  of {_time(one.created_at)}  {plain(found.markups[one.id or 0])} %  "
        f"{one.digest[:_DIGEST_CHARS]}  {one.source}"
        for one in found.proposals
    ]
    return "\n".join(lines)


def _compared(found: price_changes.Compared) -> str:
    heading = f"Proposal {found.proposal_id} ({found.card.source}) beside version {found.live.version}, which is live:"
    if not found.changes:
        return f"{heading}\nNo difference."
    return f"{heading}\n{report(found.changes, markup_percent=found.card.markup_percent)}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
