"""The operator is told, once a day, of what no event tells: what waits, costs too much, is late or exhausted."""

from datetime import timedelta

import pytest
from sqlmodel import select

from projectloom import limits
from projectloom.billing.models import JobLease, StripeEvent
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.instruments import DATABASE_TROUBLE, FIRST_WORD
from projectloom.ledger.credits import grant
from projectloom.ledger.holds import authorize
from projectloom.mails.models import MailOut
from projectloom.operating.figures import Counting
from projectloom.operating.watch import SelfWatch, watch_all


@pytest.fixture(autouse=True)
def _somebody_to_tell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SMTP_HOST", "mail.example")
    monkeypatch.setenv("SMTP_FROM", "loom@example.org")
    monkeypatch.setenv("ALERT_EMAIL", "operator@example.org")
    settings.cache_clear()


def told() -> list[str]:
    with reading() as session:
        return sorted(session.exec(select(MailOut.subject)).all())


def waiting_event(_person: str) -> None:
    long_ago = now() - timedelta(seconds=limits.INBOX_OLD_SECONDS + 60)
    with transaction() as session:
        session.add(
            StripeEvent(id="evt", type="x", livemode=False, payload="{}", received_at=long_ago, next_try_at=now())
        )


def losses(_person: str) -> None:
    _lease(Counting.LOSSES, found=limits.LOSSES_TOLD_NANOS + 1, done_at=now())


def late_job(_person: str) -> None:
    _lease("expire credit", done_at=now() - timedelta(hours=1), failures=3, error="database_unavailable")


def never_done(_person: str) -> None:
    _lease("reconcile", failures=limits.JOB_FAILURES_TOLD, error="payment_unavailable")


def _lease(name: str, **how) -> None:
    with transaction() as session:
        session.add(JobLease(name=name, until=now(), **how))


@pytest.mark.parametrize(
    ("trouble", "subject"),
    [
        (waiting_event, "Stripe's events wait"),
        (losses, "Replies cost the house"),
        (late_job, "Periodic work is late"),
        (never_done, "Periodic work is late"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_trouble_is_told_once_however_often_it_is_looked_at(person: str, trouble, subject: str):
    watch_all()
    assert told() == []
    trouble(person)
    for _ in range(3):
        watch_all()
    assert told() == [subject]


def test_a_hold_that_is_older_than_any_reply_is_told(person: str, monkeypatch: pytest.MonkeyPatch):
    with transaction() as session:
        grant(session, user_id=person, reason="gift", amount_nanos=10)
        authorize(session, user_id=person, amount_nanos=5, idempotency_key="h", cause="x", expires_at=now())
    watch_all()
    assert told() == []
    monkeypatch.setattr(limits, "HOLD_OLD_SECONDS", -1)
    watch_all()
    watch_all()
    assert told() == ["Credit is held for too long"]


def test_hourly_work_is_not_late_after_an_hour(person: str):
    _lease("reconcile widely", done_at=now() - timedelta(hours=1))
    _lease("count debt", done_at=now())
    watch_all()
    assert told() == []


def test_a_server_that_had_no_connection_left_says_so_once(books):
    watch = SelfWatch()
    watch.look()
    assert told() == []
    DATABASE_TROUBLE.labels("pool").inc()
    watch.look()
    watch.look()
    assert told() == ["A server was exhausted"]


def test_replies_that_wait_long_for_their_first_word_are_told_when_they_are_many(books):
    watch = SelfWatch()
    watch.look()
    for _ in range(limits.SLOW_REPLIES_OF - 1):
        FIRST_WORD.labels("openai").observe(40)
    watch.look()
    assert told() == []
    for seconds in [1] * limits.SLOW_REPLIES_OF + [40]:
        FIRST_WORD.labels("openai").observe(seconds)
    watch.look()
    assert told() == []
    for _ in range(limits.SLOW_REPLIES_OF):
        FIRST_WORD.labels("openai").observe(40)
    watch.look()
    assert told() == ["Replies are slow"]
