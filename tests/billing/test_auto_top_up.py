"""Auto top-up: one payment in flight, never over the ceiling, nothing credited unpaid, and the person is told."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from projectloom import limits
from projectloom.billing.auto_settings import read_auto_top_up, set_auto_top_up
from projectloom.billing.auto_top_up import finish_auto_order, place_auto_order, run_auto_top_ups
from projectloom.billing.cards import collect_card, collect_due_cards, open_card_setup, remove_card
from projectloom.billing.models import AutoTopUp, Order, SavedCard
from projectloom.billing.reconcile import reconcile
from projectloom.billing.refunds import request_refund
from projectloom.clock import next_month, now
from projectloom.db import reading, transaction
from projectloom.errors import InvalidAmount, InvalidInput, NoSavedCard
from projectloom.mails.models import MailOut
from projectloom.workspace.preferences import set_api_key_mode
from tests.billing.conftest import Shop
from tests.billing.test_reversals import dispute, refund
from tests.stripe_double import event, intent_of

CARD = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2031}


def save_card(shop: Shop, *, method: str = "pm_1") -> None:
    asyncio.run(open_card_setup(shop.person, "ada@example.org"))
    page = next(it for it in shop.stripe.sessions.values() if it.get("mode") == "setup" and it["status"] == "open")
    page |= {"status": "complete", "setup_intent": {"id": "seti_1", "payment_method": {"id": method, "card": CARD}}}
    asyncio.run(collect_card(shop.person))


def switch_on(shop: Shop, *, threshold: int = 5, amount: int = 25, ceiling: int = 100) -> None:
    set_api_key_mode(shop.person, "credits")
    set_auto_top_up(shop.person, enabled=True, threshold_usd=threshold, amount_usd=amount, ceiling_usd=ceiling)


def ready(shop: Shop, **amounts: int) -> None:
    save_card(shop)
    switch_on(shop, **amounts)


def run() -> None:
    asyncio.run(run_auto_top_ups())


def charges(shop: Shop) -> int:
    return sum(asked.method == "POST" and asked.path == "/v1/payment_intents" for asked in shop.stripe.asked)


def confirm(shop: Shop) -> None:
    """Deliver the webhook of every payment that succeeded."""
    for intent in shop.stripe.intents.values():
        if intent["status"] == "succeeded":
            shop.deliver(event("payment_intent.succeeded", intent))


def mails(shop: Shop) -> list[str]:
    with reading() as session:
        query = select(MailOut.subject).where(MailOut.user_id == shop.person).order_by(col(MailOut.id))
        return list(session.exec(query).all())


def test_it_is_off_until_it_is_switched_on(shop: Shop):
    set_api_key_mode(shop.person, "credits")
    save_card(shop)
    run()
    assert (charges(shop), read_auto_top_up(shop.person).enabled) == (0, False)


def test_a_low_balance_is_charged_for_and_credited_by_the_webhook_alone(shop: Shop):
    ready(shop)
    run()
    (order,) = shop.orders()
    assert (charges(shop), shop.balance, order.status, order.source) == (1, "0.00", "pending", "auto")
    asked = next(asked.form for asked in shop.stripe.asked if asked.path == "/v1/payment_intents")
    assert (asked["amount"], asked["customer"], asked["payment_method"]) == ("2500", "cus_1", "pm_1")
    assert (asked["off_session"], asked["confirm"], asked["metadata[orderId]"]) == ("true", "true", order.id)
    confirm(shop)
    assert (shop.balance, shop.row(order.id).status) == ("27.00", "completed")
    assert mails(shop) == ["Auto top-up: $27.00 of credit"]


def test_a_lost_webhook_is_healed_by_the_reconciler(shop: Shop):
    ready(shop)
    run()
    report = asyncio.run(reconcile(now() - timedelta(hours=1)))
    assert (shop.balance, len(report.healed), report.problems) == ("27.00", 1, [])


def test_a_balance_above_the_threshold_is_left_alone(shop: Shop):
    shop.deliver(shop.completed(shop.order(25)))
    ready(shop)
    run()
    assert charges(shop) == 0


def test_nobody_who_pays_with_their_own_keys_is_charged(shop: Shop):
    ready(shop)
    set_api_key_mode(shop.person, "own")
    run()
    assert charges(shop) == 0


def test_many_triggers_at_once_make_one_payment(shop: Shop):
    ready(shop)
    with ThreadPoolExecutor(10) as pool:
        placed = list(pool.map(lambda _: place_auto_order(shop.person), range(10)))
    assert len([order for order in placed if order]) == 1
    run()
    run()
    assert len(shop.orders()) == 1


def test_the_database_itself_refuses_a_second_charge_in_flight(shop: Shop):
    ready(shop)
    place_auto_order(shop.person)
    with reading() as session:
        copied = session.exec(select(Order)).one().model_dump() | {"id": "ord_second"}
    with pytest.raises(Exception, match=r"(?i)unique"), transaction() as session:
        session.add(Order(**copied))


def test_a_second_charge_waits_for_the_cooldown(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    ready(shop, threshold=50)
    run()
    confirm(shop)
    run()
    assert charges(shop) == 1
    monkeypatch.setattr(limits, "AUTO_COOLDOWN_SECONDS", 0)
    with transaction() as session:
        session.get_one(AutoTopUp, shop.person).next_try_at = None
    run()
    assert charges(shop) == 2


def test_the_ceiling_of_the_month_is_never_passed_and_the_person_is_told_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "AUTO_COOLDOWN_SECONDS", 0)
    ready(shop, threshold=500, amount=25, ceiling=60)
    for _ in range(6):
        run()
        confirm(shop)
    assert (charges(shop), shop.balance) == (2, "54.00")
    assert mails(shop).count("Auto top-up has reached $60.00 this month") == 1
    rests_until = _rules(shop).next_try_at
    assert rests_until
    assert rests_until.day == 1
    switch_on(shop, threshold=500, amount=25, ceiling=75)
    run()
    assert charges(shop) == 3


@pytest.mark.parametrize(
    ("moment", "following"),
    [
        (datetime(2028, 2, 29, 23, 59, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
    ],
)
def test_a_month_ends_where_the_calendar_says(moment: datetime, following: datetime):
    assert next_month(moment) == following


@pytest.mark.parametrize(
    ("refusal", "why"), [("card_declined", "declined"), ("authentication_required", "authentication")]
)
def test_a_refusal_switches_it_off_and_tells_the_person(shop: Shop, refusal: str, why: str):
    ready(shop)
    shop.stripe.refusal = refusal
    run()
    run()
    (order,) = shop.orders()
    assert (charges(shop), shop.balance, order.status) == (1, "0.00", "failed")
    view = read_auto_top_up(shop.person)
    assert (view.enabled, view.stopped, view.charged_nanos) == (False, why, 0)
    assert mails(shop) == ["Auto top-up is off"]


def test_a_refusal_that_only_the_webhook_tells_does_the_same_once(shop: Shop):
    ready(shop)
    order_id = place_auto_order(shop.person)
    assert order_id
    error = {"code": "authentication_required"}
    refused = intent_of(order_id, status="requires_payment_method", amount_received=0, last_payment_error=error)
    for _ in range(3):
        shop.deliver(event("payment_intent.payment_failed", refused))
    assert (shop.row(order_id).status, read_auto_top_up(shop.person).stopped) == ("failed", "authentication")
    assert mails(shop) == ["Auto top-up is off"]


def test_a_charge_that_was_refused_and_then_paid_after_all_is_credited(shop: Shop):
    ready(shop)
    shop.stripe.refusal = "card_declined"
    run()
    (order,) = shop.orders()
    shop.deliver(event("payment_intent.succeeded", intent_of(order.id)))
    assert (shop.balance, shop.row(order.id).status) == ("27.00", "completed")


def test_after_a_lost_answer_the_charge_is_found_and_not_made_again(shop: Shop):
    ready(shop)
    order_id = place_auto_order(shop.person)
    assert order_id
    # Stripe charged, and its answer never came.
    shop.stripe.intents[f"auto:{order_id}"] = intent_of(order_id, customer="cus_1")
    asyncio.run(finish_auto_order(order_id))
    assert charges(shop) == 0
    assert shop.row(order_id).payment_intent_id == f"pi_{order_id}"
    confirm(shop)
    assert shop.balance == "27.00"


def test_a_process_that_died_before_it_asked_is_made_up_for_under_the_same_key(shop: Shop):
    ready(shop)
    order_id = place_auto_order(shop.person)
    assert order_id
    asyncio.run(finish_auto_order(order_id))
    asyncio.run(finish_auto_order(order_id))
    assert (charges(shop), list(shop.stripe.intents)) == (1, [f"auto:{order_id}"])


def test_while_stripe_is_silent_nothing_is_credited_and_nothing_new_is_begun(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "STRIPE_MAX_RETRIES", 0)
    ready(shop)
    shop.stripe.answers = [None]
    run()
    run()
    (order,) = shop.orders()
    assert (order.status, shop.balance, read_auto_top_up(shop.person).enabled) == ("pending", "0.00", True)


def test_a_charge_that_stripe_never_took_is_given_up_before_its_key_is_forgotten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    ready(shop)
    order_id = place_auto_order(shop.person)
    assert order_id
    monkeypatch.setattr(limits, "AUTO_GIVE_UP_SECONDS", -1)
    asyncio.run(finish_auto_order(order_id))
    assert (charges(shop), shop.row(order_id).status) == (0, "failed")


def test_an_open_dispute_switches_it_off(shop: Shop):
    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id))
    ready(shop, threshold=50)
    shop.deliver(dispute(order_id, 2_500, "created", "needs_response"))
    run()
    assert (charges(shop), read_auto_top_up(shop.person).stopped) == (0, "disputed")


def test_taking_an_auto_top_up_back_switches_it_off(shop: Shop):
    ready(shop)
    run()
    confirm(shop)
    (order,) = shop.orders()
    asyncio.run(request_refund(shop.person, order.id))
    assert (shop.balance, read_auto_top_up(shop.person).stopped) == ("0.00", "refunded")


def test_a_debt_is_not_paid_off_with_the_saved_card(shop: Shop):
    from tests.spending import spend

    order_id = shop.order(25)
    shop.deliver(shop.completed(order_id))
    spend(shop.person, 20 * 10**9)
    shop.deliver(refund(order_id, 2_500))
    ready(shop)
    run()
    assert charges(shop) == 0


def test_without_a_card_it_cannot_be_switched_on(shop: Shop):
    with pytest.raises(NoSavedCard):
        switch_on(shop)


def test_removing_the_card_switches_it_off_and_has_stripe_forget_it(shop: Shop):
    ready(shop)
    asyncio.run(remove_card(shop.person))
    run()
    assert (shop.stripe.forgotten, charges(shop)) == (["pm_1"], 0)
    assert (read_auto_top_up(shop.person).enabled, asyncio.run(collect_card(shop.person))) == (False, None)


def test_another_card_takes_the_place_of_the_first(shop: Shop):
    save_card(shop)
    save_card(shop, method="pm_2")
    assert shop.stripe.forgotten == ["pm_1"]
    with reading() as session:
        assert session.get_one(SavedCard, shop.person).payment_method_id == "pm_2"


def test_a_card_whose_owner_never_came_back_is_known_from_the_webhook(shop: Shop):
    asyncio.run(open_card_setup(shop.person, "ada@example.org"))
    (page,) = [it for it in shop.stripe.sessions.values() if it.get("mode") == "setup"]
    shop.deliver(event("checkout.session.expired", page | {"status": "expired"}))
    page |= {"status": "complete", "setup_intent": {"id": "seti_1", "payment_method": {"id": "pm_1", "card": CARD}}}
    shop.deliver(event("checkout.session.completed", page))
    asyncio.run(collect_due_cards())
    with reading() as session:
        row = session.get_one(SavedCard, shop.person)
    assert (row.payment_method_id, row.last4, row.setup_due, row.session_id) == ("pm_1", "4242", False, None)


def test_a_setup_of_somebody_else_changes_nothing(shop: Shop):
    save_card(shop)
    forged = {"id": "cs_x", "mode": "setup", "customer": "cus_other", "status": "complete"}
    shop.deliver(
        event("checkout.session.completed", forged | {"metadata": {"userId": shop.person, "purpose": "saved_card"}})
    )
    with reading() as session:
        assert not session.get_one(SavedCard, shop.person).setup_due


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold_usd": 0},
        {"threshold_usd": 5.5},
        {"threshold_usd": "5"},
        {"threshold_usd": 10**9},
        {"ceiling_usd": 24},
        {"ceiling_usd": True},
        {"ceiling_usd": 10**6},
        {"enabled": "yes"},
        {"amount_usd": 4},
        {"amount_usd": 501},
        {"amount_usd": None},
    ],
    ids=repr,
)
def test_odd_amounts_change_nothing(shop: Shop, changes: dict):
    usual = {"enabled": False, "threshold_usd": 5, "amount_usd": 25, "ceiling_usd": 100}
    with pytest.raises((InvalidInput, InvalidAmount)):
        set_auto_top_up(shop.person, **usual | changes)
    with reading() as session:
        assert session.get(AutoTopUp, shop.person) is None


def _rules(shop: Shop) -> AutoTopUp:
    with reading() as session:
        return session.get_one(AutoTopUp, shop.person)
