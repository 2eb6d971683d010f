"""Ending the ways by which somebody acts in an account, when it is not sure that they are whose address it has."""

from dataclasses import dataclass

from sqlalchemy import delete
from sqlmodel import Session, col, select

from projectloom.accounts.links import end_links
from projectloom.accounts.models import ApiKey, ProviderKey, User
from projectloom.accounts.users import close_sessions
from projectloom.clock import now


@dataclass(frozen=True, slots=True)
class Closed:
    """What ended beside the sessions: how many keys of each kind there were."""

    access_keys: int
    provider_keys: int = 0


def close_doors(session: Session, *, user_id: str) -> Closed:
    """End a person's sessions and access keys."""
    close_sessions(session, user_id=user_id)
    keys = session.exec(select(ApiKey).where(ApiKey.user_id == user_id, col(ApiKey.revoked_at).is_(None))).all()
    for key in keys:
        key.revoked_at = now()
        session.add(key)
    return Closed(len(keys))


def shut_out_whoever_made(session: Session, *, user: User) -> Closed:
    """End every way in of an account whose address nobody had confirmed: somebody else may have made it.

    Provider keys that were kept in it go as well: what the owner of the address asks would pass through an account of
    whoever put the keys there. Who pays stays: somebody with credit goes on with it. The password is the caller's to
    replace.
    """
    closed = close_doors(session, user_id=user.id)
    end_links(session, user_id=user.id)
    deleted = session.connection().execute(delete(ProviderKey).where(col(ProviderKey.user_id) == user.id))
    return Closed(closed.access_keys, deleted.rowcount)
