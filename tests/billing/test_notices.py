"""What people are told about their money: once for each thing, and never without the money it tells of."""

from datetime import timedelta

import pytest

from projectloom.billing import fulfillment
from projectloom.billing.notices import announce_expiry
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.ledger.credits import grant
from projectloom.mails.models import MailOut
from projectloom.money import from_usd
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought, dispute, refund
from tests.mails.conftest import written
from tests.spending import spend


def told(kind: str) -> list[MailOut]:
    return [mail for mail in written() if mail.kind == kind]


def test_a_purchase_is_told_once_however_often_it_is_delivered(shop: Shop):
    order_id = shop.order(25)
    for body in (shop.completed(order_id), shop.succeeded(order_id), shop.completed(order_id)):
        shop.deliver(body)
        shop.deliver(body)
    (mail,) = written()
    assert (mail.user_id, mail.kind, mail.subject) == (shop.person, "purchase", "Your purchase: $27.00 of credit")
    assert mail.to.endswith("@example.org")
    assert mail.body == (
        "Thank you. You paid $25.00, and $27.00 of credit was added, $2.00 of it a bonus.\n\n"
        f"Your purchase is {order_id}.\n\nYour credits: https://loom.example/credits\n"
    )


def test_an_unpaid_purchase_is_not_told(shop: Shop):
    shop.deliver(shop.completed(shop.order(25), payment_status="unpaid"))
    assert written() == []


def test_the_mail_of_a_purchase_is_rolled_back_with_its_money(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    order_id = shop.order(25)
    with monkeypatch.context() as patch:

        def fail(*_args):
            raise ZeroDivisionError

        patch.setattr(fulfillment, "follow", fail)
        shop.deliver(shop.completed(order_id))
    assert (shop.balance, written()) == ("0.00", [])
    shop.deliver(shop.succeeded(order_id))
    assert (shop.balance, len(written())) == ("27.00", 1)


def test_a_refund_is_told_once_with_the_credit_that_went_and_what_is_owed(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, from_usd(10))
    for _ in range(3):
        shop.deliver(refund(order_id, 2_500))
    (mail,) = told("taken_back")
    assert mail.subject == "Your refund of $25.00"
    assert f"We refunded $25.00 of your purchase {order_id}. With it, $27.00 of credit went back." in mail.body
    assert "you owe $10.00" in mail.body
    assert told("given_back") == []


def test_a_refund_that_fails_is_told_as_given_back(shop: Shop):
    order_id = bought(shop)
    shop.deliver(refund(order_id, 2_500))
    for _ in range(2):
        shop.deliver(refund(order_id, 2_500, status="failed", kind="refund.failed"))
    (mail,) = told("given_back")
    assert mail.subject == "$27.00 of credit is yours again"
    assert "The refund of $25.00 did not go through." in mail.body
    assert shop.balance == "27.00"


def test_a_dispute_that_is_won_is_told_both_ways(shop: Shop):
    order_id = bought(shop)
    shop.deliver(dispute(order_id, 2_500, "created", "needs_response"))
    shop.deliver(dispute(order_id, 2_500, "funds_withdrawn", "needs_response", moved=1))
    (taken,) = told("taken_back")
    assert "Your bank took back $25.00" in taken.body
    shop.deliver(dispute(order_id, 2_500, "funds_reinstated", "won", moved=2))
    (given,) = told("given_back")
    assert "the payment stands" in given.body


def test_a_dispute_that_freezes_credit_is_told_and_told_again_when_it_ends_in_the_persons_favour(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, from_usd(10))
    for _ in range(3):
        shop.deliver(dispute(order_id, 2_500, "created", "needs_response"))
    (frozen,) = told("frozen")
    assert frozen.subject == "$17.00 of credit is set aside"
    assert f"Your bank questions $25.00 of your purchase {order_id}." in frozen.body
    for _ in range(2):
        shop.deliver(dispute(order_id, 2_500, "closed", "won"))
    (given,) = told("given_back")
    assert given.subject == "$17.00 of credit is yours again"
    assert "the payment stands" in given.body
    assert (shop.balance, told("taken_back")) == ("17.00", [])


def test_a_dispute_of_credit_that_is_all_spent_freezes_nothing_and_says_nothing(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, from_usd(27))
    shop.deliver(dispute(order_id, 2_500, "created", "needs_response"))
    shop.deliver(dispute(order_id, 2_500, "closed", "won"))
    assert (told("frozen"), told("given_back")) == ([], [])


def test_a_refund_that_is_reported_before_its_payment_is_told_after_it(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(refund(order_id, 2_500))
    assert written() == []
    shop.deliver(shop.completed(order_id))
    assert [mail.kind for mail in written()] == ["purchase", "taken_back"]


def give(person: str, reason: str, **ahead: int) -> None:
    with transaction() as session:
        expires_at = now() + timedelta(**ahead)
        grant(session, user_id=person, reason=reason, amount_nanos=from_usd(5), expires_at=expires_at)


def test_credit_that_expires_within_a_week_is_announced_once_for_each_lot(shop: Shop):
    bought(shop)
    give(shop.person, "soon", days=6)
    give(shop.person, "soon too", days=6, hours=23)
    give(shop.person, "later", days=8)
    assert [announce_expiry(), announce_expiry()] == [2, 0]
    mails = told("expiry")
    day = now() + timedelta(days=6)
    assert mails[0].subject == f"$5.00 of credit expires on {day.day} {day:%B %Y}"
    assert len(mails) == 2


def test_credit_that_is_spent_is_not_announced(shop: Shop):
    give(shop.person, "soon", days=6)
    spend(shop.person, from_usd(5))
    assert announce_expiry() == 0
