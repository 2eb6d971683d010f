"""Figures for the operator's monitoring: what waits, since when, and how the jobs of all servers go."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import select

from projectloom import limits
from projectloom.billing.models import JobLease, StripeEvent
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import PaymentUnavailable
from projectloom.jobs.periodic import Job, keep_running
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.holds import authorize
from projectloom.ledger.reversals import take_back
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail
from projectloom.operating.figures import Counting, count_debt, read_figures

LATER = now() + timedelta(hours=1)


def test_with_empty_books_nothing_waits(books):
    found = read_figures()
    assert (found.holds.count, found.turns.count, found.inbox.count, found.outbox.count, found.abandoned) == (0,) * 5
    assert found.holds.oldest_seconds == 0
    assert found.found_by(Counting.DEBT) is None


def test_what_waits_is_counted_with_the_age_of_the_oldest(person: str):
    long_ago = now() - timedelta(seconds=100)
    with transaction() as session:
        grant(session, user_id=person, reason="gift", amount_nanos=10)
        authorize(session, user_id=person, amount_nanos=5, idempotency_key="hold:x", cause="x", expires_at=LATER)
        put_mail(
            session, user_id=None, to="a@example.org", kind=MailKind.ALERT, subject="s", body="b", dedupe_key="one"
        )
        waits = {"type": "x", "livemode": False, "payload": "{}", "received_at": long_ago}
        session.add(StripeEvent(id="evt_1", next_try_at=now(), **waits))
        # One that only a new delivery could help waits for nobody.
        session.add(StripeEvent(id="evt_2", error="Missing metadata", **waits))
    found = read_figures()
    assert (found.holds.count, found.outbox.count, found.inbox.count) == (1, 1, 1)
    assert 99 < found.inbox.oldest_seconds < 130
    assert found.holds.oldest_seconds < 30


def test_all_debt_is_counted(person: str):
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=100, bonus_nanos=0)
        authorize(session, user_id=person, amount_nanos=40, idempotency_key="hold:x", cause="x", expires_at=LATER)
        take_back(
            session,
            user_id=person,
            order_id="ord_1",
            idempotency_key="reversal:re_1",
            cause="re_1",
            paid_nanos=100,
            bonus_nanos=0,
        )
    assert count_debt() == 40


async def _rounds(job: Job, seconds: float = 0.5) -> JobLease:
    task = asyncio.create_task(keep_running(job))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    with reading() as session:
        return session.exec(select(JobLease).where(JobLease.name == job.name)).one()


async def test_how_a_leased_job_goes_is_written_down_for_all_servers(books):
    async def counts() -> int:
        return 7

    lease = await _rounds(Job("counts", 60, counts, leased=True))
    assert (lease.failures, lease.error, lease.found) == (0, None, 7)
    assert lease.done_at is not None


async def test_each_failure_of_a_leased_job_is_written_down_until_it_goes_well(books, monkeypatch: pytest.MonkeyPatch):
    broken = [True]

    async def fails() -> None:
        if broken[0]:
            raise PaymentUnavailable

    lease = await _rounds(Job("fails", 0.01, fails, leased=True))
    assert lease.failures > 1
    assert (lease.error, lease.done_at) == ("payment_unavailable", None)
    broken[0] = False
    lease = await _rounds(Job("fails", 0.01, fails, leased=True))
    assert (lease.failures, lease.error) == (0, None)
    assert lease.done_at is not None


async def test_a_job_that_goes_well_every_moment_is_not_written_down_every_moment(books):
    runs = []

    async def quick() -> None:
        runs.append(1)

    first = await _rounds(Job("quick", 0.01, quick, leased=True))
    assert len(runs) > 3
    assert first.done_at is not None
    assert first.done_at < now() - timedelta(seconds=0.1)
    assert limits.NOTE_RUNS_SECONDS > 1
