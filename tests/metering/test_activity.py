"""The activity agrees with the books, the statement and the receipts to the last digit, from every side."""

import csv
import io
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlmodel import col, func, select

from projectloom.billing.statement import choose, statement_csv
from projectloom.clock import now, start_of_month
from projectloom.conversations.chats import create_conversation, set_deleted
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.models import JournalEntry, Posting
from projectloom.metering.activity import Activity, Sum, read_activity
from projectloom.metering.activity_records import list_records, records_csv
from projectloom.metering.activity_wanted import NONE, Wanted, want
from projectloom.metering.models import Funding
from projectloom.metering.receipts import list_receipts
from projectloom.metering.usage import PERIODS, summarize_usage
from projectloom.money import to_usd, usd_string
from projectloom.workspace.api_keys import create_key
from tests.conftest import new_person
from tests.spending import PastReply, have_asked

MODELS = ("gpt-6.1-sol", "gpt-6-luna", "claude-haiku-5-5")
SOURCES = ("chat", "agent", "summarize", "embeddings", "title")


@pytest.mark.parametrize("seed", range(3))
def test_every_side_of_the_activity_agrees_with_statement_books_receipts_and_usage(person: str, seed: int):
    chance = random.Random(seed)
    conversations = [conversation(person, f"Talk {number}") for number in range(14)]
    keys = [create_key(person, name).key.id for name in ("laptop", "server")]
    replies = [some_reply(chance, conversations, keys) for _ in range(160)]
    have_asked(person, replies)
    have_asked(new_person(), [some_reply(chance, [], []) for _ in range(40)])
    for period, named in (
        *((period, {}) for period in PERIODS),
        ("days", {"since": f"{now() - timedelta(days=40):%Y-%m-%d}", "until": f"{now() - timedelta(days=3):%Y-%m-%d}"}),
    ):
        wanted = want(period, named)
        activity = read_activity(person, wanted)
        assert activity.total.charged_nanos == in_statement(person, wanted) == in_books(person, wanted)
        assert_sides_add_up(activity)
        assert exported(person, wanted) == sums(activity.total)
        if period in PERIODS:
            usage = summarize_usage(person, period)
            assert sums(activity.total) == (usage.count, usage.total_nanos, usage.own_key_cost_nanos)
    receipts = [one for one in every_receipt(person) if one.funding != Funding.HOUSE]
    whole = read_activity(person, want("all_time", {})).total
    assert whole.count == len(receipts)
    assert whole.charged_nanos == sum(one.charged_nanos for one in receipts)
    assert_any_choice_is_what_is_listed(person, chance, replies)


def assert_sides_add_up(activity: Activity) -> None:
    for lines in (
        [span.sums for span in activity.spans],
        activity.by_model,
        activity.by_source,
        activity.by_key,
        activity.by_payer,
        [*activity.by_conversation, activity.other_conversations],
    ):
        assert added(lines) == (*sums(activity.total), activity.total.input_tokens, activity.total.output_tokens)


def assert_any_choice_is_what_is_listed(person: str, chance: random.Random, replies: list[PastReply]) -> None:
    for _ in range(8):
        like = chance.choice(replies)
        named = {
            "model": like.model,
            "source": like.source,
            "payer": like.funding,
            "key": like.api_key_id or NONE,
            "conversation": like.conversation_id or NONE,
            "on": f"{like.at:%Y-%m-%d}",
        }
        if like.funding == Funding.HOUSE:
            continue
        chosen = want("all_time", dict(chance.sample(sorted(named.items()), chance.randint(1, 6))))
        activity = read_activity(person, chosen)
        assert activity.total.count > 0
        assert sums(activity.total) == exported(person, chosen)
        for side, lines in (
            ("model", activity.by_model),
            ("source", activity.by_source),
            ("payer", activity.by_payer),
            ("key", activity.by_key),
        ):
            for line in lines:
                assert sums(line) == exported(person, replace(chosen, **{side: line.name}))
        for line in activity.by_conversation:
            assert sums(line) == exported(person, replace(chosen, conversation=line.name))


def test_days_begin_and_end_at_midnight_in_utc_and_long_ranges_are_drawn_by_months(person: str):
    moments = [datetime(2026, 1, 31, 23, 59, 59, 999_999, UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    moments += [datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)]
    have_asked(person, [PastReply(at, 10**n) for n, at in enumerate(moments)])
    february = read_activity(person, want("days", {"since": "2026-02-01", "until": "2026-02-28"}))
    assert february.total.charged_nanos == 110
    assert [(span.since.day, span.sums.charged_nanos) for span in february.spans if span.sums.count] == [
        (1, 10),
        (28, 100),
    ]
    assert len(february.spans) == 28
    months = read_activity(person, want("days", {"since": "2025-12-15", "until": "2026-04-10"}))
    assert [(span.since, span.sums.charged_nanos) for span in months.spans] == [
        (date(2025, 12, 15), 0),
        (date(2026, 1, 1), 1),
        (date(2026, 2, 1), 110),
        (date(2026, 3, 1), 1000),
        (date(2026, 4, 1), 0),
    ]
    one_day = read_activity(person, want("days", {"since": "2025-12-15", "until": "2026-04-10", "on": "2026-02-01"}))
    assert (one_day.total.charged_nanos, one_day.by_model[0].charged_nanos) == (10, 10)
    assert sum(span.sums.charged_nanos for span in one_day.spans) == 1111


def test_a_page_goes_on_where_the_last_one_ended_also_among_replies_of_one_moment(person: str):
    at = start_of_month(now())
    have_asked(person, [PastReply(at, nanos) for nanos in range(1, 8)])
    seen, after = [], None
    while page := list_records(person, Wanted(), after=after, most=3):
        seen += [record.usage_id for record in page]
        after = page[-1].place
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)


