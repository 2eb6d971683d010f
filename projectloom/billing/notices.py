"""What people are told about their purchases and their given credit: the wording, and what makes it one mail.

Each is written in the transaction of the money it tells of. Somebody without an address is told nothing.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from projectloom import limits, routes
from projectloom.accounts.users import email_of
from projectloom.billing.models import Order, OrderSource, Reversal
from projectloom.config import settings
from projectloom.db import database_now, reading, transaction
from projectloom.ledger.accounts import read_balances
from projectloom.ledger.credits import ExpiringLot, expiring_lots
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail, written_keys
from projectloom.money import format_usd, from_cents

_BATCH = 500


def tell_purchase(session: Session, order: Order) -> None:
    """A paid order's credit has arrived."""
    paid = format_usd(from_cents(order.received_cents))
    credit = format_usd(from_cents(order.price_cents + order.bonus_cents))
    given = format_usd(from_cents(order.given_cents))
    kind = "your discount and bonus" if order.discount_cents else "a bonus"
    bonus = f", {given} of it {kind}" if order.given_cents else ""
    auto = order.source == OrderSource.AUTO
    thanks = "Auto top-up charged your saved card" if auto else "Thank you. You paid"
    _tell(
        session,
        user_id=order.user_id,
        kind=MailKind.PURCHASE,
        subject=f"{'Auto top-up' if auto else 'Your purchase'}: {credit} of credit",
        words=(
            f"{thanks} {paid}, and {credit} of credit was added{bonus}.",
            f"Your purchase is {order.id}.",
        ),
        dedupe_key=f"purchase:{order.id}",
    )


def tell_not_paid(session: Session, order: Order) -> None:
    """The bank that a person was waiting for refused their payment."""
    price = format_usd(from_cents(order.price_cents))
    _tell(
        session,
        user_id=order.user_id,
        kind=MailKind.NOT_PAID,
        subject=f"Your payment of {price} was not accepted",
        words=(
            f"Your bank did not accept the payment of {price} for your purchase {order.id}.",
            "You have not been charged, and no credit was added. You can try again, or pay in another way.",
        ),
        dedupe_key=f"not_paid:{order.id}",
    )


def tell_taken_back(session: Session, order: Order, row: Reversal) -> None:
    """A refund or dispute took its credit back; what was spent already is owed."""
    credit, money = format_usd(row.paid_nanos + row.bonus_nanos), format_usd(from_cents(row.amount_cents))
    why = (
        f"We refunded {money} of your purchase {order.id}"
        if row.kind == "refund"
        else f"Your bank took back {money} of your purchase {order.id}"
    )
    words = [f"{why}. With it, {credit} of credit went back."]
    balances = read_balances(session, user_id=order.user_id)
    if balances is not None and balances.debt_nanos:
        words.append(f"Some of it was spent before: you owe {format_usd(balances.debt_nanos)}. New credit pays it off.")
    _tell(
        session,
        user_id=order.user_id,
        kind=MailKind.TAKEN_BACK,
        subject=f"Your {row.kind} of {money}",
        words=words,
        dedupe_key=f"taken_back:{row.id}",
    )


def tell_frozen(session: Session, order: Order, row: Reversal, *, credit_nanos: int) -> None:
    """A dispute put credit out of reach."""
    credit, money = format_usd(credit_nanos), format_usd(from_cents(row.amount_cents))
    _tell(
        session,
        user_id=order.user_id,
        kind=MailKind.FROZEN,
        subject=f"{credit} of credit is set aside",
        words=(
            f"Your bank questions {money} of your purchase {order.id}.",
            f"Until it has decided, the {credit} of credit that is left of it is set aside, and you cannot buy more.",
            "If you did not ask your bank for this, please tell it so. When it agrees, the credit is yours again.",
        ),
        dedupe_key=f"frozen:{row.id}",
    )


