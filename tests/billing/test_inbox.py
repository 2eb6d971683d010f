"""Kept before it is acted upon, handled once, and never answered with success unless it is recorded."""

import copy
import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from projectloom.billing.inbox import receive_event, retry_events
from projectloom.billing.models import StripeEvent
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import DatabaseUnavailable, InvalidEvent, InvalidSignature
from projectloom.ids import new_id
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought, dispute, refund
from tests.stripe_double import event, intent_of, session_of, sign


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


ODD_EVENTS = 120
ODD_VALUES: tuple[Any, ...] = (
    *(None, "", "x", "ord_unknown", "usd", "eur", "Zoë 🧵", "\ud800", "\x00", "y" * 300, True, False),
    *(0, 1, -1, 2_500, 2**31, 2**63, 10**30, 0.5, 1e300, float("inf"), float("nan"), [], {}, [[]], {"id": "pi_x"}),
    *(
        {"id": None},
        {"orderId": "ord_unknown"},
        {"orderId": None},
        ["pi_x"],
        "setup",
        "paid",
        "complete",
        "won",
        "lost",
    ),
)


def well_formed(paid: str, unpaid: str) -> list[bytes]:
    """Events of every kind that we act on, and of some that we do not, about two orders and a card."""
    both = (paid, unpaid)
    sessions = ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
    intents = ("succeeded", "payment_failed", "canceled", "processing")
    refunds = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
    disputes = (("created", "needs_response"), ("funds_withdrawn", "lost"), ("closed", "won"))
    card = {"mode": "setup", "metadata": {}, "amount_total": None, "amount_subtotal": None, "payment_intent": None}
    expanded = {"payment_intent": intent_of(unpaid), "customer": {"id": "cus_1", "object": "customer"}}
    return [
        *(event(f"checkout.session.{kind}", session_of(about)) for kind in sessions for about in both),
        *(event(f"payment_intent.{kind}", intent_of(about)) for kind in intents for about in both),
        *(refund(about, 2_500, kind=kind) for kind in refunds for about in both),
        *(dispute(about, 2_500, kind, status, moved=1) for kind, status in disputes for about in both),
        event("checkout.session.completed", session_of("x") | card),
        event("checkout.session.completed", session_of(unpaid) | expanded),
        event("customer.created", {"id": "cus_1"}),
        event("charge.refunded", {"id": "ch_1", "refunds": {"data": [{"id": "re_1"}]}}),
    ]


def twisted(body: bytes, chance: random.Random) -> bytes:
    """Another such event, with up to three fields of its object missing, or holding something else."""
    told = json.loads(body) | {"id": new_id("evt")}
    subject = told["data"]["object"]
    for _ in range(chance.randint(0, 3)):
        part = subject
        if isinstance(inner := subject.get("metadata"), dict) and inner and chance.random() < 0.2:
            part = inner
        if not part:
            continue
        name = chance.choice(sorted(part))
        if chance.random() < 0.2:
            del part[name]
        elif chance.random() < 0.1:
            part[name] = {"id": part[name], "object": "expanded"}
        else:
            part[name] = copy.deepcopy(chance.choice(ODD_VALUES))
    return json.dumps(told).encode()


def test_nothing_well_signed_that_stripe_could_send_is_answered_with_a_failure_or_lost(shop: Shop):
    """A route that fails answers 5xx, and Stripe asks again: here that may happen to no event, however odd it is."""
    seed = random.SystemRandom().randrange(10**9)
    chance = random.Random(seed)
    kinds = well_formed(bought(shop), shop.order(25))
    known = {kept.id for kept in shop.events()}
    refused = 0
    for _ in range(ODD_EVENTS):
        body = twisted(chance.choice(kinds), chance)
        known.add(json.loads(body)["id"])
        for _ in range(2):
            try:
                receive_event(body, sign(body))
            except InvalidEvent:
                # This is answered with 400; whatever else is raised here would be a 5xx.
                refused += 1
            except BaseException as error:
                raise AssertionError(f"seed {seed}: {body!r}") from error
    kept = {row.id: row for row in shop.events()}
    assert set(kept) == known
    # Handled or refused with a reason; none was given up on as an error of ours, to be tried for ever.
    stuck = [(row.error, row.payload) for row in kept.values() if row.attempts]
    assert stuck == [], f"seed {seed}"
    assert 0 < refused < 2 * ODD_EVENTS


@pytest.mark.parametrize("amount", [2**31 - 1, 2**31, 2**63, 10**30])
def test_an_amount_too_large_for_the_books_breaks_nothing(shop: Shop, amount: int):
    paid, waiting = bought(shop), shop.order(25)
    for body in (
        refund(paid, amount),
        dispute(paid, amount, "created", "needs_response"),
        shop.completed(waiting, amount_total=amount),
        shop.succeeded(waiting, amount=amount, amount_received=amount),
        shop.completed(waiting, amount_total=amount, total_details={"amount_tax": amount, "amount_discount": amount}),
    ):
        with suppress(InvalidEvent):
            shop.deliver(body)
    assert [row.error for row in shop.events() if row.attempts] == []
