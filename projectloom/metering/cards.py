"""Price card versions: the live one, and any that a turn began with.

The first start stores version 1 from the prices that this release carries. A newer source never replaces a version by
itself.
"""

from dataclasses import dataclass
from functools import lru_cache

from sqlmodel import Session, col, select

from projectloom.clock import now
from projectloom.db import insert_once, transaction
from projectloom.errors import DatabaseUnavailable
from projectloom.metering.models import PriceCardVersion
from projectloom.pricing import PriceCard, card_from_genai_prices, digest, from_json, to_json

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class VersionedCard:
    """A price card and the version that it is stored under."""

    version: int
    card: PriceCard


def current_card(session: Session) -> VersionedCard:
    """The card in force now.

    Raises:
        DatabaseUnavailable: no card is stored yet; :func:`store_first_card` runs when the server starts.
    """
    query = (
        select(PriceCardVersion.version, PriceCardVersion.card_json)
        .where(PriceCardVersion.effective_at <= now())
        .order_by(col(PriceCardVersion.effective_at).desc(), col(PriceCardVersion.version).desc())
        .limit(1)
    )
    row = session.exec(query).one_or_none()
    if row is None:
        raise DatabaseUnavailable
    version, card_json = row
    return VersionedCard(version, _parsed(card_json))


def card_version(session: Session, version: int) -> PriceCard:
    """The card of a version, in force or not."""
    return _parsed(session.get_one(PriceCardVersion, version).card_json)


def store_first_card() -> None:
    """Store version 1 unless it is there."""
    card = card_from_genai_prices(on=now().date())
    row = PriceCardVersion(
        version=FIRST_VERSION,
        effective_at=now(),
        source=card.source,
        digest=digest(card),
        card_json=to_json(card),
    )
    with transaction() as session:
        insert_once(session, PriceCardVersion, row.model_dump(), key=["version"])


@lru_cache(maxsize=16)
def _parsed(card_json: str) -> PriceCard:
    return from_json(card_json)
