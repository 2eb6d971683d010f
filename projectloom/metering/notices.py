"""What people are told about their spending: that little is left, at most once a day, and how far a cap is used."""

from sqlmodel import Session

from projectloom import limits, routes
from projectloom.accounts.users import email_of
from projectloom.clock import now
from projectloom.config import settings
from projectloom.ledger.accounts import posted_credit
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail
from projectloom.metering.caps import Cap, caps_of
from projectloom.metering.key_caps import key_caps_of
from projectloom.money import format_exact, format_usd

CAP_ALERT_PERCENTS = (50, 80, 100)


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
        subject=f"{format_exact(left)} of credit left",
        body=(
            f"Your balance is {format_exact(left)}. When it is used up, replies on credits stop until you add more.\n\n"
            f"Your credits: {settings().public_url}{routes.CREDITS}\n"
        ),
        dedupe_key=f"low_balance:{user_id}:{now():%Y-%m-%d}",
    )


def tell_caps(session: Session, *, user_id: str, conversation_id: str | None, charged_nanos: int) -> None:
    """After a charge that is recorded already, write a mail for each cap that it brought to 50, 80 or 100 per cent."""
    for cap in caps_of(session, user_id=user_id, conversation_id=conversation_id):
        _tell(
            session,
            cap,
            user_id=user_id,
            charged_nanos=charged_nanos,
            counted=f"{cap.scope}:{_window(cap) or conversation_id}",
        )


def tell_key_caps(session: Session, *, user_id: str, key_id: str, charged_nanos: int) -> None:
    """As :func:`tell_caps`, for the limits of the key that the reply came with."""
    for cap in key_caps_of(session, key_id):
        _tell(
            session, cap, user_id=user_id, charged_nanos=charged_nanos, counted=f"{key_id}:{cap.scope}:{_window(cap)}"
        )


def _window(cap: Cap) -> str | None:
    return cap.resets_at.isoformat() if cap.resets_at else None


def _tell(session: Session, cap: Cap, *, user_id: str, charged_nanos: int, counted: str) -> None:
    """``counted`` tells limits, and the windows of one, from each other: each is told of by itself."""
    before = cap.spent_nanos - charged_nanos
    passed = [p for p in CAP_ALERT_PERCENTS if before * 100 < cap.limit_nanos * p <= cap.spent_nanos * 100]
    to = email_of(session, user_id=user_id) if passed else None
    if to is None:
        return
    put_mail(
        session,
        user_id=user_id,
        to=to,
        kind=MailKind.CAP,
        subject=f"{passed[-1]} % of {cap.title} is used",
        body=(
            f"You set {cap.title} to {format_usd(cap.limit_nanos)}, and {format_usd(cap.spent_nanos)} is spent. "
            f"{cap.renewal}\n\n{cap.change}: {settings().public_url}{routes.SETTINGS}\n"
        ),
        dedupe_key=f"cap:{user_id}:{counted}:{cap.limit_nanos}:{passed[-1]}",
    )
