"""A person's customer at Stripe and the one card that they let us charge.

The card is entered on Stripe's page. That it was entered is told by a webhook or by the person coming back; which card
it is, Stripe is asked for afterwards, by whichever of the two comes first or by the job.
"""

import logging
from dataclasses import dataclass

from sqlmodel import Session, col, select

from projectloom import limits, routes
from projectloom.billing.auto_rules import Stop, stop, switch_off
from projectloom.billing.models import SavedCard
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import in_thread, insert_once, reading, transaction
from projectloom.errors import InvalidEvent, NoSavedCard, NotFound, PaymentUnavailable
from projectloom.payments import Card, CardSetup, create_customer, forget_card, open_card_page, read_card

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CardView:
    """A saved card as it may be shown."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


async def customer_of(user_id: str, email: str) -> str:
    """Stripe's id of the person's customer, made at first need.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer.
    """
    known = await in_thread(_customer, user_id)
    if known is not None:
        return known
    return await in_thread(_keep_customer, user_id, await create_customer(user_id, email))


async def open_card_setup(user_id: str, email: str) -> str:
    """Open Stripe's page for saving a card; its address.

    Raises:
        PaymentUnavailable: Stripe refused, failed or did not answer, or this server sells no credits.
    """
    if not settings().sells_credits:
        raise PaymentUnavailable("This server does not sell credits.")
    back = f"{settings().public_url}{routes.CREDITS}"
    customer_id = await customer_of(user_id, email)
    try:
        session_id, url = await open_card_page(
            user_id=user_id,
            customer_id=customer_id,
            success_url=f"{back}?card=saved",
            cancel_url=f"{back}?card=cancelled",
        )
    except (PaymentUnavailable, NotFound) as error:
        await in_thread(forget_customer_if_gone, user_id, error)
        raise PaymentUnavailable from error
    await in_thread(_remember_page, user_id, session_id)
    return url


async def collect_card(user_id: str) -> CardView | None:
    """Ask Stripe which card was entered on the person's last page, if that is not known yet; the card they have now.

    Raises:
        PaymentUnavailable: Stripe did not answer; the job asks again when a webhook said that there is a card.
    """
    session_id = await in_thread(_page_of, user_id)
    if session_id is not None:
        try:
            card = await read_card(session_id)
        except (NotFound, InvalidEvent):
            card = None
            await in_thread(_close_page, user_id, session_id)
        if card is not None:
            replaced = await in_thread(_keep_card, user_id, session_id, card)
            if replaced is not None:
                await _forget(replaced)
    return await in_thread(read_saved_card, user_id)


async def collect_due_cards() -> None:
    """Ask for every card of which a webhook said that it was entered."""
    for user_id in await in_thread(_cards_due):
        try:
            await collect_card(user_id)
        except PaymentUnavailable as error:
            _log.warning("a saved card could not be read yet", extra={"user_id": user_id, "code": error.code})


async def remove_card(user_id: str) -> None:
    """Forget the person's card here and at Stripe. Auto top-up is off with it.

    Raises:
        NoSavedCard: there is none.
    """
    await _forget(await in_thread(_drop_card, user_id))


def read_saved_card(user_id: str) -> CardView | None:
    """The person's saved card; None when there is none."""
    with reading() as session:
        row = session.get(SavedCard, user_id)
        if row is None or row.payment_method_id is None:
            return None
        return CardView(row.brand or "", row.last4 or "", row.exp_month or 0, row.exp_year or 0)


def note_card_setup(session: Session, facts: CardSetup) -> None:
    """A webhook told that a card was entered. Nothing is believed but that Stripe should be asked."""
    row = session.get(SavedCard, facts.user_id, with_for_update=True)
    if row is None or row.customer_id != facts.customer_id or row.session_id is None or not facts.complete:
        return
    # Of two pages that were opened, the one on which a card was entered counts.
    row.session_id, row.setup_due = facts.session_id, True
    session.add(row)


def forget_customer_if_gone(user_id: str, error: PaymentUnavailable | NotFound) -> None:
    """Where the operator deleted the customer at Stripe, the next attempt makes a new one."""
    if not isinstance(error, NotFound) and error.data.get("code") != "resource_missing":
        return
    with transaction() as session:
        row = session.get(SavedCard, user_id, with_for_update=True)
        if row is not None:
            stop(session, user_id=user_id, why=Stop.CARD_GONE)
            session.delete(row)


async def _forget(payment_method_id: str) -> None:
    try:
        await forget_card(payment_method_id)
    except (PaymentUnavailable, NotFound) as error:
        # Nothing of ours charges it any more.
        _log.warning("a card is still kept at Stripe", extra={"code": error.code})


def _customer(user_id: str) -> str | None:
    with reading() as session:
        return session.exec(select(SavedCard.customer_id).where(SavedCard.user_id == user_id)).one_or_none()


def _keep_customer(user_id: str, customer_id: str) -> str:
    with transaction() as session:
        row = SavedCard(user_id=user_id, customer_id=customer_id)
        insert_once(session, SavedCard, row.model_dump(), key=["user_id"])
        return session.exec(select(SavedCard.customer_id).where(SavedCard.user_id == user_id)).one()


def _remember_page(user_id: str, session_id: str) -> None:
    with transaction() as session:
        row = session.get_one(SavedCard, user_id, with_for_update=True)
        row.session_id, row.setup_due = session_id, False
        session.add(row)


def _page_of(user_id: str) -> str | None:
    with reading() as session:
        return session.exec(select(SavedCard.session_id).where(SavedCard.user_id == user_id)).one_or_none()


def _cards_due() -> list[str]:
    query = select(SavedCard.user_id).where(col(SavedCard.setup_due).is_(True)).limit(limits.AUTO_BATCH)
    with reading() as session:
        return list(session.exec(query).all())


def _keep_card(user_id: str, session_id: str, card: Card) -> str | None:
    """Keep the card; Stripe's id of the one that it takes the place of."""
    with transaction() as session:
        row = session.get_one(SavedCard, user_id, with_for_update=True)
        if row.session_id != session_id:
            # Somebody else was quicker, or another page was opened since.
            return None
        before, row.payment_method_id = row.payment_method_id, card.payment_method_id
        row.brand, row.last4 = card.brand, card.last4
        row.exp_month, row.exp_year = card.exp_month, card.exp_year
        row.session_id, row.setup_due, row.saved_at = None, False, now()
        session.add(row)
        return before if before != card.payment_method_id else None


def _close_page(user_id: str, session_id: str) -> None:
    with transaction() as session:
        row = session.get_one(SavedCard, user_id, with_for_update=True)
        if row.session_id == session_id:
            row.session_id, row.setup_due = None, False
            session.add(row)


def _drop_card(user_id: str) -> str:
    with transaction() as session:
        row = session.get(SavedCard, user_id, with_for_update=True)
        if row is None or row.payment_method_id is None:
            raise NoSavedCard
        dropped = row.payment_method_id
        row.payment_method_id = row.brand = row.last4 = row.exp_month = row.exp_year = row.saved_at = None
        row.session_id, row.setup_due = None, False
        session.add(row)
        switch_off(session, user_id=user_id)
        return dropped
