"""Reconciling: what Stripe holds against what the books hold, in both directions.

Everything that Stripe lists goes through the same functions as its events, so a lost webhook heals by itself. What
cannot be healed is reported for a person to look at. Running it twice, or twice at once, changes nothing more.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import col, select

from projectloom import limits
from projectloom.billing.fulfillment import Fulfillment
from projectloom.billing.looking_again import fulfill, look_again
from projectloom.billing.models import Order, OrderSource, OrderStatus, Reversal
from projectloom.billing.refunds import finish_refund
from projectloom.billing.reversals import record_reversal
from projectloom.clock import now
from projectloom.db import in_thread, reading, transaction
from projectloom.errors import InvalidEvent, NotFound, PaymentUnavailable
from projectloom.mails.alerts import alert
from projectloom.payments import (
    CheckoutFacts,
    charges_since,
    retrieve_dispute,
    reversals_since,
    sessions_since,
)


@dataclass(slots=True)
class ReconcileReport:
    """What one run looked at, healed, and could not heal."""

    sessions: int = 0
    reversals: int = 0
    healed: list[str] = field(default_factory=list[str])
    """Orders that were paid and are credited only now."""
    strangers: set[str] = field(default_factory=set[str])
    """Orders that are paid at Stripe and that the books do not know."""
    problems: list[str] = field(default_factory=list[str])
    """What a person must look at, one sentence each."""

    def __str__(self) -> str:
        """For an operator's terminal."""
        lines = [f"{self.sessions} sessions and {self.reversals} refunds and disputes of Stripe's were compared."]
        lines += [f"healed    {order_id} was paid and is credited now" for order_id in self.healed]
        lines += [f"PROBLEM   {problem}" for problem in self.problems]
        return "\n".join([*lines, "Stripe and the books agree." if not self.problems else "Somebody must look."])


async def reconcile(since: datetime) -> ReconcileReport:
    """Compare everything since a moment, and every order that still waits whatever its age.

    Raises:
        PaymentUnavailable: Stripe is not set up, or did not answer. What was compared until then is healed.
    """
    report = ReconcileReport()
    listed = await _compare_payments(since, report)
    await _compare_reversals(since, report)
    report.problems += [
        f"order {order_id} is paid at Stripe, and the books do not know it: was an older backup restored?"
        for order_id in sorted(report.strangers)
    ]
    report.problems += await in_thread(_problems, since, listed)
    await in_thread(_alert, report.problems)
    return report


async def _compare_payments(since: datetime, report: ReconcileReport) -> set[str]:
    """Bring every payment to where Stripe says it is; the orders that Stripe listed."""
    listed: set[str] = set()
    async for facts in sessions_since(since):
        listed.add(facts.order_id)
        await _compare(facts, report)
    # Charges of saved cards have no session. Of the others, this finds nothing new.
    async for facts in charges_since(since):
        listed.add(facts.order_id)
        await _bring(facts, report)
    for order_id, session_id in await in_thread(_waiting, since):
        if order_id not in listed:
            await _ask_about(order_id, session_id, report)
    for order_id in await in_thread(_charges_waiting):
        if order_id not in listed and await look_again(order_id) == Fulfillment.CREDITED:
            # The payment of an auto top-up whose end nobody told, however old it is.
            report.healed.append(order_id)
    return listed


async def _compare_reversals(since: datetime, report: ReconcileReport) -> None:
    """Bring every refund and dispute to where Stripe says it is, and ask for those that were requested."""
    async for reversal in reversals_since(since):
        report.reversals += 1
        await in_thread(record_reversal, reversal)
    for dispute_id in await in_thread(_disputes_undecided, since):
        await _ask_about_dispute(dispute_id, report)
    for order_id in await in_thread(_refunds_due):
        await _ask_again(order_id, report)


async def _compare(facts: CheckoutFacts, report: ReconcileReport) -> None:
    report.sessions += 1
    await _bring(facts, report)


