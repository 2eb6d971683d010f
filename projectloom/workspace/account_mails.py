"""Mails about an account itself: links by which people act, and word of what was done. Written, not sent, here."""

from sqlmodel import Session

from projectloom.accounts.doors import Closed
from projectloom.accounts.links import Purpose, make_link
from projectloom.accounts.models import User
from projectloom.accounts.users import NO_ADDRESS
from projectloom.config import settings
from projectloom.db import database_now
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail
from projectloom.routes import CONFIRM_EMAIL, FORGOT_PASSWORD, RESET_PASSWORD


def put_confirmation(session: Session, user: User) -> bool:
    """The link that confirms a person's address; whether one is sent.

    Not when it is confirmed already, when there is no way to send mails, or when several were sent within the hour.
    """
    if user.email_confirmed_at is not None:
        return False
    return _put_link(
        session,
        user,
        purpose=Purpose.CONFIRM,
        kind=MailKind.CONFIRM_EMAIL,
        subject="Confirm your e-mail",
        page=CONFIRM_EMAIL,
        before="Somebody, most likely you, made an account with this address. Open this link to confirm it is yours:",
        after="It opens for two days, where you are signed in or with the account's password. If it was not you, leave "
        "it: the address stays unconfirmed.",
    )


def put_reset(session: Session, user: User) -> bool:
    """The link by which a person chooses another password; whether one is sent."""
    return _put_link(
        session,
        user,
        purpose=Purpose.RESET,
        kind=MailKind.RESET_PASSWORD,
        subject="Choose another password",
        page=RESET_PASSWORD,
        before="Somebody, most likely you, asked to choose another password. Open this link to do it:",
        after="It opens once, within an hour. If it was not you, leave it: your password stays as it is.",
    )


def tell_password_changed(session: Session, user: User) -> None:
    """Tell a person that their password is another now: whoever did not do it hears of it."""
    _tell_changed(session, user, "The password of your account was changed, and your other sessions were signed out.")


def tell_password_reset(session: Session, user: User, closed: Closed) -> None:
    """Tell a person that their password was replaced by a link, and what ended with the old one."""
    words = "The password of your account was changed by a link in a mail. All sessions were signed out."
    if closed.access_keys:
        words += " All access keys were revoked."
    if closed.provider_keys:
        words += " Provider keys that were kept in it were deleted, as the address had not been confirmed before."
    _tell_changed(session, user, words)


def _tell_changed(session: Session, user: User, words: str) -> None:
    if not settings().sends_mails or user.email.endswith(NO_ADDRESS):
        return
    moment = database_now(session)
    put_mail(
        session,
        user_id=user.id,
        to=user.email,
        kind=MailKind.PASSWORD_CHANGED,
        subject="Your password was changed",
        body=_letter(
            words,
            "If it was not you, choose another one at once:",
            settings().public_url + FORGOT_PASSWORD,
        ),
        dedupe_key=f"password:{user.id}:{moment.isoformat()}",
    )


def _put_link(
    session: Session,
    user: User,
    *,
    purpose: Purpose,
    kind: MailKind,
    subject: str,
    page: str,
    before: str,
    after: str,
) -> bool:
    if not settings().sends_mails or user.email.endswith(NO_ADDRESS):
        return False
    moment = database_now(session)
    secret = make_link(session, user=user, purpose=purpose, moment=moment)
    if secret is None:
        return False
    return put_mail(
        session,
        user_id=user.id,
        to=user.email,
        kind=kind,
        subject=subject,
        body=_letter(before, f"{settings().public_url}{page}#{secret}", after),
        dedupe_key=f"{purpose}:{user.id}:{moment.isoformat()}",
    )


def _letter(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"
