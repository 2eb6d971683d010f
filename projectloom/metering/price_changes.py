"""How a price comes into force: proposed first, compared, and applied by the operator, now or at a named time.

A proposal is kept beside the versions and charges nobody. Nothing but an operator makes a version of it: with the
command, or by setting another markup.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.config import settings
from projectloom.db import database_now, insert_once, reading, transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.metering.cards import (
    VersionedCard,
    card_at,
    current_card,
    newest_versions,
    pending_cards,
    store_version,
)
from projectloom.metering.models import PriceProposal
from projectloom.metering.price_checks import check_offer
from projectloom.metering.price_diff import Change, changes
from projectloom.pricing import PriceCard, card_from_genai_prices, digest, from_json, to_json

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compared:
    """A proposal and what it would change in the live card."""

    proposal_id: int | None
    """None where nothing would change, so that nothing was proposed."""
    card: PriceCard
    live: VersionedCard
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Applied:
    """A version that was made, and what is to follow it."""

    version: int
    effective_at: datetime
    at_once: bool
    markup_percent: Decimal
    next_version: VersionedCard | None
    """The version that takes over from it, where one is waiting."""


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Versions and proposals, the newest first."""

    live: int
    versions: list[VersionedCard]
    digests: dict[int, str]
    proposals: list[PriceProposal]
    markups: dict[int, Decimal]
    """The markup of each proposal in per cent, by its id."""


def propose(
    *,
    markup_percent: Decimal | None = None,
    file: Path | None = None,
    note: Callable[[Session, Compared], None] | None = None,
) -> Compared:
    """Keep a card as a proposal unless it is like the live one: the installed prices, or a file in the card's format.

    The markup is the one given, else the operator's setting. The same card is proposed once; its first proposal is
    then named again. ``note`` writes down within the same transaction who did it.

    Raises:
        InvalidInput: no usable card can be made of it.
    """
    percent = settings().price_markup_percent if markup_percent is None else markup_percent
    with transaction() as session:
        today = database_now(session).date()
        card = _installed(percent, today) if file is None else replace(_read(file), markup_percent=percent)
        check_offer(card)
        live = current_card(session)
        found = changes(live.card, card)
        compared = Compared(_keep(session, card) if found else None, card, live, found)
        if note is not None:
            note(session, compared)
        return compared


def compare(proposal_id: int | None = None) -> Compared:
    """A proposal, the latest one by default, beside the live card. Raises NotFound."""
    with reading() as session:
        proposal, live = _proposal(session, proposal_id), current_card(session)
        card = from_json(proposal.card_json)
        return Compared(proposal.id, card, live, changes(live.card, card))


def apply(
    proposal_id: int | None = None,
    *,
    at: datetime | None = None,
    force: bool = False,
    note: Callable[[Session, Applied], None] | None = None,
) -> Applied:
    """Put a proposal, the latest one by default, in force as the next version: now, or ``at`` a time to come.

    ``note`` writes down within the same transaction who did it.

    Raises:
        NotFound: there is no such proposal.
        InvalidInput: the time is past; the same prices are in force then; they are mistaken; or, without ``force``, a
            version was made after it was proposed, so that it may be out of date.
    """
    while True:
        try:
            with transaction() as session:
                applied = _apply(session, _proposal(session, proposal_id), at=at, force=force)
                if note is not None:
                    note(session, applied)
                return applied
        except _NumberTaken:
            # Another version was committed meanwhile, and all is decided anew beside it.
            continue


def follow_markup() -> None:
    """Put the operator's markup in force, on the live rates, where the live card has another.

    Versions to come that carry the live markup get the new one as well; one that was made with a markup of its own
    keeps it.
    """
    while True:
        try:
            with transaction() as session:
                return _follow_markup(session)
        except _NumberTaken:
            continue


def propose_installed(session: Session) -> str | None:
    """Keep the installed prices as a proposal when they are news; its digest if so.

    They are none when the latest version or the latest proposal is like them. Prices that make no card are logged:
    the live card is not touched by them.
    """
    newest = newest_versions(session)[0]
    known = [newest.card_json, *session.exec(select(PriceProposal.card_json).order_by(_LATEST).limit(1))]
    try:
        card = _installed(settings().price_markup_percent, database_now(session).date())
        check_offer(card)
    except InvalidInput as error:
        _log.warning("the installed prices are not proposed: %s", error.message)
        return None
    if not all(changes(from_json(text), card) for text in known):
        return None
    return digest(card) if _insert(session, card) else None


