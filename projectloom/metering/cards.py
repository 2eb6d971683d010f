"""Price card versions: the live one, and any that a turn began with.

The first start stores version 1 from the prices that this release carries. A newer source never replaces a version by
itself: ``price_changes`` has the ways in which a version comes about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.config import settings
from projectloom.db import UtcDateTime, database_now, insert_once, reading, transaction
from projectloom.errors import DatabaseUnavailable
from projectloom.metering.models import PriceCardVersion
from projectloom.pricing import PriceCard, card_from_genai_prices, digest, from_json, to_json

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class VersionedCard:
    """A price card and the version that it is stored under."""

    version: int
    card: PriceCard
    effective_at: datetime
    """Since, or from, when it is in force."""


def _in_force_at(moment: Any) -> Any:
    """The version in force at a moment: the one that came last, and of those that came at once the newest."""
    return (
        select(PriceCardVersion.version, PriceCardVersion.effective_at, PriceCardVersion.digest)
        .where(col(PriceCardVersion.effective_at) <= moment)
        .order_by(col(PriceCardVersion.effective_at).desc(), col(PriceCardVersion.version).desc())
        .limit(1)
    )


# Built once, since the live card is asked for while people type. Postgres compares with its own clock in the same
# question, so that all machines change over together.
_AT = _in_force_at(bindparam("moment", type_=UtcDateTime()))
_NOW_IN_POSTGRES = _in_force_at(func.clock_timestamp())

# Every card that was read, by its digest: versions never change, and there are few.
_cards: dict[str, PriceCard] = {}


def current_card(session: Session) -> VersionedCard:
    """The card in force now, by the database's clock.

    Raises:
        DatabaseUnavailable: no card is stored yet; :func:`store_first_card` runs when the server starts.
    """
    if session.get_bind().dialect.name == "postgresql":
        return _found(session, _NOW_IN_POSTGRES, {})
    return card_at(session, database_now(session))


def card_in_force() -> VersionedCard:
    """As :func:`current_card`, for whoever only shows it."""
    with reading() as session:
        return current_card(session)


def card_at(session: Session, moment: datetime) -> VersionedCard:
    """The card in force at a moment, which may be to come. Raises as :func:`current_card`."""
    return _found(session, _AT, {"moment": moment})


def card_version(session: Session, version: int) -> PriceCard:
    """The card of a version, in force or not."""
    kept = session.exec(select(PriceCardVersion.digest).where(PriceCardVersion.version == version)).one()
    return _card(session, version, kept)


def pending_cards(session: Session, after: datetime) -> list[VersionedCard]:
    """The versions that come into force after a moment, the next one first."""
    query = (
        select(PriceCardVersion)
        .where(col(PriceCardVersion.effective_at) > after)
        .order_by(col(PriceCardVersion.effective_at), col(PriceCardVersion.version))
    )
    return [VersionedCard(row.version, _kept(row), row.effective_at) for row in session.exec(query)]


def newest_versions(session: Session) -> Sequence[PriceCardVersion]:
    """The latest versions, the newest first, as many as are shown."""
    query = select(PriceCardVersion).order_by(col(PriceCardVersion.version).desc())
    return session.exec(query.limit(limits.PRICE_VERSIONS_SHOWN)).all()


def store_first_card() -> None:
    """Store version 1 unless it is there, with the operator's markup.

    Raises ``LookupError`` or ``ValueError`` when the installed prices make no card: there is nothing to charge by.
    """
    with transaction() as session:
        if session.get(PriceCardVersion, FIRST_VERSION) is not None:
            return
        moment = database_now(session)
        card = card_from_genai_prices(settings().price_markup_percent, on=moment.date())
        store_version(session, card, version=FIRST_VERSION, effective_at=moment)


def store_version(session: Session, card: PriceCard, *, version: int, effective_at: datetime) -> bool:
    """Store a card under a number that is not taken; whether it was free."""
    row = PriceCardVersion(
        version=version,
        effective_at=effective_at,
        source=card.source,
        digest=digest(card),
        card_json=to_json(card),
        created_at=database_now(session),
    )
    return insert_once(session, PriceCardVersion, row.model_dump(), key=["version"])


def _found(session: Session, query: Any, values: dict[str, Any]) -> VersionedCard:
    row = session.connection().execute(query, values).one_or_none()
    if row is None:
        raise DatabaseUnavailable
    return VersionedCard(row.version, _card(session, row.version, row.digest), row.effective_at)


def _card(session: Session, version: int, kept_digest: str) -> PriceCard:
    known = _cards.get(kept_digest)
    return _kept(session.get_one(PriceCardVersion, version)) if known is None else known


def _kept(row: PriceCardVersion) -> PriceCard:
    if row.digest not in _cards:
        _cards[row.digest] = from_json(row.card_json)
    return _cards[row.digest]
