"""Promotional codes: the operator makes them, people redeem them, once each and no more people than was said.

A redemption is one transaction that locks the code's row, so that its uses and the credit it gave never part. Wrong
codes are counted for each person, so that nobody finds one by trying.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, select

from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.billing.models import PromotionalCode
from projectloom.db import database_now, insert_once, transaction
from projectloom.errors import CodeExpired, CodeUsedUp, InvalidAmount, InvalidInput, UnknownCode
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.credits import CODE_REASON, grant
from projectloom.ledger.models import CreditLot, EntryKind, JournalEntry
from projectloom.money import Nanos, format_usd, from_usd

# Letters and digits that are not mistaken for each other: no 0 and O, no 1, I and L, no U beside V.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

_CODE = re.compile(rf"[A-Za-z0-9-]{{{limits.MIN_CODE_CHARS},{limits.MAX_CODE_CHARS}}}")
_GROUPS = 3
_GROUP_CHARS = 4


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code gave a person."""

    amount_nanos: Nanos
    expires_at: datetime | None
    """When what is left of the credit expires."""
    already: bool
    """They had redeemed it before; nothing was added now."""


def make_code(
    dollars: int,
    *,
    code: str | None = None,
    uses: int = 1,
    credit_days: int | None = None,
    until: datetime | None = None,
) -> str:
    """Make a code that gives whole dollars to each of so many people; what was made, as a sentence.

    Without ``code`` one is made up. The credit lasts ``credit_days``; the code can be redeemed before ``until``.

    Raises:
        InvalidAmount: not between $1 and $10,000.
        InvalidInput: the code, the uses, the days or the moment cannot be, or there is such a code already.
    """
    if not 1 <= dollars <= limits.MAX_CODE_USD:
        raise InvalidAmount(f"A code gives between 1 and {limits.MAX_CODE_USD:,} whole dollars.")
    if not 1 <= uses <= limits.MAX_CODE_USES:
        raise InvalidInput(f"A code is for between 1 and {limits.MAX_CODE_USES:,} people.")
    if credit_days is not None and not 1 <= credit_days <= limits.MAX_CREDIT_DAYS:
        raise InvalidInput(f"Credit lasts between 1 and {limits.MAX_CREDIT_DAYS:,} days, or for ever.")
    chosen = _made_up() if code is None else _normalised(code)
    if chosen is None:
        raise InvalidInput(
            f"A code is {limits.MIN_CODE_CHARS} to {limits.MAX_CODE_CHARS} characters: letters A to Z, digits and '-'."
        )
    made = PromotionalCode(
        code=chosen, amount_nanos=from_usd(dollars), credit_days=credit_days, expires_at=until, max_uses=uses
    )
    with transaction() as session:
        if until is not None and until <= database_now(session):
            raise InvalidInput("That moment is over: nobody could redeem the code.")
        if not insert_once(session, PromotionalCode, made.model_dump(), key=["code"]):
            raise InvalidInput(f"There is already a code {chosen}, and what it gives cannot be changed.")
    return _described(made)


def redeem_code(user_id: str, code: str) -> Redeemed:
    """Give a person the credit of a code, once; a repetition says so and uses nothing up.

    Raises:
        UnknownCode: there is none such. CodeExpired, CodeUsedUp: it gives no more.
        TooManyRequests: the person tried too many codes that gave nothing.
    """
    # Counted before it is looked at, so that many at the same moment are not more than were allowed.
    _wrong.count(user_id)
    refused = False
    try:
        return _redeem(user_id, _normalised(_as_meant(code)))
    except (UnknownCode, CodeExpired, CodeUsedUp):
        refused = True
        raise
    finally:
        if not refused:
            _wrong.forgive(user_id)


def _redeem(user_id: str, code: str | None) -> Redeemed:
    if code is None:
        raise UnknownCode
    with transaction() as session:
        # The code's row before the person's account, as everybody who holds both takes them.
        row = session.get(PromotionalCode, code, with_for_update=True, populate_existing=True)
        if row is None:
            raise UnknownCode
        amount, reason = Nanos(row.amount_nanos), f"{CODE_REASON}{code}"
        before = _given(session, user_id=user_id, reason=reason)
        if before is not None:
            return Redeemed(amount, before.expires_at, already=True)
        moment = database_now(session)
        if row.expires_at is not None and row.expires_at <= moment:
            raise CodeExpired
        if row.uses >= row.max_uses:
            raise CodeUsedUp
        row.uses += 1
        session.flush()
        expires_at = None if row.credit_days is None else moment + timedelta(days=row.credit_days)
        grant(session, user_id=user_id, reason=reason, amount_nanos=amount, expires_at=expires_at)
        return Redeemed(amount, expires_at, already=False)


def _given(session: Session, *, user_id: str, reason: str) -> CreditLot | None:
    """The credit that the person was given for this reason, if they were."""
    query = (
        select(CreditLot)
        .join(JournalEntry)
        .where(
            CreditLot.account_id == credits_address(user_id),
            JournalEntry.kind == EntryKind.GRANT,
            JournalEntry.cause == reason,
        )
    )
    return session.exec(query).one_or_none()


def _normalised(code: str) -> str | None:
    """The code as it is compared; None when nothing like it can be one."""
    trimmed = code.strip()
    return trimmed.upper() if _CODE.fullmatch(trimmed) else None


def _as_meant(typed: str) -> str:
    """What was typed, with dashes where somebody wrote a code down with blanks."""
    return "-".join(typed.replace("-", " ").split()) if len(typed.split()) > 1 else typed


def _made_up() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(_GROUP_CHARS)) for _ in range(_GROUPS))
    return "-".join(("LOOM", *groups))


def _described(made: PromotionalCode) -> str:
    people = "one person" if made.max_uses == 1 else f"each of {made.max_uses:,} people"
    sentence = f"{made.code} gives {format_usd(made.amount_nanos)} to {people}"
    if made.expires_at is not None:
        # The last moment at which it works, so that the end of a day is said as that day.
        last = made.expires_at - timedelta(seconds=1)
        sentence += f" until {last.day} {last:%B %Y, %H:%M} UTC"
    if made.credit_days is None:
        return sentence + "."
    return f"{sentence}; the credit lasts {made.credit_days:,} day{'' if made.credit_days == 1 else 's'}."


_wrong = Attempts(
    most=limits.CODE_WRONG_TRIES,
    seconds=limits.CODE_WINDOW_SECONDS,
    refusal="Too many codes that do not work. Please try again in an hour.",
)
