"""Refunds and disputes: the books follow Stripe, whatever order its reports come in.

A report raises the stage of its row; :func:`follow` then brings the books to that stage, once. A report that comes
before its payment waits for it. The bonus goes back in proportion to the money, rounded in the person's favour.
"""

from sqlmodel import Session, col, select

from projectloom.billing.auto_rules import Stop, stop
from projectloom.billing.models import Order, OrderStatus, Reversal
from projectloom.billing.notices import tell_frozen, tell_given_back, tell_taken_back
from projectloom.db import insert_once, lock_name, transaction
from projectloom.ledger.accounts import frozen_address, read_balances
from projectloom.ledger.journal import Posted
from projectloom.ledger.models import Posting
from projectloom.ledger.reversals import freeze, put_back, take_back
from projectloom.mails.alerts import alert
from projectloom.money import Nanos, format_usd, from_cents
from projectloom.payments import ReversalFacts, Stage


def record_reversal(facts: ReversalFacts) -> None:
    """Note a report in a transaction of its own and follow it."""
    with transaction() as session:
        note_reversal(session, facts)


def note_reversal(session: Session, facts: ReversalFacts) -> None:
    """Note a report and bring its order's books to where Stripe says they are."""
    row = Reversal(
        id=facts.id,
        kind=facts.kind,
        payment_intent_id=facts.payment_intent_id,
        amount_cents=facts.amount_cents,
        currency=facts.currency,
        reported=facts.stage,
    )
    lock_name(session, facts.payment_intent_id)
    # The order first: every path to the books of one purchase locks its order before anything else.
    order = session.exec(
        select(Order).where(Order.payment_intent_id == facts.payment_intent_id).with_for_update()
    ).one_or_none()
    insert_once(session, Reversal, row.model_dump(), key=["id"])
    known = session.get_one(Reversal, facts.id, with_for_update=True, populate_existing=True)
    known.reported = max(known.reported, facts.stage)
    known.decided = known.decided or facts.decided
    if known.applied < Stage.TAKEN:
        # What was asked about may become more, or less, until it is taken.
        known.amount_cents = facts.amount_cents
    session.add(known)
    session.flush()
    if order is not None:
        follow(session, order)


def follow(session: Session, order: Order) -> None:
    """Bring the books of a credited order to the stage of each of its refunds and disputes. The order is locked."""
    if order.completed_at is None or order.payment_intent_id is None:
        return
    query = select(Reversal).where(Reversal.payment_intent_id == order.payment_intent_id)
    rows = list(session.exec(query.order_by(col(Reversal.created_at), col(Reversal.id))).all())
    for row in rows:
        row.order_id = order.id
        if row.currency != order.currency:
            alert(
                session,
                key=f"reversal_currency:{row.id}",
                subject=f"A {row.kind} in another currency",
                words=f"The {row.kind} {row.id} of order {order.id} is in another currency. Nothing was taken back.",
            )
        elif row.applied < row.reported:
            _follow_one(session, order, row, rows)
        session.add(row)
    _name_status(order, rows)
    session.add(order)
    session.flush()


def _follow_one(session: Session, order: Order, row: Reversal, rows: list[Reversal]) -> None:
    before, row.applied = row.applied, row.reported
    released = None
    if before == Stage.OPEN:
        released = put_back(
            session,
            user_id=order.user_id,
            undone_key=f"freeze:{row.id}",
            idempotency_key=f"unfreeze:{row.id}",
            cause=row.id,
        )
    if row.reported in (Stage.OPEN, Stage.TAKEN):
        # Or the next minute it would buy again what was just taken back.
        stop(session, user_id=order.user_id, why=Stop.DISPUTED if row.kind == "dispute" else Stop.REFUNDED)
    if row.reported == Stage.OPEN:
        frozen = freeze(session, user_id=order.user_id, order_id=order.id, dispute_id=row.id)
        if frozen is not None:
            tell_frozen(session, order, row, credit_nanos=_out_of_reach(session, order, frozen))
    elif row.reported == Stage.TAKEN:
        # What the person's own request put out of reach is what this refund is about.
        release_refund(session, order)
        _take(session, order, row, _standing(rows, row))
        if row.paid_nanos + row.bonus_nanos:
            tell_taken_back(session, order, row)
    elif row.reported == Stage.UNDONE and before == Stage.TAKEN:
        if row.paid_nanos + row.bonus_nanos:
            tell_given_back(session, order, row, credit_nanos=row.paid_nanos + row.bonus_nanos)
        _undo(session, order, row, _standing(rows, row))
    elif row.reported == Stage.UNDONE and released is not None:
        tell_given_back(session, order, row, credit_nanos=_out_of_reach(session, order, released))


