"""What a person must look at is told to the operator: exactly one mail for each cause, and nothing secret in it."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import update

from projectloom import limits
from projectloom.billing.inbox import retry_events
from projectloom.billing.models import StripeEvent
from projectloom.billing.reconcile import reconcile
from projectloom.billing.refunds import request_refund
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.errors import InvalidEvent, PaymentUnavailable
from projectloom.ledger.credits import top_up
from projectloom.mails.alerts import alert
from projectloom.mails.models import MailOut
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought, refund
from tests.mails.conftest import written
from tests.spending import spend
from tests.stripe_double import SECRET, configured, event, intent_of, session_of

OPERATOR = "operator@example.org"


@pytest.fixture(autouse=True)
def _somebody_to_tell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SMTP_HOST", "mail.example")
    monkeypatch.setenv("SMTP_FROM", "loom@example.org")
    monkeypatch.setenv("ALERT_EMAIL", OPERATOR)
    settings.cache_clear()


def alerts() -> list[MailOut]:
    return [mail for mail in written() if mail.kind == "alert"]


def set_aside(shop: Shop) -> Callable[[], None]:
    body = shop.completed(shop.order(25), currency="jpy")
    return lambda: shop.deliver(_again(body))


def paid_again(shop: Shop) -> Callable[[], None]:
    order_id = bought(shop)
    return lambda: shop.deliver(event("payment_intent.succeeded", intent_of(order_id, id="pi_another")))


def in_another_currency(shop: Shop) -> Callable[[], None]:
    order_id = bought(shop)
    body = json.loads(refund(order_id, 2_500))
    body["data"]["object"]["currency"] = "eur"
    return lambda: shop.deliver(_again(json.dumps(body).encode()))


def unreadable(shop: Shop) -> Callable[[], None]:
    def deliver() -> None:
        with suppress(InvalidEvent):
            shop.deliver(event("checkout.session.completed", session_of("ord_x", metadata={})))

    return deliver


def refused_refund(shop: Shop) -> Callable[[], None]:
    order_id = bought(shop)

    def ask() -> None:
        shop.stripe.answers = [(400, json.dumps({"error": {"type": "invalid_request_error"}}).encode())]
        with pytest.raises(PaymentUnavailable):
            asyncio.run(request_refund(shop.person, order_id))

    return ask


def differing_books(shop: Shop) -> Callable[[], None]:
    bought(shop)
    shop.stripe.sessions.clear()
    return lambda: asyncio.run(_reconcile())


def spent_before_its_refund(shop: Shop) -> Callable[[], None]:
    order_id = bought(shop)
    spend(shop.person, 10**9)
    return lambda: shop.deliver(_again(refund(order_id, 2_500)))


async def _reconcile() -> None:
    assert (await reconcile(now() - timedelta(days=1))).problems


def _again(body: bytes) -> bytes:
    """The same news in an event of another id."""
    return event(json.loads(body)["type"], json.loads(body)["data"]["object"])


@pytest.mark.parametrize(
    ("trouble", "subject"),
    [
        (set_aside, "An order was set aside"),
        (paid_again, "A completed order was paid again"),
        (in_another_currency, "A refund in another currency"),
        (unreadable, "An event of Stripe's could not be read"),
        (refused_refund, "Stripe refused a refund"),
        (differing_books, "Stripe and the books differ"),
        (spent_before_its_refund, "Credit that is not there any more was taken back"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_trouble_is_told_the_operator_exactly_once_however_often_it_is_met(
    shop: Shop, caplog: pytest.LogCaptureFixture, trouble: Callable[[Shop], Callable[[], None]], subject: str
):
    meet = trouble(shop)
    for _ in range(3):
        meet()
    (mail,) = alerts()
    assert (mail.subject, mail.to, mail.user_id) == (subject, OPERATOR, None)
    assert any(record.levelno == logging.ERROR and subject in record.getMessage() for record in caplog.records)
    said = mail.subject + mail.body
    for secret in (SECRET, "sk_test_of_the_tests", "sk-of-the-tests", "@example.org", shop.person):
        assert secret not in said


def test_an_event_that_cannot_be_handled_is_told_once_after_many_tries_and_not_before(
    person: str, monkeypatch: pytest.MonkeyPatch
):
    with configured(monkeypatch) as stripe:
        shop = Shop(person, stripe)
        order_id = shop.order(25)
        with transaction() as session:
            # The books refuse what the event asks for: another amount stands under the order's key.
            top_up(session, user_id=person, order_id=order_id, paid_nanos=1, bonus_nanos=0)
        shop.deliver(shop.completed(order_id))
        for tries in range(1, limits.EVENT_TRIES_TO_ALERT + 3):
            assert len(alerts()) == (tries >= limits.EVENT_TRIES_TO_ALERT)
            with transaction() as session:
                session.connection().execute(update(StripeEvent).values(next_try_at=now() - timedelta(seconds=1)))
            assert retry_events() == 1
    (mail,) = alerts()
    assert mail.subject == "An event of Stripe's cannot be handled"
    assert "IdempotencyConflict" in mail.body


def test_without_an_address_an_alert_is_logged_and_nothing_more(
    shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("ALERT_EMAIL")
    settings.cache_clear()
    set_aside(shop)()
    assert written() == []
    assert "An order was set aside" in caplog.text


@pytest.mark.usefixtures("person")
def test_in_the_sandbox_alerts_go_to_an_address_of_its_own_whose_mailbox_shows_them(monkeypatch: pytest.MonkeyPatch):
    for name in ("ALERT_EMAIL", "SMTP_HOST", "SMTP_FROM"):
        monkeypatch.delenv(name)
    settings.cache_clear()
    with transaction() as session:
        alert(session, key="x", subject="Trouble", words="Something is wrong.")
    assert [mail.to for mail in alerts()] == ["operator@projectloom.example"]


def test_an_alert_is_undone_with_the_transaction_that_found_the_trouble(shop: Shop):
    with suppress(ZeroDivisionError), transaction() as session:
        alert(session, key="x", subject="Trouble", words="Something is wrong.")
        raise ZeroDivisionError
    assert alerts() == []
