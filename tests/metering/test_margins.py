"""What replies brought and cost, by day and model, is what the books say, to the last digit."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput
from projectloom.ledger.accounts import EARNINGS, credits_address
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.models import JournalEntry, Posting
from projectloom.metering.margins import read_margins
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import from_usd
from tests.metering.conftest import MODEL
from tests.providers.dialects import A_WHOLE, O_WHOLE
from tests.providers.scripted_server import stream
from tests.spending import PastReply, have_asked, spend

FIRST = date(2026, 2, 27)
LAST = date(2026, 3, 2)
EDGES = (
    datetime(2026, 2, 26, 23, 59, 59, 999999, UTC),
    datetime(2026, 2, 27, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, 59, 999999, UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 2, 23, 59, 59, 999999, UTC),
    datetime(2026, 3, 3, tzinfo=UTC),
)


@pytest.fixture
def past(person: str) -> list[PastReply]:
    """Replies at every edge of a few days and between, paid by everybody there is, with what they earned posted."""
    draw = random.Random(7)
    moments = [*EDGES, *(EDGES[1] + timedelta(seconds=draw.randrange(4 * 86_400)) for _ in range(60))]
    replies = [
        PastReply(at, draw.randrange(1, 10**9), draw.choice(("gpt-6.1-sol", "claude-opus-5-5")), "chat", funding)
        for at in moments
        for funding in (Funding.CREDITS, draw.choice(tuple(Funding)))
    ]
    have_asked(person, replies)
    with transaction() as session:
        query = select(Posting).where(Posting.account_id == credits_address(person))
        for taken in session.exec(query).all():
            session.add(Posting(entry_id=taken.entry_id, account_id=EARNINGS, amount_nanos=-taken.amount_nanos))
    return replies


def test_every_day_and_model_is_the_sum_of_its_replies_and_of_what_the_books_earned(past: list[PastReply]):
    found = read_margins(FIRST, LAST)
    charged, cost, count = defaultdict(int), defaultdict(int), defaultdict(int)
    for reply in past:
        key = (reply.at.date(), reply.model)
        if FIRST <= key[0] <= LAST and reply.funding != Funding.OWN_KEY:
            charged[key] += reply.nanos if reply.funding == Funding.CREDITS else 0
            cost[key] += reply.nanos
            count[key] += 1
    lines = {(line.day, line.model): line.sums for line in found.lines}
    assert {key: (one.count, one.charged_nanos, one.cost_nanos) for key, one in lines.items()} == {
        key: (count[key], charged[key], cost[key]) for key in count
    }
    with reading() as session:
        earned = defaultdict(int)
        for amount, at in session.exec(
            select(Posting.amount_nanos, JournalEntry.created_at)
            .join(JournalEntry)
            .where(Posting.account_id == EARNINGS)
        ).all():
            earned[at.date()] += amount
    assert {line.day: line.sums.charged_nanos for line in found.days} == {
        day: nanos for day, nanos in earned.items() if FIRST <= day <= LAST
    }
    assert found.earned_nanos == found.whole.charged_nanos == sum(charged.values())
    assert found.agrees
    assert found.whole.margin_nanos == sum(charged.values()) - sum(cost.values())
    assert [line.day for line in found.days] == sorted({day for day, _ in count}, reverse=True)
    assert sum(line.sums.cost_nanos for line in found.models) == sum(cost.values())


def test_earnings_without_a_reply_are_seen(past: list[PastReply], person: str):
    with transaction() as session:
        entry = session.exec(select(JournalEntry.id).where(JournalEntry.created_at == EDGES[1])).first()
        session.add(Posting(entry_id=entry or "", account_id=EARNINGS, amount_nanos=1))
    found = read_margins(FIRST, LAST)
    assert found.earned_nanos == found.whole.charged_nanos + 1
    assert not found.agrees


def test_what_given_credit_paid_is_told_apart_from_what_was_bought(person: str):
    with transaction() as session:
        top_up(session, user_id=person, order_id="ord_1", paid_nanos=from_usd(10), bonus_nanos=from_usd(1))
        grant(session, user_id=person, reason="gift", amount_nanos=from_usd(2))
    for dollars in (1, 4):
        spend(person, from_usd(dollars))
    found = read_margins()
    assert (found.whole.count, found.whole.charged_nanos, found.whole.given_nanos) == (2, from_usd(5), from_usd(3))
    assert found.agrees


async def test_the_charges_of_real_replies_are_the_earnings_of_the_books(world):
    async with world(stream(*O_WHOLE), stream(*A_WHOLE)) as w:
        first = (await w.reply())[1]
        second = (await w.reply(model="claude-sonnet-5-5"))[1]
        found = read_margins()
        assert {line.model: line.sums.charged_nanos for line in found.models} == {
            MODEL: first.charged_nanos,
            "claude-sonnet-5-5": second.charged_nanos,
        }
        assert found.agrees
        with reading() as session:
            costs = session.exec(select(UsageRecord.provider_cost_nanos)).all()
        assert found.whole.cost_nanos == sum(costs) > 0


def test_without_a_reply_there_is_nothing_and_a_range_that_cannot_be_is_refused(books):
    found = read_margins()
    assert (found.lines, found.whole.count, found.earned_nanos, found.agrees) == ((), 0, 0, True)
    assert (found.until - found.since, found.until) == (timedelta(days=29), now().date())
    with pytest.raises(InvalidInput, match="first day"):
        read_margins(LAST, FIRST)
    with pytest.raises(InvalidInput, match="at most 400 days"):
        read_margins(date(2020, 1, 1), LAST)
