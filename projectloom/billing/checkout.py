"""Buying: the order first, then Stripe's page.

The order is committed before Stripe hears of it, and its id is the idempotency key, so whatever is paid can be found
again, even when Stripe's answer never reached us.
"""

import logging

from sqlmodel import Session

from projectloom.billing.cards import customer_of, forget_customer_if_gone
from projectloom.billing.models import Order, OrderStatus
from projectloom.billing.packs import Pack, custom_pack, find_pack
from projectloom.billing.reversals import has_open_dispute
from projectloom.config import settings
from projectloom.db import in_thread, transaction
from projectloom.errors import InvalidEvent, NotFound, PaymentUnavailable, PurchasesPaused
from projectloom.ids import new_id
from projectloom.payments import CheckoutTerms, create_session

_log = logging.getLogger(__name__)

# Stripe spells a key's mode into its beginning: sk_live_, rk_live_, sk_org_live_.
_KEY_PREFIX_CHARS = 16


async def create_checkout(user_id: str, email: str, amount: object, *, custom: bool = False) -> str:
    """Open a purchase of the pack that costs ``amount`` dollars, or of that amount; the address of Stripe's page.

    Raises:
        InvalidAmount: no pack costs that, or a custom amount is out of bounds. Nothing was written.
        PurchasesPaused: the bank questions one of the person's payments. Nothing was written.
        PaymentUnavailable: Stripe could not open the page. The order is kept as failed, nobody was charged.
    """
    pack = custom_pack(amount) if custom else find_pack(amount)
    if not settings().sells_credits:
        raise PaymentUnavailable("This server does not sell credits.")
    order_id = await in_thread(_place_order, user_id, pack)
    try:
        customer_id = await customer_of(user_id, email)
        facts = await create_session(_terms(order_id, user_id, customer_id, pack))
    except (PaymentUnavailable, NotFound, InvalidEvent) as error:
        if not isinstance(error, InvalidEvent):
            await in_thread(forget_customer_if_gone, user_id, error)
        _log.warning("checkout could not be opened", extra={"order_id": order_id, "kind": error.data.get("kind")})
        await in_thread(_mark_unopened, order_id)
        raise PaymentUnavailable from error
    await in_thread(_remember_session, order_id, facts.session_id)
    return facts.url or ""


def _place_order(user_id: str, pack: Pack) -> str:
    """Commit a pending order; its id. Raises PurchasesPaused while a payment of the person's is disputed."""
    order = Order(
        id=new_id("ord"),
        user_id=user_id,
        price_cents=pack.price_cents,
        bonus_cents=pack.bonus_cents,
        currency="usd",
        livemode=is_live(),
        discountable=settings().stripe_promotion_codes,
    )
    with transaction() as session:
        if has_open_dispute(session, user_id=user_id):
            raise PurchasesPaused
        session.add(order)
    return order.id


def is_live() -> bool:
    """Whether the configured Stripe key moves real money."""
    return "_live_" in settings().stripe()[0][:_KEY_PREFIX_CHARS]


def _terms(order_id: str, user_id: str, customer_id: str, pack: Pack) -> CheckoutTerms:
    site = settings().public_url
    return CheckoutTerms(
        order_id=order_id,
        user_id=user_id,
        customer_id=customer_id,
        price_cents=pack.price_cents,
        credit_text=pack.credit_text,
        product_name=f"ProjectLoom Credits (${pack.credit_text})",
        product_description=pack.bonus_words,
        success_url=f"{site}/?purchase=success",
        cancel_url=f"{site}/?purchase=cancelled",
        discountable=settings().stripe_promotion_codes,
        taxed=settings().stripe_tax,
        invoiced=settings().stripe_invoices,
    )


def _remember_session(order_id: str, session_id: str | None) -> None:
    with transaction() as session:
        order = _locked(session, order_id)
        # An event may have been quicker than Stripe's own answer.
        if order.session_id is None:
            order.session_id = session_id
            session.add(order)


def _mark_unopened(order_id: str) -> None:
    with transaction() as session:
        order = _locked(session, order_id)
        if order.status == OrderStatus.PENDING:
            order.status = OrderStatus.FAILED
            order.problem = "the payment page could not be opened"
            session.add(order)


def _locked(session: Session, order_id: str) -> Order:
    return session.get_one(Order, order_id, with_for_update=True)
