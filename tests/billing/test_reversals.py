"""Refunds and disputes, in any order: the end state is Stripe's, and the books are right after every step."""

import itertools

import pytest

from projectloom.billing.balance import read_balance
from projectloom.errors import PurchasesPaused
from projectloom.ids import new_id
from projectloom.money import from_usd, usd_string
from tests.billing.conftest import Shop
from tests.spending import spend
from tests.stripe_double import event


def refund(
    order_id: str, cents: int, *, refund_id: str = "re_1", status: str = "succeeded", kind: str = "refund.created"
):
    subject = {
        "id": refund_id,
        "object": "refund",
        "amount": cents,
        "charge": f"ch_{order_id}",
        "currency": "usd",
        "payment_intent": f"pi_{order_id}",
        "status": status,
    }
    return event(kind, subject)


def dispute(order_id: str, cents: int, kind: str, status: str, *, moved: int = 0, dispute_id: str = "dp_1"):
    subject = {
        "id": dispute_id,
        "object": "dispute",
        "amount": cents,
        "balance_transactions": [{"id": f"txn_{n}", "type": "adjustment"} for n in range(moved)],
        "charge": f"ch_{order_id}",
        "currency": "usd",
        "payment_intent": f"pi_{order_id}",
        "status": status,
    }
    return event(f"charge.dispute.{kind}", subject)


def bought(shop: Shop, amount: int = 25) -> str:
    order_id = shop.order(amount)
    shop.deliver(shop.completed(order_id, amount_subtotal=amount * 100, amount_total=amount * 100))
    return order_id


def debt(shop: Shop) -> str:
    return usd_string(read_balance(shop.person).debt_nanos)


def test_a_full_refund_takes_the_credit_and_the_whole_bonus(shop: Shop):
    order_id = bought(shop)
    for _ in range(3):
        shop.deliver(refund(order_id, 2_500))
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "refunded")


def test_partial_refunds_take_their_share_of_the_bonus_in_the_persons_favour_and_together_all_of_it(shop: Shop):
    order_id = bought(shop)
    shop.deliver(refund(order_id, 833, refund_id="re_1"))
    # Less 8.33 paid and 833 / 2500 of the bonus.
    assert (shop.balance, shop.row(order_id).status) == ("18.0036", "refunded_in_part")
    shop.deliver(refund(order_id, 834, refund_id="re_2"))
    shop.deliver(refund(order_id, 833, refund_id="re_3"))
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "refunded")


def test_a_failed_refund_gives_everything_back(shop: Shop):
    order_id = bought(shop)
    shop.deliver(refund(order_id, 2_500, status="pending"))
    assert shop.balance == "0.00"
    shop.deliver(refund(order_id, 2_500, status="failed", kind="refund.failed"))
    # The first report comes once more, late.
    shop.deliver(refund(order_id, 2_500, status="pending"))
    assert (shop.balance, shop.row(order_id).status) == ("27.00", "completed")


def test_a_refund_after_spending_leaves_debt_that_the_next_purchase_pays(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, from_usd(20))
    shop.deliver(refund(order_id, 2_500))
    assert (shop.balance, debt(shop)) == ("0.00", "20.00")
    bought(shop, 50)
    assert (shop.balance, debt(shop)) == ("35.00", "0.00")


def test_a_refund_that_is_reported_before_its_payment_is_followed_when_the_payment_is(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(refund(order_id, 2_500))
    assert shop.balance == "0.00"
    shop.deliver(shop.completed(order_id))
    assert (shop.balance, shop.row(order_id).status) == ("0.00", "refunded")


def test_a_refund_of_somebody_elses_payment_changes_nothing(shop: Shop):
    order_id = bought(shop)
    shop.deliver(refund("another shop", 2_500))
    assert (shop.balance, shop.row(order_id).status) == ("27.00", "completed")


def test_an_open_dispute_freezes_the_purchase_and_pauses_buying(shop: Shop):
    order_id = bought(shop)
    shop.deliver(dispute(order_id, 2_500, "created", "needs_response"))
    balances = read_balance(shop.person)
    assert (balances.available_nanos, usd_string(balances.frozen_nanos)) == (0, "27.00")
    assert shop.row(order_id).status == "disputed"
    with pytest.raises(PurchasesPaused):
        shop.order(10)
    shop.deliver(dispute(order_id, 2_500, "closed", "won"))
    assert (shop.balance, shop.row(order_id).status) == ("27.00", "completed")
    shop.order(10)


def test_a_lost_dispute_takes_the_credit(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, from_usd(7))
    shop.deliver(dispute(order_id, 2_500, "created", "needs_response"))
    shop.deliver(dispute(order_id, 2_500, "funds_withdrawn", "needs_response", moved=1))
    shop.deliver(dispute(order_id, 2_500, "closed", "lost", moved=1))
    assert (shop.balance, debt(shop), shop.row(order_id).status) == ("0.00", "7.00", "disputed")


STORY = (
    ("created", "needs_response", 0),
    ("funds_withdrawn", "needs_response", 1),
    ("updated", "under_review", 1),
    ("funds_reinstated", "won", 2),
    ("closed", "won", 2),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::7])
def test_a_won_dispute_ends_with_the_exact_rows_back_in_any_order_of_reports(shop: Shop, order: tuple[int, ...]):
    order_id = bought(shop)
    spend(shop.person, from_usd(7))
    for index in order:
        kind, status, moved = STORY[index]
        shop.deliver(dispute(order_id, 2_500, kind, status, moved=moved))
    assert (shop.balance, debt(shop), shop.row(order_id).status) == ("20.00", "0.00", "completed")
    assert read_balance(shop.person).frozen_nanos == 0


def test_an_inquiry_freezes_nothing(shop: Shop):
    order_id = bought(shop)
    shop.deliver(dispute(order_id, 2_500, "created", "warning_needs_response"))
    shop.deliver(dispute(order_id, 2_500, "closed", "warning_closed"))
    assert (shop.balance, shop.row(order_id).status) == ("27.00", "completed")


def test_a_refund_and_a_dispute_of_one_purchase_never_take_more_than_it_brought(shop: Shop):
    order_id = bought(shop)
    bought(shop, 10)
    shop.deliver(refund(order_id, 1_500))
    shop.deliver(dispute(order_id, 2_500, "funds_withdrawn", "needs_response", moved=1))
    assert shop.balance == "10.00"


def test_odd_reports_are_kept_and_answered_without_a_500(shop: Shop):
    order_id = bought(shop)
    shop.deliver(event("refund.created", {"id": new_id("re"), "object": "refund", "status": "succeeded", "amount": 5}))
    shop.deliver(event("charge.refunded", {"id": "ch_1", "object": "charge"}))
    shop.deliver(
        event(
            "charge.dispute.created",
            {
                "id": "dp_2",
                "object": "dispute",
                "status": "a new word",
                "amount": 1,
                "currency": "usd",
                "payment_intent": f"pi_{order_id}",
            },
        )
    )
    assert (shop.balance, shop.row(order_id).status) == ("27.00", "completed")
