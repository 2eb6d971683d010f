"""What a person set for auto top-up, and what it has done this month."""

from dataclasses import dataclass

from projectloom import limits
from projectloom.billing.auto_rules import charged_this_month, has_card
from projectloom.billing.models import AutoTopUp
from projectloom.billing.packs import custom_pack
from projectloom.clock import now
from projectloom.db import database_now, insert_once, reading, transaction
from projectloom.errors import InvalidInput, NoSavedCard
from projectloom.money import ZERO, Nanos, from_cents

_CENTS_PER_USD = 100

# What is proposed to somebody who has set nothing yet, in dollars.
DEFAULT_THRESHOLD_USD = 5
DEFAULT_AMOUNT_USD = 25
DEFAULT_CEILING_USD = 100


@dataclass(frozen=True, slots=True)
class AutoTopUpView:
    """A person's auto top-up. ``stopped`` is an :class:`~projectloom.billing.auto_rules.Stop` if it stopped itself."""

    enabled: bool
    threshold_usd: int
    amount_usd: int
    ceiling_usd: int
    charged_nanos: Nanos
    """What it charged this calendar month (UTC)."""
    stopped: str | None


def read_auto_top_up(user_id: str) -> AutoTopUpView:
    """A person's auto top-up; off, with proposed amounts, until they set it."""
    with reading() as session:
        rules = session.get(AutoTopUp, user_id)
        if rules is None:
            return AutoTopUpView(
                enabled=False,
                threshold_usd=DEFAULT_THRESHOLD_USD,
                amount_usd=DEFAULT_AMOUNT_USD,
                ceiling_usd=DEFAULT_CEILING_USD,
                charged_nanos=ZERO,
                stopped=None,
            )
        charged = charged_this_month(session, user_id=user_id, moment=database_now(session))
        return AutoTopUpView(
            enabled=rules.enabled,
            threshold_usd=rules.threshold_cents // _CENTS_PER_USD,
            amount_usd=rules.amount_usd,
            ceiling_usd=rules.monthly_ceiling_cents // _CENTS_PER_USD,
            charged_nanos=from_cents(charged),
            stopped=rules.stopped,
        )


def set_auto_top_up(
    user_id: str, *, enabled: object, threshold_usd: object, amount_usd: object, ceiling_usd: object
) -> AutoTopUpView:
    """Set a person's auto top-up, in whole dollars, as a client sent them. Switching it on takes effect at once.

    Raises:
        InvalidInput: not whole dollars, or out of bounds. InvalidAmount: not an amount that is sold.
        NoSavedCard: it was to be switched on without a card.
    """
    if not isinstance(enabled, bool):
        raise InvalidInput("enabled must be true or false.")
    pack = custom_pack(amount_usd)
    least, most = limits.MIN_AUTO_THRESHOLD_USD, limits.MAX_AUTO_THRESHOLD_USD
    threshold = _dollars(threshold_usd, least, most, "The balance to top up at must be")
    ceiling = _dollars(ceiling_usd, pack.amount_usd, limits.MAX_AUTO_CEILING_USD, "The most in a month must be")
    moment = now()
    row = AutoTopUp(
        user_id=user_id,
        threshold_cents=threshold * _CENTS_PER_USD,
        amount_usd=pack.amount_usd,
        monthly_ceiling_cents=ceiling * _CENTS_PER_USD,
        changed_at=moment,
    )
    with transaction() as session:
        if enabled and not has_card(session, user_id=user_id):
            raise NoSavedCard
        insert_once(session, AutoTopUp, row.model_dump(), key=["user_id"])
        kept = session.get_one(AutoTopUp, user_id, with_for_update=True, populate_existing=True)
        kept.enabled, kept.stopped, kept.changed_at = enabled, None, moment
        kept.threshold_cents, kept.amount_usd = row.threshold_cents, row.amount_usd
        kept.monthly_ceiling_cents = row.monthly_ceiling_cents
        # There may be room again this month. What was charged a moment ago is seen from its order.
        kept.next_try_at = None
        session.add(kept)
    return read_auto_top_up(user_id)


def _dollars(value: object, least: int, most: int, words: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise InvalidInput(f"{words} a whole number of dollars between ${least} and ${most:,}.")
