"""What people are told about their spending: that little is left, at most once a day, and how far a cap is used."""

from typing import Any

from sqlmodel import Session

from projectloom import limits, routes
from projectloom.accounts.users import email_of
from projectloom.clock import now
from projectloom.config import settings
from projectloom.ledger.accounts import posted_credit
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail
from projectloom.metering.caps import WORDS, CapView, caps_of
from projectloom.money import format_usd

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
        subject=f"{format_usd(left)} of credit left",
        body=(
            f"Your balance is {format_usd(left)}. When it is used up, replies on credits stop until you add more.\n\n"
            f"Your credits: {settings().public_url}{routes.CREDITS}\n"
        ),
        dedupe_key=f"low_balance:{user_id}:{now():%Y-%m-%d}",
    )


def tell_caps(session: Session, *, user_id: str, conversation_id: str | None, charged_nanos: int) -> None:
    """After a charge that is recorded already, write a mail for each cap that it brought to 50, 80 or 100 per cent."""
    for cap in caps_of(session, user_id=user_id, conversation_id=conversation_id):
        before = cap.spent_nanos - charged_nanos
        passed = [p for p in CAP_ALERT_PERCENTS if before * 100 < cap.limit_nanos * p <= cap.spent_nanos * 100]
        to = email_of(session, user_id=user_id) if passed else None
        if to is not None:
            put_mail(session, user_id=user_id, to=to, **_cap_mail(user_id, cap, passed[-1], conversation_id))


def _cap_mail(user_id: str, cap: CapView, percent: int, conversation_id: str | None) -> dict[str, Any]:
    name, limit = WORDS[cap.scope], format_usd(cap.limit_nanos)
    window = conversation_id if cap.resets_at is None else cap.resets_at.isoformat()
    body = (
        f"You set a {name} cap of {limit}, and {format_usd(cap.spent_nanos)} is spent. {cap.renewal}",
        f"You can change your caps in the settings: {settings().public_url}{routes.SETTINGS}\n",
    )
    return {
        "kind": MailKind.CAP,
        "subject": f"{percent} % of your {name} cap is used",
        "body": "\n\n".join(body),
        "dedupe_key": f"cap:{user_id}:{cap.scope}:{window}:{cap.limit_nanos}:{percent}",
    }
