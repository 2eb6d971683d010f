"""What Stripe is asked for, and how its silence and its nonsense are told."""

import socket
import time
from dataclasses import replace

import pytest

from projectloom import limits
from projectloom.config import settings
from projectloom.errors import InvalidEvent, NotFound, PaymentUnavailable
from projectloom.payments import CheckoutTerms, create_session, retrieve_session
from tests.live import free_port
from tests.stripe_double import StripeDouble, session_of

TERMS = CheckoutTerms(
    order_id="ord_1",
    user_id="usr_1",
    customer_id="cus_1",
    price_cents=2_500,
    credit_text="27",
    product_name="ProjectLoom Credits ($27)",
    product_description="$25 + $2 bonus",
    success_url="https://loom.example/?purchase=success",
    cancel_url="https://loom.example/?purchase=cancelled",
)
BROKEN = (
    (500, b'{"error": {"type": "api_error"}}'),
    (429, b'{"error": {"type": "rate_limit_error"}}'),
    (409, b'{"error": {"type": "idempotency_error"}}'),
    (401, b'{"error": {"type": "invalid_request_error"}}'),
    (400, b'{"error": {"type": "invalid_request_error"}}'),
    (502, b"<html>Bad gateway</html>"),
    (200, b"not json"),
    None,
)


async def test_the_session_is_asked_for_with_the_order_on_it_and_on_its_payment(stripe: StripeDouble):
    before = int(time.time())
    facts = await create_session(TERMS)
    assert (facts.session_id, facts.url, facts.paid) == ("cs_ord_1", "https://pay.example/ord_1", False)
    (asked,) = stripe.asked
    form = dict(asked.form)
    expires = int(form.pop("expires_at"))
    # The buyer pays in dollars: a price in another currency would be set aside.
    assert form.pop("adaptive_pricing[enabled]").lower() == "false"
    assert before + limits.CHECKOUT_LIFETIME_SECONDS <= expires <= int(time.time()) + limits.CHECKOUT_LIFETIME_SECONDS
    assert form == {
        "mode": "payment",
        "client_reference_id": "ord_1",
        "customer": "cus_1",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "2500",
        "line_items[0][price_data][tax_behavior]": "exclusive",
        "line_items[0][price_data][product_data][name]": "ProjectLoom Credits ($27)",
        "line_items[0][price_data][product_data][description]": "$25 + $2 bonus",
        "metadata[orderId]": "ord_1",
        "metadata[userId]": "usr_1",
        "metadata[creditsToAdd]": "27",
        "payment_intent_data[metadata][orderId]": "ord_1",
        "payment_intent_data[metadata][userId]": "usr_1",
        "payment_intent_data[metadata][creditsToAdd]": "27",
        "payment_intent_data[description]": "ProjectLoom Credits ($27)",
        "success_url": "https://loom.example/?purchase=success",
        "cancel_url": "https://loom.example/?purchase=cancelled",
    }
    assert (asked.method, asked.path) == ("POST", "/v1/checkout/sessions")
    assert asked.headers["idempotency-key"] == "checkout:ord_1"
    assert asked.headers["authorization"] == "Bearer sk_test_of_the_tests"
    assert asked.headers["stripe-version"] == "2026-10-28.endive"


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(stripe: StripeDouble):
    stripe.answers = [None, (500, b"{}")]
    facts = await create_session(TERMS)
    assert facts.session_id == "cs_ord_1"
    assert [asked.headers["idempotency-key"] for asked in stripe.asked] == ["checkout:ord_1"] * 3
    assert len(stripe.sessions) == 1


@pytest.mark.parametrize("answer", BROKEN, ids=lambda answer: str(answer and answer[0]))
async def test_whatever_stripe_answers_trouble_is_told_as_unavailable(stripe: StripeDouble, answer):
    stripe.answers = [answer] * 10
    with pytest.raises(PaymentUnavailable) as raised:
        await create_session(TERMS)
    assert len(stripe.asked) <= 1 + limits.STRIPE_MAX_RETRIES
    assert "sk_test" not in repr((raised.value, raised.value.data))


async def test_a_session_without_an_address_is_no_session(stripe: StripeDouble):
    stripe.sessions["cs_ord_1"] = session_of("ord_1")
    with pytest.raises(PaymentUnavailable):
        await create_session(TERMS)


async def test_a_port_where_nobody_listens_is_told_as_unavailable(
    monkeypatch: pytest.MonkeyPatch, stripe: StripeDouble
):
    monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{free_port()}")
    settings.cache_clear()
    with pytest.raises(PaymentUnavailable):
        await create_session(TERMS)
    with pytest.raises(PaymentUnavailable):
        await retrieve_session("cs_ord_1")


async def test_a_silent_stripe_is_waited_for_within_the_limit(monkeypatch: pytest.MonkeyPatch, stripe: StripeDouble):
    monkeypatch.setattr(limits, "STRIPE_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("STRIPE_API_BASE", f"http://127.0.0.1:{silent.getsockname()[1]}")
        settings.cache_clear()
        began = time.monotonic()
        with pytest.raises(PaymentUnavailable):
            await create_session(TERMS)
    assert time.monotonic() - began < 10


async def test_what_a_session_is_now_is_read_from_stripe(stripe: StripeDouble):
    await create_session(TERMS)
    assert not (await retrieve_session("cs_ord_1")).paid
    stripe.sessions["cs_ord_1"] |= {"payment_status": "paid", "status": "complete", "url": None}
    facts = await retrieve_session("cs_ord_1")
    assert (facts.paid, facts.order_id, facts.url) == (True, "ord_1", None)


async def test_a_session_that_stripe_does_not_know_is_not_found(stripe: StripeDouble):
    with pytest.raises(NotFound):
        await retrieve_session("cs_nobody")


async def test_a_session_of_something_else_is_refused(stripe: StripeDouble):
    stripe.sessions["cs_1"] = session_of("ord_1", metadata={"shop": "another"})
    with pytest.raises(InvalidEvent):
        await retrieve_session("cs_1")


async def test_without_a_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, stripe: StripeDouble):
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE"):
        monkeypatch.delenv(name)
    settings.cache_clear()
    with pytest.raises(PaymentUnavailable):
        await create_session(replace(TERMS, order_id="ord_2"))
    assert stripe.asked == []
