"""Kept before it is acted upon, handled once, and never answered with success unless it is recorded."""

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from projectloom.billing.inbox import receive_event, retry_events
from projectloom.billing.models import StripeEvent
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import DatabaseUnavailable, InvalidEvent, InvalidSignature
from tests.billing.conftest import Shop
from tests.stripe_double import event, session_of, sign


def test_an_event_is_kept_as_it_came(shop: Shop):
    body = event("checkout.session.completed", session_of("ord_x", note="Zoë 🧵 \x00 \u2028"), event_id="evt_1")
    shop.deliver(body)
    (kept,) = shop.events()
    assert (kept.id, kept.type, kept.livemode) == ("evt_1", "checkout.session.completed", False)
    assert kept.payload.encode() == body


def test_a_forged_event_leaves_nothing(shop: Shop):
    body = shop.completed(shop.order(25))
    for signature in (None, "t=1,v1=0", sign(body, "whsec_other")):
        with pytest.raises(InvalidSignature):
            receive_event(body, signature)
    assert shop.events() == []
    assert shop.balance == "0.00"


def test_an_event_without_our_metadata_is_kept_with_its_error_and_refused_each_time(shop: Shop):
    body = event("checkout.session.completed", session_of("ord_x", metadata={}))
    for _ in range(2):
        with pytest.raises(InvalidEvent):
            shop.deliver(body)
    (kept,) = shop.events()
    assert kept.handled_at is None
    assert kept.error == "Missing metadata"


def test_a_kind_that_nobody_asked_about_is_kept_and_done(shop: Shop):
    shop.deliver(event("customer.created", {"id": "cus_1"}))
    (kept,) = shop.events()
    assert kept.handled_at
    assert kept.error is None


def test_an_event_id_that_comes_again_with_other_content_changes_nothing(shop: Shop):
    first, second = shop.order(10), shop.order(100)
    shop.deliver(event("checkout.session.completed", session_of(first, cents=1_000), event_id="evt_1"))
    shop.deliver(event("checkout.session.completed", session_of(second, cents=10_000), event_id="evt_1"))
    assert shop.balance == "10.00"


def test_an_effect_that_cannot_be_written_leaves_the_event_kept_and_due(shop: Shop):
    order_id = shop.order(25)
    body = shop.completed(order_id)
    with transaction() as session:
        session.connection().execute(text("ALTER TABLE postings RENAME TO postings_away"))
    with pytest.raises(DatabaseUnavailable):
        shop.deliver(body)
    with transaction() as session:
        session.connection().execute(text("ALTER TABLE postings_away RENAME TO postings"))
    (kept,) = shop.events()
    assert (kept.handled_at, kept.next_try_at is not None) == (None, True)
    assert (shop.row(order_id).status, shop.balance) == ("pending", "0.00")
    shop.deliver(body)
    assert shop.balance == "27.00"


def test_an_event_that_nobody_could_handle_is_tried_again_by_ourselves_until_it_is_done(shop: Shop):
    order_id = shop.order(25)
    # A posting that the books forbid stands in the way: an error that is not the database being away.
    with transaction() as session:
        session.connection().execute(text("ALTER TABLE credit_lots RENAME COLUMN kind TO kind_away"))
    with suppress(DatabaseUnavailable):
        shop.deliver(shop.completed(order_id))
    with transaction() as session:
        session.connection().execute(text("ALTER TABLE credit_lots RENAME COLUMN kind_away TO kind"))
        session.connection().execute(update(StripeEvent).values(next_try_at=now() - timedelta(seconds=1)))
    assert shop.balance == "0.00"
    assert retry_events() == 1
    assert shop.balance == "27.00"
    assert retry_events() == 0
