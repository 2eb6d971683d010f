"""Auto top-up: charging the saved card when the balance runs low.

The order is committed before Stripe is asked, and its id is the idempotency key. Stripe's answer credits nothing: only
the webhook or the reconciler does, as for every purchase. A charge whose answer was lost is looked for at Stripe before
it is asked for again, so that whatever dies in between, a card is charged once for an order.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, cast
from sqlmodel import Session, col, or_, select

from projectloom import limits
from projectloom.accounts.models import Preference
from projectloom.billing.auto_rules import Stop, charged_lately, close_charge, has_card, may_charge, refuse_charge, stop
from projectloom.billing.checkout import is_live
from projectloom.billing.models import AutoTopUp, Order, OrderSource, OrderStatus, SavedCard
from projectloom.billing.packs import plain_dollars, priced
from projectloom.billing.reversals import has_open_dispute
from projectloom.clock import start_of_month
from projectloom.config import settings
from projectloom.db import database_now, in_thread, reading, transaction
from projectloom.errors import CardRefused, InvalidEvent, NotFound, PaymentUnavailable
from projectloom.ids import new_id
from projectloom.ledger.accounts import read_balances
from projectloom.ledger.models import AccountKind, LedgerAccount
from projectloom.money import NANOS_PER_CENT, from_cents
from projectloom.payments import ChargeTerms, CheckoutFacts, charge_card, charges_since

_log = logging.getLogger(__name__)

_CREDITS_MODE = "credits"
_MISSING = "resource_missing"


async def run_auto_top_ups() -> None:
    """Charge for everybody whose balance is low and who wants it, and ask again about charges whose end is unknown."""
    if not settings().sells_credits:
        return
    gate = asyncio.Semaphore(limits.AUTO_AT_ONCE)

    async def one(work: str, *, known: bool) -> None:
        async with gate:
            order_id = work if known else await in_thread(place_auto_order, work)
            if order_id is not None:
                await finish_auto_order(order_id, first=not known)

    open_orders, low = await in_thread(_unfinished), await in_thread(_low_balances)
    jobs = [one(order_id, known=True) for order_id in open_orders] + [one(user_id, known=False) for user_id in low]
    for outcome in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(outcome, BaseException):
            _log.error("auto top-up failed and will be looked at again", exc_info=outcome)


def place_auto_order(user_id: str) -> str | None:
    """Commit a pending order for a person whose balance is low; its id, or None when nothing is to be charged now."""
    with transaction() as session:
        rules = session.get(AutoTopUp, user_id, with_for_update=True)
        moment = database_now(session)
        if rules is None or not rules.enabled or (rules.next_try_at and rules.next_try_at > moment):
            return None
        if not _is_low(session, rules):
            return None
        if _must_wait(session, user_id=user_id, moment=moment):
            rules.next_try_at = moment + timedelta(seconds=limits.AUTO_RETRY_SECONDS)
            session.add(rules)
            return None
        if not has_card(session, user_id=user_id):
            stop(session, user_id=user_id, why=Stop.CARD_GONE)
            return None
        if not may_charge(session, rules, moment=moment):
            return None
        pack = priced(rules.amount_usd)
        order = Order(
            id=new_id("ord"),
            user_id=user_id,
            price_cents=pack.price_cents,
            bonus_cents=pack.bonus_cents,
            currency="usd",
            livemode=is_live(),
            source=OrderSource.AUTO,
            customer_id=session.get_one(SavedCard, user_id).customer_id,
            created_at=moment,
        )
        session.add(order)
        return order.id


async def finish_auto_order(order_id: str, *, first: bool = False) -> None:
    """Charge for a pending order, or find out what became of its charge. Credits nothing by itself."""
    try:
        facts = None if first else await find_charge(order_id)
        if facts is None:
            terms = await in_thread(_terms, order_id, first=first)
            facts = await charge_card(terms) if terms else None
    except CardRefused as error:
        await in_thread(_refused, order_id, str(error.data["reason"]))
    except (PaymentUnavailable, NotFound) as error:
        if isinstance(error, NotFound) or error.data.get("code") == _MISSING:
            await in_thread(_gone, order_id)
        else:
            _log.warning("auto top-up waits for Stripe", extra={"order_id": order_id, "kind": error.data.get("kind")})
    except InvalidEvent:
        _log.warning("auto top-up got an answer that is no payment", extra={"order_id": order_id})
    else:
        if facts is not None:
            await in_thread(_note, order_id, facts)


async def find_charge(order_id: str) -> CheckoutFacts | None:
    """The payment of an order among those of its customer; None when Stripe never took one.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    placed = await in_thread(_placed, order_id)
    if placed is None:
        return None
    customer_id, placed_at = placed
    async for facts in charges_since(placed_at - _SKEW, customer_id=customer_id):
        if facts.order_id == order_id:
            return facts
    return None


# Stripe's clock is not ours.
_SKEW = timedelta(minutes=10)


def _placed(order_id: str) -> tuple[str, datetime] | None:
    with reading() as session:
        order = session.get_one(Order, order_id)
        return (order.customer_id, order.created_at) if order.customer_id else None


