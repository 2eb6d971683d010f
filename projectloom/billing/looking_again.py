"""Asking Stripe about one order that is open or was set aside, for the reconciler and for an operator."""

from projectloom.billing.auto_top_up import find_charge
from projectloom.billing.fulfillment import Fulfillment, fulfill_checkout
from projectloom.billing.models import Order
from projectloom.db import in_thread, reading, transaction
from projectloom.errors import NotFound
from projectloom.payments import CheckoutFacts, retrieve_session


async def look_again(order_id: str) -> Fulfillment:
    """Bring an order to where Stripe says it is, by its session, or by its charge where a saved card was charged.

    Raises:
        NotFound: there is no such order, or Stripe does not know its session.
        InvalidEvent: what Stripe says of it lacks what we need. PaymentUnavailable: Stripe did not answer.
    """
    session_id = await in_thread(_session_of, order_id)
    facts = await retrieve_session(session_id) if session_id else await find_charge(order_id)
    return Fulfillment.OPEN if facts is None else await in_thread(fulfill, facts)


def fulfill(facts: CheckoutFacts) -> Fulfillment:
    """Bring an order to where Stripe says it is, in a transaction of its own."""
    with transaction() as session:
        return fulfill_checkout(session, facts)


def _session_of(order_id: str) -> str | None:
    with reading() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise NotFound("There is no such order.")
        return order.session_id
