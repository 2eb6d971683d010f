"""How long somebody has to wait after wrong passwords: a few are free, then each further one doubles the wait.

Counted in the database, so that it holds for every process and after a restart, and before the password is looked at,
so that many tries at once count one by one. Counted are tries for an account from one network, so that nobody keeps
somebody else locked out from afar; tries for an account from everywhere, of which far more are free; and tries from one
network for whatever account. Of an e-mail only its hash is kept, whether there is an account with it or not.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, or_
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.models import SignInWait
from projectloom.addresses import block_of
from projectloom.db import insert_once
from projectloom.errors import TooManyRequests

_DOUBLINGS = 20


def account_name(email: str) -> str:
    """Under which name tries for an (normalised) e-mail are counted, wherever they come from."""
    return "account:" + hashlib.sha256(email.encode()).hexdigest()


def account_here_name(email: str, address: str | None) -> str:
    """Under which name tries for an (normalised) e-mail from one subscriber's network are counted."""
    return f"{account_name(email)}:{'' if address is None else block_of(address)}"


def address_name(address: str) -> str:
    """Under which name tries from one subscriber's network are counted."""
    return f"address:{block_of(address)}"


def count_try(session: Session, *, name: str, free: int, moment: datetime) -> None:
    """Count one try, as if it will fail.

    Raises:
        TooManyRequests: there is a wait; the try is not counted, and the password must not be looked at.
    """
    insert_once(session, SignInWait, SignInWait(name=name, last_at=moment).model_dump(), key=["name"])
    row = session.exec(select(SignInWait).where(SignInWait.name == name).with_for_update()).one()
    if row.until is not None and row.until > moment:
        seconds = int((row.until - moment).total_seconds()) + 1
        raise TooManyRequests(
            f"Too many wrong attempts. Please wait {_in_words(seconds)}, or reset your password.", retry_after=seconds
        )
    if row.last_at < moment - timedelta(seconds=limits.SIGN_IN_WINDOW_SECONDS):
        row.tries = 0
    row.tries, row.last_at = row.tries + 1, moment
    if row.tries >= free:
        wait = limits.SIGN_IN_WAIT_SECONDS * 2 ** min(row.tries - free, _DOUBLINGS)
        row.until = moment + timedelta(seconds=min(wait, limits.SIGN_IN_LONGEST_WAIT_SECONDS))
    session.add(row)
    session.flush()


def take_back_try(session: Session, *, name: str) -> None:
    """The latest try of this name did not fail."""
    row = session.exec(select(SignInWait).where(SignInWait.name == name).with_for_update()).one_or_none()
    if row is not None:
        row.tries, row.until = max(row.tries - 1, 0), None
        session.add(row)


def forget_waits(session: Session, *, name: str) -> None:
    """Whoever had to wait under this name has shown who they are."""
    session.connection().execute(delete(SignInWait).where(col(SignInWait.name) == name))


def forget_account_waits(session: Session, *, email: str) -> None:
    """Nobody has to wait any more to sign in with this (normalised) e-mail, wherever they are."""
    name = account_name(email)
    theirs = or_(col(SignInWait.name) == name, col(SignInWait.name).startswith(f"{name}:"))
    session.connection().execute(delete(SignInWait).where(theirs))


def forget_old_waits(session: Session, *, moment: datetime) -> int:
    """Delete what counts no more; how many there were."""
    old = moment - timedelta(seconds=limits.SIGN_IN_WINDOW_SECONDS + limits.SIGN_IN_LONGEST_WAIT_SECONDS)
    return session.connection().execute(delete(SignInWait).where(col(SignInWait.last_at) < old)).rowcount


def _in_words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"