def tell_given_back(session: Session, order: Order, row: Reversal, *, credit_nanos: int) -> None:
    """A refund or dispute did not stand, and what it had taken or set aside came back."""
    credit, money = format_usd(credit_nanos), format_usd(from_cents(row.amount_cents))
    why = (
        f"The refund of {money} did not go through"
        if row.kind == "refund"
        else f"The dispute of {money} has ended and the payment stands"
    )
    _tell(
        session,
        user_id=order.user_id,
        kind=MailKind.GIVEN_BACK,
        subject=f"{credit} of credit is yours again",
        words=(f"{why}. The {credit} of credit from your purchase {order.id} came back.",),
        dedupe_key=f"given_back:{row.id}",
    )


_STOPS = {
    "declined": "Your bank declined the charge to your saved card. You have not been charged.",
    "authentication": "Your bank asks you to confirm before your card can be charged. You have not been charged.",
    "card_gone": "Your saved card can no longer be charged. You have not been charged.",
    "disputed": "Your bank has questioned one of your payments.",
    "refunded": "One of your purchases was refunded.",
}


def tell_auto_stopped(session: Session, *, user_id: str, why: str, moment: datetime) -> None:
    """Auto top-up switched itself off."""
    _tell(
        session,
        user_id=user_id,
        kind=MailKind.AUTO_TOP_UP,
        subject="Auto top-up is off",
        words=(_STOPS[why], "Auto top-up is off until you switch it on again. You can buy credit yourself as before."),
        dedupe_key=f"auto_stopped:{user_id}:{moment.isoformat()}",
    )


def tell_auto_ceiling(session: Session, *, user_id: str, ceiling_cents: int, moment: datetime) -> None:
    """Auto top-up has come to its ceiling; said once a month."""
    ceiling = format_usd(from_cents(ceiling_cents))
    _tell(
        session,
        user_id=user_id,
        kind=MailKind.AUTO_TOP_UP,
        subject=f"Auto top-up has reached {ceiling} this month",
        words=(
            f"Your balance is low, and another auto top-up would go over the {ceiling} a month that you allowed.",
            "Auto top-up rests until next month. You can raise the limit, or buy credit yourself.",
        ),
        dedupe_key=f"auto_ceiling:{user_id}:{moment:%Y-%m}:{ceiling_cents}",
    )


def announce_expiry() -> int:
    """Tell people whose given credit expires within the named days, once for each lot; how many were told."""
    with reading() as session:
        moment = database_now(session)
        before = moment + timedelta(days=limits.EXPIRY_NOTICE_DAYS)
        coming = expiring_lots(session, after=moment, before=before)
    told = 0
    for start in range(0, len(coming), _BATCH):
        batch = coming[start : start + _BATCH]
        with reading() as session:
            known = written_keys(session, dedupe_keys=[_expiry_key(lot) for lot in batch])
        fresh = [lot for lot in batch if _expiry_key(lot) not in known]
        if fresh:
            with transaction() as session:
                told += sum(_tell_expiry(session, lot) for lot in fresh)
    return told


def _tell_expiry(session: Session, lot: ExpiringLot) -> bool:
    credit, day = format_usd(lot.remaining_nanos), _day(lot.expires_at)
    return _tell(
        session,
        user_id=lot.user_id,
        kind=MailKind.EXPIRY,
        subject=f"{credit} of credit expires on {day}",
        words=(f"{credit} of credit that was given to you expires on {day}. It is spent before what you bought.",),
        dedupe_key=_expiry_key(lot),
    )


def _expiry_key(lot: ExpiringLot) -> str:
    return f"expiry:{lot.id}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _tell(
    session: Session,
    *,
    user_id: str,
    kind: MailKind,
    subject: str,
    words: tuple[str, ...] | list[str],
    dedupe_key: str,
) -> bool:
    to = email_of(session, user_id=user_id)
    if to is None:
        return False
    body = "\n\n".join((*words, f"Your credits: {settings().public_url}{routes.CREDITS}")) + "\n"
    return put_mail(session, user_id=user_id, to=to, kind=kind, subject=subject, body=body, dedupe_key=dedupe_key)