def markup_of(text: str) -> Decimal:
    """A markup in per cent as an operator typed it. Raises ``ValueError`` as the setting is refused."""
    most = limits.MAX_MARKUP_PERCENT
    words = f"{text!r} is no markup: a number from 0 to {most} with at most {limits.MARKUP_PLACES} decimals"
    try:
        percent = Decimal(text)
    except InvalidOperation:
        raise ValueError(words) from None
    if not percent.is_finite() or not 0 <= percent <= most or percent != round(percent, limits.MARKUP_PLACES):
        raise ValueError(words)
    return abs(percent)


def history() -> PriceHistory:
    """The latest versions and proposals."""
    with reading() as session:
        rows = newest_versions(session)
        proposals = session.exec(select(PriceProposal).order_by(_LATEST).limit(limits.PRICE_VERSIONS_SHOWN)).all()
        return PriceHistory(
            live=current_card(session).version,
            versions=[VersionedCard(row.version, from_json(row.card_json), row.effective_at) for row in rows],
            digests={row.version: row.digest for row in rows},
            proposals=list(proposals),
            markups={one.id or 0: from_json(one.card_json).markup_percent for one in proposals},
        )


class _NumberTaken(Exception):
    """Another version was made at the same moment. All that this one wrote is undone."""


_LATEST = col(PriceProposal.id).desc()


def _apply(session: Session, proposal: PriceProposal, *, at: datetime | None, force: bool) -> Applied:
    # Read before the clock: a version that is not seen here has a number, and so a conflict, and not a later time.
    newest = newest_versions(session)[0]
    moment = database_now(session)
    if at is not None and at <= moment:
        raise InvalidInput(f"{at.isoformat()} is past. Prices are never changed for what was charged already.")
    card, effective_at = from_json(proposal.card_json), at or moment
    # It may have been proposed by a release that knew fewer mistakes.
    check_offer(card)
    before = card_at(session, effective_at)
    if not changes(before.card, card):
        raise InvalidInput(f"Nothing to apply: version {before.version} has these prices already.")
    if newest.created_at >= proposal.created_at and not force:
        raise InvalidInput(
            f"Version {newest.version} was made after proposal {proposal.id}, which may be out of date. "
            "Propose again, or apply it with --force."
        )
    version = _next(session, card, newest=newest.version, effective_at=effective_at)
    following = pending_cards(session, effective_at)
    return Applied(version, effective_at, at is None, card.markup_percent, following[0] if following else None)


def _follow_markup(session: Session) -> None:
    newest, moment = newest_versions(session)[0].version, database_now(session)
    live, percent = current_card(session), settings().price_markup_percent
    former = live.card.markup_percent
    if former == percent:
        return
    to_come = {pending.effective_at: pending for pending in pending_cards(session, moment)}
    for pending in (live, *to_come.values()):
        if pending.card.markup_percent == former:
            card, at = replace(pending.card, markup_percent=percent), max(moment, pending.effective_at)
            newest = _next(session, card, newest=newest, effective_at=at)
            _log.warning("price card version %s: the markup is %s %% instead of %s %%", newest, percent, former)


def _next(session: Session, card: PriceCard, *, newest: int, effective_at: datetime) -> int:
    if not store_version(session, card, version=newest + 1, effective_at=effective_at):
        raise _NumberTaken
    return newest + 1


def _proposal(session: Session, proposal_id: int | None) -> PriceProposal:
    query = select(PriceProposal).order_by(_LATEST).limit(1)
    if proposal_id is not None:
        query = query.where(PriceProposal.id == proposal_id)
    found = session.exec(query).one_or_none()
    if found is None:
        raise NotFound(f"There is no proposal {proposal_id}." if proposal_id else "Nothing is proposed.")
    return found


def _keep(session: Session, card: PriceCard) -> int | None:
    _insert(session, card)
    return session.exec(select(PriceProposal.id).where(PriceProposal.digest == digest(card))).one()


def _insert(session: Session, card: PriceCard) -> bool:
    """Whether it was not proposed before."""
    row = PriceProposal(
        source=card.source, digest=digest(card), card_json=to_json(card), created_at=database_now(session)
    )
    return insert_once(session, PriceProposal, row.model_dump(exclude={"id"}), key=["digest"])


def _installed(markup_percent: Decimal, on: date) -> PriceCard:
    try:
        return card_from_genai_prices(markup_percent, on=on)
    except (LookupError, ValueError) as error:
        raise InvalidInput(f"The installed prices make no card: {error}") from error


def _read(file: Path) -> PriceCard:
    try:
        if file.stat().st_size > limits.MAX_PRICE_FILE_BYTES:
            raise InvalidInput(f"{file} is too large for a price card.")
        return from_json(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} is no price card: {error}") from error