def _out_of_reach(session: Session, order: Order, posted: Posted) -> int:
    """How much credit an entry put out of reach, or took out of there."""
    query = select(Posting.amount_nanos).where(
        Posting.entry_id == posted.entry_id, Posting.account_id == frozen_address(order.user_id)
    )
    return abs(session.exec(query).one())


def _standing(rows: list[Reversal], row: Reversal) -> list[Reversal]:
    return [other for other in rows if other is not row and other.applied == Stage.TAKEN]


def _take(session: Session, order: Order, row: Reversal, standing: list[Reversal]) -> None:
    paid = order.received_cents
    if not paid:
        # Nothing was paid, so nothing can have gone back.
        return
    returned = min(row.amount_cents + sum(other.amount_cents for other in standing), paid)
    price, bonus = from_cents(order.charged_cents), from_cents(order.given_cents)
    # Whole shares of all that went back so far, less what was taken for the others: a full refund takes all, exactly.
    row.paid_nanos = max(price * returned // paid - sum(other.paid_nanos for other in standing), 0)
    row.bonus_nanos = max(bonus * returned // paid - sum(other.bonus_nanos for other in standing), 0)
    if row.paid_nanos + row.bonus_nanos == 0:
        return
    row.takes += 1
    owed = _owed(session, order)
    take_back(
        session,
        user_id=order.user_id,
        order_id=order.id,
        idempotency_key=f"reversal:{_take_id(row)}",
        cause=row.id,
        paid_nanos=row.paid_nanos,
        bonus_nanos=row.bonus_nanos,
    )
    if _owed(session, order) > owed:
        more = format_usd(Nanos(_owed(session, order) - owed))
        alert(
            session,
            key=f"debt:{_take_id(row)}",
            subject="Credit that is not there any more was taken back",
            words=(
                f"The {row.kind} {row.id} of order {order.id} took back {more} more than its buyer had left. They owe "
                "it, and cannot spend until it is paid."
            ),
        )


def _owed(session: Session, order: Order) -> int:
    found = read_balances(session, user_id=order.user_id)
    return 0 if found is None else found.debt_nanos


def _undo(session: Session, order: Order, row: Reversal, standing: list[Reversal]) -> None:
    """Put back what did not stand. The shares of the others were reckoned beside it, so they are taken anew."""
    for undone in (row, *standing):
        if undone.paid_nanos + undone.bonus_nanos:
            put_back(
                session,
                user_id=order.user_id,
                undone_key=f"reversal:{_take_id(undone)}",
                idempotency_key=f"reinstatement:{_take_id(undone)}",
                cause=undone.id,
            )
        undone.paid_nanos = undone.bonus_nanos = 0
    for number, other in enumerate(standing):
        _take(session, order, other, standing[:number])
        session.add(other)


def _take_id(row: Reversal) -> str:
    return row.id if row.takes == 1 else f"{row.id}:{row.takes}"


def _name_status(order: Order, rows: list[Reversal]) -> None:
    disputed = any(row.kind == "dispute" and row.applied in (Stage.OPEN, Stage.TAKEN) for row in rows)
    refunded = sum(row.amount_cents for row in rows if row.kind == "refund" and row.applied == Stage.TAKEN)
    if disputed:
        order.status = OrderStatus.DISPUTED
    elif not refunded:
        order.status = OrderStatus.COMPLETED
    elif refunded >= order.received_cents:
        order.status = OrderStatus.REFUNDED
    else:
        order.status = OrderStatus.REFUNDED_IN_PART


def refund_freeze(order: Order) -> str:
    """What the credit of a requested refund is frozen under: another request is another freeze."""
    if order.refund_requested_at is None:
        raise ValueError("no refund is requested")
    return f"refund:{order.id}:{order.refund_requested_at.isoformat()}"


def release_refund(session: Session, order: Order) -> None:
    """Let go of what a requested refund put out of reach, if one is open. The order is locked."""
    if order.refund_requested_at is None:
        return
    held_under = refund_freeze(order)
    order.refund_requested_at = None
    session.add(order)
    session.flush()
    put_back(
        session,
        user_id=order.user_id,
        undone_key=f"freeze:{held_under}",
        idempotency_key=f"unfreeze:{held_under}",
        cause=order.id,
    )


def has_open_dispute(session: Session, *, user_id: str) -> bool:
    """Whether a bank questions one of a person's payments now, which pauses their purchases.

    A bank takes the money as a rule at once, and decides later.
    """
    query = (
        select(Reversal.id)
        .join(Order, col(Order.id) == col(Reversal.order_id))
        .where(
            Order.user_id == user_id,
            Reversal.kind == "dispute",
            col(Reversal.applied).in_((int(Stage.OPEN), int(Stage.TAKEN))),
            col(Reversal.decided).is_(False),
        )
    )
    return session.exec(query.limit(1)).first() is not None