def _terms(order_id: str, *, first: bool) -> ChargeTerms | None:
    """What is to be charged now; None, and the order is closed, when it is not wanted any more.

    Much may have happened since a charge was begun whose answer was lost: it may be switched off, the card gone, the
    balance full, the bank asking, the month over.
    """
    with transaction() as session:
        order = _locked(session, order_id)
        if order is None:
            return None
        card = session.get(SavedCard, order.user_id)
        if not first and not _still_wanted(session, order, card):
            close_charge(session, order, problem="Stripe never took the charge, and it is not wanted any more")
            return None
        if card is None or card.payment_method_id is None:
            close_charge(session, order, problem="there is no card to charge")
            return None
        return ChargeTerms(
            order_id=order.id,
            user_id=order.user_id,
            customer_id=card.customer_id,
            payment_method_id=card.payment_method_id,
            price_cents=order.price_cents,
            credit_text=plain_dollars(order.price_cents + order.bonus_cents),
            description=f"ProjectLoom Credits (${plain_dollars(order.price_cents + order.bonus_cents)}), auto top-up",
        )


def _still_wanted(session: Session, order: Order, card: SavedCard | None) -> bool:
    rules = session.get(AutoTopUp, order.user_id, with_for_update=True)
    moment = database_now(session)
    if rules is None or not rules.enabled or card is None:
        return False
    # Another card would be charged under the same key, which Stripe refuses; and after a day it has forgotten the key.
    replaced = card.saved_at is not None and card.saved_at > order.created_at
    too_old = moment - order.created_at > timedelta(seconds=limits.AUTO_GIVE_UP_SECONDS)
    if replaced or too_old or order.created_at < start_of_month(moment):
        return False
    rules.next_try_at = moment + timedelta(seconds=limits.AUTO_RETRY_SECONDS)
    session.add(rules)
    return _is_low(session, rules) and not _is_hindered(session, user_id=order.user_id)


def _is_low(session: Session, rules: AutoTopUp) -> bool:
    preference = session.get(Preference, rules.user_id)
    balances = read_balances(session, user_id=rules.user_id)
    if preference is None or preference.api_key_mode != _CREDITS_MODE or balances is None:
        return False
    return balances.available_nanos < from_cents(rules.threshold_cents)


def _must_wait(session: Session, *, user_id: str, moment: datetime) -> bool:
    return _is_hindered(session, user_id=user_id) or charged_lately(session, user_id=user_id, moment=moment)


def _is_hindered(session: Session, *, user_id: str) -> bool:
    # A debt is for the person to settle, and a disputed payment for their bank.
    balances = read_balances(session, user_id=user_id)
    return (balances is not None and balances.debt_nanos > 0) or has_open_dispute(session, user_id=user_id)


def _low_balances() -> list[str]:
    """Who may need a top-up; each is looked at again under their own lock."""
    with reading() as session:
        moment = database_now(session)
        query = (
            select(AutoTopUp.user_id)
            .join(LedgerAccount, col(LedgerAccount.user_id) == col(AutoTopUp.user_id))
            .join(Preference, col(Preference.user_id) == col(AutoTopUp.user_id))
            .where(
                col(AutoTopUp.enabled).is_(True),
                or_(col(AutoTopUp.next_try_at).is_(None), col(AutoTopUp.next_try_at) <= moment),
                Preference.api_key_mode == _CREDITS_MODE,
                LedgerAccount.kind == AccountKind.CREDITS,
                LedgerAccount.posted_nanos - LedgerAccount.held_nanos
                < cast(col(AutoTopUp.threshold_cents), BigInteger) * NANOS_PER_CENT,
            )
            .limit(limits.AUTO_BATCH)
        )
        return list(session.exec(query).all())


def _unfinished() -> list[str]:
    """Charges whose end is not known, some time after they were begun or last asked about."""
    with reading() as session:
        moment = database_now(session)
        query = (
            select(Order.id)
            .join(AutoTopUp, col(AutoTopUp.user_id) == col(Order.user_id), isouter=True)
            .where(
                Order.source == OrderSource.AUTO,
                Order.status == OrderStatus.PENDING,
                col(Order.payment_intent_id).is_(None),
                Order.created_at < moment - timedelta(seconds=limits.AUTO_RETRY_SECONDS),
                or_(col(AutoTopUp.next_try_at).is_(None), col(AutoTopUp.next_try_at) <= moment),
            )
        )
        return list(session.exec(query.order_by(col(Order.id)).limit(limits.AUTO_BATCH)).all())


def _locked(session: Session, order_id: str) -> Order | None:
    order = session.get_one(Order, order_id, with_for_update=True)
    return order if order.status == OrderStatus.PENDING else None


def _refused(order_id: str, reason: str | None) -> None:
    with transaction() as session:
        if order := _locked(session, order_id):
            refuse_charge(session, order, reason)


def _gone(order_id: str) -> None:
    with transaction() as session:
        if order := _locked(session, order_id):
            close_charge(session, order, problem="Stripe does not know the customer or the card")
            stop(session, user_id=order.user_id, why=Stop.CARD_GONE)


def _note(order_id: str, facts: CheckoutFacts) -> None:
    """Remember which payment it is, or that it was refused. That it was paid, others say."""
    with transaction() as session:
        if (order := _locked(session, order_id)) is None:
            return
        if facts.failed:
            refuse_charge(session, order, facts.refusal)
            return
        order.payment_intent_id = order.payment_intent_id or facts.payment_intent_id
        session.add(order)
