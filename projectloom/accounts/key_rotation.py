"""Sealing people's provider keys anew when the master secret changes, a few at a time."""

from dataclasses import dataclass

from sqlalchemy import update
from sqlmodel import Session, col, select

from projectloom.accounts.keys import key_id_of, seal, unsealed
from projectloom.accounts.models import ProviderKey


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of some keys."""

    looked_at: int
    sealed: int
    after: tuple[str, str] | None
    """Where the next ones begin; None when these were the last."""


def reseal_some(
    session: Session, *, master_secret: str, previous: tuple[str, ...], after: tuple[str, str] | None, most: int
) -> Resealed:
    """Seal under ``master_secret`` what is sealed under a previous one, in the order of people and providers.

    A key that its owner replaces meanwhile stays as they left it; one that no secret opens is left alone.
    """
    query = select(ProviderKey).where(ProviderKey.key_id != key_id_of(master_secret))
    if after is not None:
        user_id, provider = after
        later = (col(ProviderKey.user_id) == user_id) & (col(ProviderKey.provider) > provider)
        query = query.where((col(ProviderKey.user_id) > user_id) | later)
    rows = session.exec(query.order_by(col(ProviderKey.user_id), col(ProviderKey.provider)).limit(most)).all()
    changed = sum(_reseal(session, row, master_secret, previous) for row in rows)
    return Resealed(len(rows), changed, (rows[-1].user_id, rows[-1].provider) if len(rows) == most else None)


def _reseal(session: Session, row: ProviderKey, master_secret: str, previous: tuple[str, ...]) -> bool:
    clear = next((key for secret in previous if (key := unsealed(row, secret)) is not None), None)
    if clear is None:
        return False
    fresh = seal(clear, user_id=row.user_id, provider=row.provider, master_secret=master_secret)
    changed = session.connection().execute(
        update(ProviderKey)
        .where(
            col(ProviderKey.user_id) == row.user_id,
            col(ProviderKey.provider) == row.provider,
            col(ProviderKey.sealed) == row.sealed,
        )
        .values(sealed=fresh, key_id=key_id_of(master_secret))
    )
    return changed.rowcount == 1