def test_nobody_sees_a_reply_a_title_or_a_key_of_anybody_else(person: str):
    other = new_person()
    talk, key = conversation(other, "Private"), create_key(other, "Private key").key.id
    have_asked(other, [PastReply(now(), 5, conversation_id=talk, api_key_id=key)])
    # A record of mine that named somebody else's things would tell nothing of them.
    have_asked(person, [PastReply(now(), 7, conversation_id=talk, api_key_id=key)])
    mine = read_activity(person, want("all_time", {}))
    assert mine.total.charged_nanos == 7
    (record,) = list_records(person, want("all_time", {"conversation": talk, "key": key}))
    assert (record.conversation, record.key, mine.by_conversation[0].label, mine.by_key[0].label) == ("", "", "", "")
    assert "Private" not in "".join(records_csv(person, want("all_time", {})))


def test_titles_of_the_trash_are_not_told_and_no_cell_of_the_file_is_a_formula(person: str):
    talk, gone = conversation(person, "=1+1"), conversation(person, "Gone")
    with transaction() as session:
        set_deleted(session, user_id=person, conversation_id=gone, deleted=True)
    have_asked(person, [PastReply(now(), 5, conversation_id=talk), PastReply(now(), 4, conversation_id=gone)])
    rows = file_of(person, Wanted())
    assert sorted(row["conversation"] for row in rows) == ["", "'=1+1"]
    assert [line.label for line in read_activity(person, Wanted()).by_conversation] == ["=1+1", ""]


@pytest.mark.parametrize(
    ("period", "named"),
    [
        ("for_ever", {}),
        ("days", {"since": "2026-02-30"}),
        ("days", {"since": "2026-02-02", "until": "2026-02-01"}),
        ("this_month", {"on": "yesterday"}),
        ("this_month", {"payer": "house"}),
        ("this_month", {"model": "a\x00b"}),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(period: str, named: dict[str, str]):
    with pytest.raises(InvalidInput):
        want(period, named)


def some_reply(chance: random.Random, conversations: list[str], keys: list[str]) -> PastReply:
    return PastReply(
        at=now() - timedelta(seconds=chance.randrange(400 * 86_400)),
        nanos=chance.choice([1, 999, chance.randrange(1, 10**7), chance.randrange(1, 3 * 10**9)]),
        model=chance.choice(MODELS),
        source=chance.choice(SOURCES),
        funding=chance.choice([Funding.CREDITS, Funding.CREDITS, Funding.OWN_KEY, Funding.HOUSE]),
        conversation_id=chance.choice([None, *conversations]),
        api_key_id=chance.choice([None, None, *keys]),
    )


def conversation(person: str, title: str) -> str:
    with transaction() as session:
        return create_conversation(session, user_id=person, first_text=title).id


def sums(line: Sum) -> tuple[int, int, int]:
    return line.count, line.charged_nanos, line.own_key_nanos


def added(lines: Iterable[Sum]) -> tuple[int, ...]:
    # On the first of a month this one has no reply yet, and its lists have no line.
    values = [(0, 0, 0, 0, 0), *((*sums(line), line.input_tokens, line.output_tokens) for line in lines)]
    return tuple(map(sum, zip(*values, strict=True)))


def file_of(person: str, wanted: Wanted) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(records_csv(person, wanted)))))


def exported(person: str, wanted: Wanted) -> tuple[int, int, int]:
    rows = file_of(person, wanted)
    charged = sum((Decimal(row["charged_usd"]) for row in rows), Decimal(0))
    own = sum((Decimal(row["own_key_usd"]) for row in rows), Decimal(0))
    return len(rows), int(charged * 10**9), int(own * 10**9)


def in_statement(person: str, wanted: Wanted) -> int:
    """What the statement's own file says that replies of the range cost."""
    chosen = choose(["capture"], wanted.since and f"{wanted.since}", wanted.until and f"{wanted.until}")
    rows = csv.DictReader(io.StringIO("".join(statement_csv(person, chosen))))
    return -int(sum((Decimal(row["amount_usd"]) for row in rows), Decimal(0)) * 10**9)


def in_books(person: str, wanted: Wanted) -> int:
    query = (
        select(func.coalesce(func.sum(Posting.amount_nanos), 0))
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(Posting.account_id == credits_address(person), JournalEntry.kind == "capture")
    )
    if wanted.since:
        query = query.where(JournalEntry.created_at >= datetime(*wanted.since.timetuple()[:3], tzinfo=UTC))
    if wanted.until:
        end = datetime(*wanted.until.timetuple()[:3], tzinfo=UTC) + timedelta(days=1)
        query = query.where(JournalEntry.created_at < end)
    with reading() as session:
        return -int(session.exec(query).one())


def every_receipt(person: str) -> list:
    found, before = [], None
    while page := list_receipts(person, before=before):
        found += page
        before = page[-1].usage_id
    return found


def test_amounts_of_the_file_are_exact(person: str):
    have_asked(person, [PastReply(now(), 1), PastReply(now(), 3_000_000_007)])
    assert {row["charged_usd"] for row in file_of(person, Wanted())} == {usd_string(1), usd_string(3_000_000_007)}
    assert sum(Decimal(row["charged_usd"]) for row in file_of(person, Wanted())) == to_usd(3_000_000_008)
