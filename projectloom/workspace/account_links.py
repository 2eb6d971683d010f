"""What people do by links in mails: confirm their address, and choose another password when they forgot theirs.

Nobody learns here whether an address has an account: whoever asks is answered alike, at once, and only the owner of
the mailbox sees more. The secret stands behind the ``#`` of a link, which no server is sent and no log keeps, and
opening the page uses nothing up: a press does. Who reads the mails of an address need not be who made the account with
it, so a confirmation also asks for a session or the password of that account.
"""

import secrets
from dataclasses import dataclass

from projectloom.accounts.doors import Closed, close_doors, shut_out_whoever_made
from projectloom.accounts.links import Purpose, end_links, open_link, see_link
from projectloom.accounts.models import User
from projectloom.accounts.users import find_user, hash_password, normalise_email
from projectloom.accounts.waits import forget_account_waits
from projectloom.config import settings
from projectloom.db import database_now, reading, transaction
from projectloom.errors import AccountUnproven, Forbidden, LinkOver, NotFound
from projectloom.workspace.account_mails import put_confirmation, put_reset, tell_password_reset
from projectloom.workspace.identity import DEMO_EMAIL, Person, be_local, forget_person
from projectloom.workspace.passwords import check_password, was_right

_PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class Reset:
    """Whose password was replaced, and what ended with the old one."""

    email: str
    closed: Closed


def send_confirmation(user_id: str) -> bool:
    """Send a person the link that confirms their address; whether one was sent.

    Not when it is confirmed already, when there is no way to send mails, or when several were sent within the hour.
    """
    be_local()
    with transaction() as session:
        user = session.get_one(User, user_id, with_for_update=True)
        return put_confirmation(session, user)


def confirm_email(
    secret: str, *, person: Person | None = None, password: str | None = None, network: str | None = None
) -> str:
    """The address whose confirmation this link is; from now on it is confirmed. ``person`` is who is signed in.

    Raises:
        LinkOver: it is no living link; in words that fit whoever is signed in.
        AccountUnproven: the person is not whose account it is, and no password was given. The link stays.
        InvalidCredentials: that is not the account's password. TooManyRequests: too many wrong ones. The link stays.
    """
    be_local()
    with reading() as session:
        owner = see_link(session, secret=secret, purpose=Purpose.CONFIRM, moment=database_now(session))
    if owner is None:
        raise LinkOver(_confirmation_over(person))
    names: list[str] = []
    if person is None or person.user_id != owner.id:
        if not password:
            raise AccountUnproven(_somebody_else(person))
        _, names = check_password(owner.email, password, network=network)
    with transaction() as session:
        user = open_link(session, secret=secret, purpose=Purpose.CONFIRM, moment=database_now(session))
        if user is not None:
            user.email_confirmed_at = user.email_confirmed_at or database_now(session)
            session.add(user)
        if names:
            was_right(session, names)
    if user is None:
        raise LinkOver(_confirmation_over(person))
    forget_person(user.id)
    return user.email


def _confirmation_over(person: Person | None) -> str:
    """What is left to do for whoever opened a link that is over: nothing, most often."""
    over = "This link is over: it was used before, a later one was sent, or it is more than two days old."
    if person is None and settings().confirm_email == "sign_in":
        return f"{over} Sign in: if your e-mail is not confirmed yet, we send another one."
    if person is None:
        return f"{over} Sign in: if your e-mail is not confirmed yet, the settings send another one."
    if person.confirmed:
        return f"{over} {person.email}, which you are signed in with, is confirmed already."
    return f"{over} The settings send another one, under Profile."


def _somebody_else(person: Person | None) -> str | None:
    if person is None:
        return None
    return (
        f"You are signed in as {person.email}, and this link is for another account. If that is yours too, enter its "
        "password here."
    )


def confirm_by_hand(email: str, *, keep_password: bool = False) -> str | None:
    """Take an address as confirmed because whoever owns the server says so: where it sends no mails.

    Anybody may have made the account with it, so every way into it ends, and it is given another password, which is
    returned; None where the old one stays. An address that is confirmed already is left alone. Slow on purpose.

    Raises:
        NotFound: nobody has an account with that e-mail. InvalidInput: it is none.
        Forbidden: Clerk signs people in, and knows whose an address is.
    """
    be_local()
    address = normalise_email(email)
    password = None if keep_password else secrets.token_urlsafe(_PASSWORD_BYTES)
    hashed = None if password is None else hash_password(password)
    with transaction() as session:
        user = find_user(session, email=address)
        if user is None:
            raise NotFound("Nobody has an account with that e-mail.")
        if user.email_confirmed_at is not None:
            return None
        user.email_confirmed_at = database_now(session)
        user.password_hash = hashed or user.password_hash
        session.add(user)
        shut_out_whoever_made(session, user=user)
        forget_account_waits(session, email=address)
    forget_person(user.id)
    return password


def ask_reset(email: str) -> None:
    """Send whoever has an account with this (normalised) e-mail a link to choose another password; else do nothing."""
    with transaction() as session:
        user = find_user(session, email=email)
        if user is None or user.email == DEMO_EMAIL or user.deleted_at is not None:
            return
        put_reset(session, user)


def can_reset(email: str) -> str:
    """The address that a reset is asked for, once it is clear that one can be.

    Raises:
        InvalidInput: it cannot be an e-mail address. Forbidden: no mails are sent, or Clerk signs people in.
    """
    be_local()
    if not settings().sends_mails:
        raise Forbidden("This server sends no mails. Ask whoever runs it.")
    return normalise_email(email)


def reset_password(secret: str, password: str) -> Reset:
    """Give the person whose link this is another password, and end their sessions and access keys. Slow on purpose.

    Whoever could open it reads their mails, so their address is confirmed by it too. Where it was not before, somebody
    else may have made the account: provider keys that are kept in it go too.

    Raises:
        InvalidInput: the password is too short or too long; the link stays. LinkOver: it is no living link.
    """
    be_local()
    hashed = hash_password(password)
    with transaction() as session:
        user = open_link(session, secret=secret, purpose=Purpose.RESET, moment=database_now(session))
        closed = Closed(0)
        if user is not None:
            user.password_hash = hashed
            if user.email_confirmed_at is not None:
                closed = close_doors(session, user_id=user.id)
                end_links(session, user_id=user.id)
            else:
                closed = shut_out_whoever_made(session, user=user)
                user.email_confirmed_at = database_now(session)
            session.add(user)
            forget_account_waits(session, email=user.email)
            tell_password_reset(session, user, closed)
    if user is None:
        raise LinkOver
    forget_person(user.id)
    return Reset(user.email, closed)
