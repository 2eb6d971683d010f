"""What people are told about their spending: that little is left, at most once a day."""

from sqlmodel import Session

from projectloom import limits, routes
from projectloom.accounts.users import email_of
from projectloom.clock import now
from projectloom.config import settings
from projectloom.ledger.accounts import posted_credit
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail
from projectloom.money import format_usd


def tell_low_balance(session: Session, *, user_id: str, charged_nanos: int) -> None:
    """Write a mail if this charge, which is booked already, brought the balance under the named amount.

    Costs one read of one row where it did not.
    """
    left = posted_credit(session, user_id=user_id)
    if not left < limits.LOW_BALANCE_NANOS <= left + charged_nanos:
        return
    to = email_of(session, user_id=user_id)
    if to is None:
        return
    put_mail(
        session,
        user_id=user_id,
        to=to,
        kind=MailKind.LOW_BALANCE,
        subject=f"{format_usd(left)} of credit left",
        body=(
            f"Your balance is {format_usd(left)}. When it is used up, replies on credits stop until you add more.\n\n"
            f"Your credits: {settings().public_url}{routes.CREDITS}\n"
        ),
        dedupe_key=f"low_balance:{user_id}:{now():%Y-%m-%d}",
    )
