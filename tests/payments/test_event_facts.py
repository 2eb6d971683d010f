"""What each kind of event says of an order, and what is said to be missing."""

from typing import Any

import pytest

from projectloom.errors import InvalidEvent
from projectloom.payments import CheckoutFacts, event_facts, verify_event
from tests.stripe_double import event, intent_of, session_of, sign

pytestmark = pytest.mark.usefixtures("stripe")


def facts_of(kind: str, subject: dict[str, Any]) -> CheckoutFacts | None:
    body = event(kind, subject)
    return event_facts(verify_event(body, sign(body)))


def states(facts: CheckoutFacts | None) -> set[str]:
    assert facts is not None
    return {name for name in ("paid", "waiting", "failed", "expired") if getattr(facts, name)}


def test_a_completed_and_paid_session_says_paid():
    facts = facts_of("checkout.session.completed", session_of("ord_1", currency="USD"))
    assert facts == CheckoutFacts(
        order_id="ord_1",
        session_id="cs_ord_1",
        payment_intent_id="pi_ord_1",
        paid=True,
        waiting=False,
        failed=False,
        expired=False,
        subtotal_cents=2_500,
        total_cents=2_500,
        currency="usd",
        livemode=False,
    )


def test_a_completed_session_whose_bank_is_yet_to_answer_says_waiting():
    assert states(facts_of("checkout.session.completed", session_of("o", payment_status="unpaid"))) == {"waiting"}


def test_a_bank_that_answered_says_paid():
    assert states(facts_of("checkout.session.async_payment_succeeded", session_of("o"))) == {"paid"}


def test_a_bank_that_refused_says_failed_and_not_waiting():
    refused = session_of("o", payment_status="unpaid")
    assert states(facts_of("checkout.session.async_payment_failed", refused)) == {"failed"}


def test_an_expired_session_says_expired():
    left = session_of("o", payment_status="unpaid", status="expired", payment_intent=None)
    assert states(facts_of("checkout.session.expired", left)) == {"expired"}


def test_a_session_that_costs_nothing_is_paid_once_it_is_complete_and_not_before():
    free = session_of("o", payment_status="no_payment_required", amount_total=0)
    facts = facts_of("checkout.session.completed", free)
    assert facts is not None
    assert (states(facts), facts.total_cents) == ({"paid"}, 0)
    assert states(facts_of("checkout.session.completed", free | {"status": "open"})) == set()


def test_what_a_code_took_off_the_tax_and_the_links_are_read():
    session = session_of(
        "o",
        amount_total=2_350,
        total_details={"amount_discount": 500, "amount_tax": 350, "amount_shipping": None},
        customer={"id": "cus_1", "object": "customer"},
        payment_intent={"id": "pi_1", "latest_charge": {"id": "ch_1", "receipt_url": "https://pay.example/r"}},
        invoice={"id": "in_1", "hosted_invoice_url": "javascript:alert(1)"},
    )
    facts = facts_of("checkout.session.completed", session)
    assert facts is not None
    assert (facts.discount_cents, facts.tax_cents, facts.customer_id) == (500, 350, "cus_1")
    assert (facts.receipt_url, facts.invoice_url) == ("https://pay.example/r", None)


def test_a_refused_payment_is_read_when_it_names_an_order():
    error = {"code": "authentication_required"}
    refused = intent_of("o", status="requires_payment_method", amount_received=0, last_payment_error=error)
    facts = facts_of("payment_intent.payment_failed", refused)
    assert facts is not None
    assert (facts.failed, facts.paid, facts.total_cents, facts.refusal) == (True, False, 2_500, error["code"])
    assert facts_of("payment_intent.payment_failed", refused | {"metadata": {}}) is None


def test_a_succeeded_intent_says_paid_with_what_was_received():
    facts = facts_of("payment_intent.succeeded", intent_of("ord_1", amount_received=2_400))
    assert facts is not None
    assert (facts.session_id, facts.payment_intent_id) == (None, "pi_ord_1")
    assert (facts.paid, facts.subtotal_cents, facts.total_cents) == (True, 2_400, 2_400)


def test_an_intent_that_only_calls_itself_succeeded_in_the_event_s_name_is_not_paid():
    facts = facts_of("payment_intent.succeeded", intent_of("o", status="requires_capture", amount_received=0))
    assert states(facts) == set()


def test_an_expanded_intent_is_known_by_its_id():
    facts = facts_of("checkout.session.completed", session_of("o", payment_intent={"id": "pi_1", "object": "x"}))
    assert facts is not None
    assert facts.payment_intent_id == "pi_1"


@pytest.mark.parametrize(
    "kind", ["payment_intent.created", "payment_intent.payment_failed", "charge.succeeded", "v99.unheard_of"]
)
def test_other_kinds_say_nothing_about_an_order(kind: str):
    assert facts_of(kind, {"anything": [1]}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": None},
        {"metadata": {}},
        {"metadata": []},
        {"metadata": {"orderId": ""}},
        {"metadata": {"orderId": None}},
        {"metadata": {"orderId": 7}},
        {"metadata": {"orderId": "ord\x00"}},
        {"metadata": {"orderId": "\ud800"}},
        {"metadata": {"orderId": "o" * 10_000}},
        {"amount_total": None},
        {"amount_total": "2500"},
        {"amount_total": 25.0},
        {"amount_total": True},
        {"amount_total": -1},
        {"amount_total": float("nan")},
        {"amount_subtotal": None},
        {"currency": None},
        {"payment_status": None},
        {"status": 1},
        {"id": None},
        {"id": "c" * 10_000},
        {"payment_intent": {}},
        {"payment_intent": 5},
    ],
    ids=lambda changes: repr(changes)[:50],
)
def test_a_session_without_what_we_need_is_refused(changes: dict[str, Any]):
    with pytest.raises(InvalidEvent):
        facts_of("checkout.session.completed", session_of("ord_1", **changes))


@pytest.mark.parametrize(
    "changes", [{"metadata": {}}, {"amount_received": None}, {"id": ""}, {"currency": 1}, {"metadata": None}], ids=repr
)
def test_an_intent_without_what_we_need_is_refused(changes: dict[str, Any]):
    with pytest.raises(InvalidEvent):
        facts_of("payment_intent.succeeded", intent_of("ord_1", **changes))


def test_missing_parts_are_refused_and_not_an_accident():
    for name in session_of("ord_1"):
        subject = {key: value for key, value in session_of("ord_1").items() if key != name}
        try:
            facts = facts_of("checkout.session.completed", subject)
        except InvalidEvent:
            continue
        assert facts is not None
