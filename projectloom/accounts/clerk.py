"""Clerk's people and ours: which of our rows is whose, and what Clerk told of them."""

import hashlib
from datetime import timedelta

from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.doors import close_doors, shut_out_whoever_made
from projectloom.accounts.models import ClerkEvent, User
from projectloom.accounts.users import GONE, NO_ADDRESS, create_user, find_user, normalise_email
from projectloom.clock import now
from projectloom.db import lock_name
from projectloom.errors import InvalidInput


def find_by_clerk(session: Session, *, clerk_id: str) -> User | None:
    """The person whom Clerk knows by this id."""
    return session.exec(select(User).where(User.clerk_id == clerk_id)).one_or_none()


def find_who_left(session: Session, *, clerk_id: str) -> User | None:
    """What is left of somebody with this id who left, or who is about to."""
    return session.exec(select(User).where(User.clerk_id == mark_of(clerk_id))).one_or_none()


def let_go(session: Session, *, user: User) -> None:
    """End everything by which somebody could act as this person, and let nobody back in by Clerk's id of them."""
    close_doors(session, user_id=user.id)
    if user.clerk_id is not None and not user.clerk_id.startswith(GONE):
        user.clerk_id = mark_of(user.clerk_id)
        session.add(user)


def hold_clerk_id(session: Session, *, clerk_id: str) -> None:
    """Until the caller's transaction ends, nobody else lets this person in or handles an event about them.

    Take it before any row. So an event finds the person who is being let in, or is found by :func:`what_was_told`.
    """
    lock_name(session, f"clerk:{clerk_id}")


def what_was_told(session: Session, *, clerk_id: str) -> list[ClerkEvent]:
    """What Clerk lately told of somebody whom nobody here knew: by kind and time alone, their address is not kept."""
    query = select(ClerkEvent).where(
        # By its index; of other servers the clocks may differ by far less.
        col(ClerkEvent.handled_at) > now() - timedelta(seconds=limits.CLERK_NEWS_SECONDS),
        ClerkEvent.clerk_id == mark_of(clerk_id),
    )
    return list(session.exec(query).all())


def mark_of(clerk_id: str) -> str:
    """What stays of Clerk's id of somebody: enough to know them by, and nothing to look them up with."""
    return GONE + hashlib.sha256(clerk_id.encode()).hexdigest()


def admit(
    session: Session, *, clerk_id: str, email: str | None, confirmed: bool, changed_ms: int
) -> tuple[User | None, bool]:
    """The person for Clerk's id, made where there is none, and whether they were made; None for somebody who left.

    Who signed up here before and has the same address keeps their account, provided that Clerk knows the address to be
    theirs. If we did not know that ourselves, whoever made the account may be somebody else: everything by which they
    could still act in it ends.
    """
    hold_clerk_id(session, clerk_id=clerk_id)
    known = find_by_clerk(session, clerk_id=clerk_id)
    if known is not None or find_who_left(session, clerk_id=clerk_id) is not None:
        return known, False
    address = _address(email, clerk_id)
    user, made = find_user(session, email=address), False
    if user is not None and (not confirmed or user.clerk_id is not None):
        user, address = None, _placeholder(clerk_id)
    if user is None:
        user, made = create_user(session, email=address, password_hash=None), True
        user = session.get_one(User, user.id)
    elif user.email_confirmed_at is None:
        shut_out_whoever_made(session, user=user)
        user.password_hash = None
    user.clerk_id, user.clerk_changed_ms = clerk_id, changed_ms
    user.email_confirmed_at = (user.email_confirmed_at or now()) if confirmed else None
    session.add(user)
    session.flush()
    return user, made


def follow(session: Session, *, clerk_id: str, email: str | None, confirmed: bool, changed_ms: int) -> User | None:
    """Give a person the address that Clerk says they have now; None where nobody has the id, or that is old news.

    An address that is somebody else's here is not taken over. The one that the person had is theirs no more either, so
    they have none then.
    """
    user = find_by_clerk(session, clerk_id=clerk_id)
    if user is None or changed_ms <= user.clerk_changed_ms:
        return None
    address, user.clerk_changed_ms = _address(email, clerk_id), changed_ms
    holder = find_user(session, email=address)
    if holder is not None and holder.id != user.id:
        address, confirmed = _placeholder(clerk_id), False
    user.email, user.email_confirmed_at = address, now() if confirmed else None
    session.add(user)
    session.flush()
    return user


def _address(email: str | None, clerk_id: str) -> str:
    try:
        return normalise_email(email or "")
    except InvalidInput:
        return _placeholder(clerk_id)


def _placeholder(clerk_id: str) -> str:
    """An address for who has none, or none that is theirs alone."""
    return f"{hashlib.sha256(clerk_id.encode()).hexdigest()[:16]}@clerk{NO_ADDRESS}"
