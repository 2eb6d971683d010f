"""Links in mails: each proves once that whoever opens it reads the mails of an address.

The secret is 256 random bits and only its SHA-256 is kept. A later link for the same purpose ends the earlier ones.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from projectloom import limits
from projectloom.accounts.models import MailedLink, User
from projectloom.ids import new_id


class Purpose(StrEnum):
    """What a link is for."""

    CONFIRM = "confirm"
    """To confirm one's address."""
    RESET = "reset"
    """To choose another password without the old one."""


_HOURS = {Purpose.CONFIRM: limits.CONFIRM_LINK_HOURS, Purpose.RESET: limits.RESET_LINK_HOURS}


def make_link(session: Session, *, user: User, purpose: Purpose, moment: datetime) -> str | None:
    """The secret of a new link for a person at the address that they have now.

    None when so many were made within the last hour that no further one is sent.
    """
    hour_ago = moment - timedelta(hours=1)
    mine = (MailedLink.user_id == user.id, MailedLink.purpose == purpose)
    recent = select(func.count()).select_from(MailedLink).where(*mine, col(MailedLink.created_at) > hour_ago)
    if session.exec(recent).one() >= limits.LINKS_AN_HOUR:
        return None
    for earlier in session.exec(select(MailedLink).where(*mine, col(MailedLink.expires_at) > moment)).all():
        earlier.expires_at = moment
        session.add(earlier)
    secret = secrets.token_urlsafe(32)
    session.add(
        MailedLink(
            id=new_id("link"),
            secret_hash=_hash_of(secret),
            user_id=user.id,
            purpose=purpose,
            email=user.email,
            created_at=moment,
            expires_at=moment + timedelta(hours=_HOURS[purpose]),
        )
    )
    session.flush()
    return secret


def open_link(session: Session, *, secret: str, purpose: Purpose, moment: datetime) -> User | None:
    """The person whose living link this is; from now on it is over. None for any other secret.

    A link that was sent to an address which is theirs no more proves nothing.
    """
    link = session.exec(_living(secret, purpose, moment).with_for_update()).one_or_none()
    if link is None:
        return None
    link.expires_at = moment
    session.add(link)
    user = session.get_one(User, link.user_id, with_for_update=True)
    return user if user.deleted_at is None and user.email == link.email else None


def see_link(session: Session, *, secret: str, purpose: Purpose, moment: datetime) -> User | None:
    """As :func:`open_link`, and the link stays as it is."""
    link = session.exec(_living(secret, purpose, moment)).one_or_none()
    user = None if link is None else session.get(User, link.user_id)
    return user if link and user and user.deleted_at is None and user.email == link.email else None


def _living(secret: str, purpose: Purpose, moment: datetime) -> SelectOfScalar[MailedLink]:
    return select(MailedLink).where(
        MailedLink.secret_hash == _hash_of(secret),
        MailedLink.purpose == purpose,
        col(MailedLink.expires_at) > moment,
    )


def end_links(session: Session, *, user_id: str) -> None:
    """No link that was sent to a person opens anything any more."""
    session.connection().execute(delete(MailedLink).where(col(MailedLink.user_id) == user_id))


def forget_old_links(session: Session, *, moment: datetime) -> int:
    """Delete links that were over an hour ago; how many there were."""
    old = delete(MailedLink).where(col(MailedLink.expires_at) <= moment - timedelta(hours=1))
    return session.connection().execute(old).rowcount


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
