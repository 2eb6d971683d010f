"""What Stripe holds and what the books hold are compared, in both directions; what is lost heals, the rest is said."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from projectloom.billing.expiry import expire_credit
from projectloom.billing.grants import give
from projectloom.billing.leases import take_lease
from projectloom.billing.models import JobLease
from projectloom.billing.reconcile import ReconcileReport, reconcile
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import IdempotencyConflict, InvalidAmount, NotFound, PaymentUnavailable
from projectloom.ledger.credits import grant
from projectloom.ledger.models import CreditLot
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought
from tests.stripe_double import session_of

PAID = {"payment_status": "paid", "status": "complete", "payment_intent": "pi_1"}


def run(hours: float = 24) -> ReconcileReport:
    return asyncio.run(reconcile(now() - timedelta(hours=hours)))


def test_a_payment_whose_webhook_was_lost_is_healed_once(shop: Shop):
    order_id = shop.order(25)
    shop.stripe.sessions[f"cs_{order_id}"] |= PAID
    first, second = run(), run()
    assert (first.healed, second.healed) == ([order_id], [])
    assert (shop.balance, first.problems, second.problems) == ("27.00", [], [])


def test_a_refund_whose_webhook_was_lost_is_healed(shop: Shop):
    order_id = bought(shop)
    shop.stripe.sessions[f"cs_{order_id}"] |= PAID | {"payment_intent": f"pi_{order_id}"}
    shop.stripe.refunds["dashboard"] = {
        "id": "re_9",
        "object": "refund",
        "amount": 2_500,
        "currency": "usd",
        "payment_intent": f"pi_{order_id}",
        "status": "succeeded",
    }
    assert run().reversals == 1
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "refunded")


def test_an_order_older_than_the_window_is_asked_about_by_itself(shop: Shop):
    order_id = shop.order(25)
    shop.stripe.sessions[f"cs_{order_id}"] |= PAID
    # Stripe lists nothing for a window that begins after the order.
    shop.stripe.answers = [(200, b'{"object": "list", "data": [], "has_more": false, "url": "/v1/checkout/sessions"}')]
    report = asyncio.run(reconcile(now() + timedelta(hours=1)))
    assert any(f"/cs_{order_id}" in asked.path for asked in shop.stripe.asked if asked.method == "GET")
    assert (report.healed, shop.balance) == ([order_id], "27.00")


def test_what_differs_is_set_aside_and_reported_each_time(shop: Shop):
    order_id = shop.order(25)
    shop.stripe.sessions[f"cs_{order_id}"] |= PAID | {"currency": "eur"}
    for report in (run(), run()):
        assert [order_id in problem for problem in report.problems] == [True]
    assert shop.balance == "0.00"


def test_credit_that_stripe_knows_nothing_of_is_reported(shop: Shop):
    order_id = bought(shop)
    shop.stripe.sessions.clear()
    assert run(hours=24).problems == [f"order {order_id} is credited, but Stripe does not list its session"]


def test_a_payment_of_an_order_that_the_books_lost_is_reported_once_and_credited_to_nobody(shop: Shop):
    # As after the restore of an older backup.
    order_id = "ord_that_was_lost"
    shop.stripe.sessions["cs_lost"] = session_of(order_id, id="cs_lost", **PAID)
    report = run()
    assert [problem for problem in report.problems if order_id in problem] == [
        f"order {order_id} is paid at Stripe, and the books do not know it: was an older backup restored?"
    ]
    assert report.healed == []


def test_sessions_of_other_products_are_left_alone(shop: Shop):
    shop.stripe.sessions["cs_other"] = {"id": "cs_other", "object": "checkout.session", "metadata": {}}
    assert (run().sessions, run().problems) == (0, [])


def test_stripe_being_away_is_said_and_harms_nothing(shop: Shop):
    shop.order(25)
    shop.stripe.answers = [None, None, None]
    with pytest.raises(PaymentUnavailable):
        run()


def test_a_lease_is_one_process_s_until_it_runs_out(books):
    assert [take_lease("job", 60) for _ in range(3)] == [True, False, False]
    assert take_lease("another job", 60)
    with transaction() as session:
        past = now() - timedelta(seconds=1)
        session.connection().execute(update(JobLease).where(col(JobLease.name) == "job").values(until=past))
    assert [take_lease("job", 60) for _ in range(2)] == [True, False]


def test_a_grant_is_given_once_for_its_reason_and_lasts_as_long_as_was_said(shop: Shop):
    with reading() as session:
        from projectloom.accounts.models import User

        email = session.get_one(User, shop.person).email
    assert "nothing was added" not in give(email, 5, reason="spring", days=1)
    assert "nothing was added" in give(email.upper(), 5, reason="spring", days=1)
    assert shop.balance == "5.00"
    with pytest.raises(IdempotencyConflict):
        give(email, 6, reason="spring")
    with pytest.raises(NotFound):
        give("nobody@example.org", 5, reason="spring")
    for dollars in (0, -1, 10_001):
        with pytest.raises(InvalidAmount):
            give(email, dollars, reason="x")
    with reading() as session:
        (lot,) = session.exec(select(CreditLot)).all()
    assert lot.expires_at is not None
    assert timedelta(hours=23) < lot.expires_at - now() <= timedelta(days=1)
    assert expire_credit() == 0


def test_given_credit_whose_time_is_over_is_booked_once_by_the_job(shop: Shop):
    with transaction() as session:
        past = now() - timedelta(seconds=1)
        grant(session, user_id=shop.person, reason="old", amount_nanos=3_000_000_000, expires_at=past)
        grant(session, user_id=shop.person, reason="lasting", amount_nanos=2_000_000_000)
    assert [expire_credit() for _ in range(2)] == [1, 0]
    assert shop.balance == "2.00"