async def _bring(facts: CheckoutFacts, report: ReconcileReport) -> None:
    """Bring an order to where Stripe says it is."""
    outcome = await in_thread(fulfill, facts)
    if outcome == Fulfillment.CREDITED:
        report.healed.append(facts.order_id)
    elif outcome == Fulfillment.UNKNOWN and facts.paid:
        report.strangers.add(facts.order_id)


async def _ask_about(order_id: str, session_id: str, report: ReconcileReport) -> None:
    try:
        outcome = await look_again(order_id)
    except (NotFound, InvalidEvent):
        report.problems.append(f"order {order_id}: Stripe does not know its session {session_id}")
        return
    report.sessions += 1
    if outcome == Fulfillment.CREDITED:
        report.healed.append(order_id)


async def _ask_about_dispute(dispute_id: str, report: ReconcileReport) -> None:
    try:
        facts = await retrieve_dispute(dispute_id)
    except (NotFound, InvalidEvent):
        report.problems.append(f"dispute {dispute_id}: Stripe does not know it any more")
        return
    if facts is not None:
        report.reversals += 1
        await in_thread(record_reversal, facts)


async def _ask_again(order_id: str, report: ReconcileReport) -> None:
    try:
        await finish_refund(order_id)
    except PaymentUnavailable:
        report.problems.append(f"order {order_id}: its refund was requested and Stripe has not made it")


def _waiting(since: datetime) -> list[tuple[str, str]]:
    """Orders older than the window that nobody has closed; a bank may take days."""
    query = (
        select(Order.id, Order.session_id)
        .where(Order.status == OrderStatus.PENDING, col(Order.session_id).is_not(None), Order.created_at < since)
        .order_by(col(Order.id).desc())
        .limit(limits.RECONCILE_ORDERS)
    )
    with reading() as session:
        return [(order_id, session_id) for order_id, session_id in session.exec(query).all() if session_id]


def _charges_waiting() -> list[str]:
    query = select(Order.id).where(Order.source == OrderSource.AUTO, Order.status == OrderStatus.PENDING)
    with reading() as session:
        return list(session.exec(query.order_by(col(Order.id)).limit(limits.RECONCILE_ORDERS)).all())


def _disputes_undecided(since: datetime) -> list[str]:
    """Disputes older than the window that may still be decided: a bank takes its months."""
    query = (
        select(Reversal.id)
        .where(
            Reversal.kind == "dispute",
            col(Reversal.decided).is_(False),
            Reversal.created_at < since,
            Reversal.created_at > since - timedelta(days=limits.DISPUTE_DAYS),
        )
        .order_by(col(Reversal.created_at).desc())
        .limit(limits.RECONCILE_ORDERS)
    )
    with reading() as session:
        return list(session.exec(query).all())


def _refunds_due() -> list[str]:
    query = select(Order.id).where(col(Order.refund_requested_at).is_not(None)).limit(limits.RECONCILE_ORDERS)
    with reading() as session:
        return list(session.exec(query).all())


def _alert(problems: list[str]) -> None:
    with transaction() as session:
        for problem in problems:
            alert(
                session,
                key=f"reconcile:{now():%Y-%m-%d}:{problem}",
                subject="Stripe and the books differ",
                words=f"{problem[0].upper()}{problem[1:]}. This is said once a day until it is settled.",
            )


def _problems(since: datetime, listed: set[str]) -> list[str]:
    # A session that was opened just before the window may have been paid within it.
    sure = since + timedelta(seconds=limits.CHECKOUT_LIFETIME_SECONDS)
    with reading() as session:
        aside = session.exec(select(Order.id, Order.problem).where(Order.status == OrderStatus.SET_ASIDE)).all()
        credited = session.exec(
            select(Order.id).where(col(Order.completed_at).is_not(None), Order.created_at >= sure)
        ).all()
    problems = [f"order {order_id} is set aside: {problem}" for order_id, problem in aside]
    return problems + [
        f"order {order_id} is credited, but Stripe does not list its session"
        for order_id in credited
        if order_id not in listed
    ]
