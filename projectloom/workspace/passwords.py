"""Whether somebody knows the password of an account: looked at only while there were few wrong ones before."""

from collections.abc import Sequence

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.models import User
from projectloom.accounts.users import find_user, verify_password
from projectloom.accounts.waits import (
    account_here_name,
    account_name,
    address_name,
    count_try,
    forget_waits,
    take_back_try,
)
from projectloom.db import database_now, reading, transaction
from projectloom.errors import InvalidCredentials


def check_password(email: str, password: str, *, network: str | None) -> tuple[User, list[str]]:
    """The person with this (normalised) e-mail and password, and the names for :func:`was_right`. Slow on purpose.

    Raises:
        InvalidCredentials: no such account, or another password; which of both is not told.
        TooManyRequests: too many wrong tries for this e-mail or from this address; the password was not looked at.
    """
    names = _count_try(email, network)
    with reading() as session:
        user = find_user(session, email=email)
    verify_password(user.password_hash if user else None, password)
    if user is None:
        raise InvalidCredentials
    return user, names


def was_right(session: Session, names: Sequence[str]) -> None:
    """The try that was counted under these names was not wrong."""
    forget_waits(session, name=names[0])
    for name in names[1:]:
        take_back_try(session, name=name)


def _count_try(email: str, network: str | None) -> list[str]:
    names = {
        account_here_name(email, network): limits.FREE_TRIES,
        account_name(email): limits.FREE_TRIES_OF_AN_ACCOUNT,
    }
    if network is not None:
        names[address_name(network)] = limits.FREE_TRIES_OF_AN_ADDRESS
    with transaction() as session:
        moment = database_now(session)
        for name, free in names.items():
            count_try(session, name=name, free=free, moment=moment)
    return list(names)
