"""Every movement with its running balance, in pages that cost the same however long the history is."""

import asyncio
import csv
import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen, remove

from projectloom.billing.refunds import request_refund
from projectloom.billing.statement import Chosen, choose, read_movement, read_purchase, read_statement, statement_csv
from projectloom.db import engine, transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.credits import grant
from projectloom.ledger.models import JournalEntry, Posting
from projectloom.money import from_usd
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought, dispute, refund
from tests.spending import spend
from tests.yardstick import slowness


def test_each_line_continues_the_balance_of_the_one_below_it(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, 1_234_567)
    shop.deliver(refund(order_id, 1_000))
    lines = read_statement(shop.person)
    assert [line.label for line in lines] == ["Refund or dispute", "Reply", "Purchase"]
    for line, below in pairwise(lines):
        assert line.balance_nanos == below.balance_nanos + line.amount_nanos
    assert lines[-1].cause == order_id
    assert read_statement(shop.person, before=lines[-1].id) == []
    assert read_statement("usr_other") == []
    assert [read_movement(shop.person, line.id) for line in lines] == lines
    assert read_purchase(shop.person, order_id) == lines[-1]
    for ask in (lambda: read_movement("usr_other", lines[0].id), lambda: read_purchase("usr_other", order_id)):
        with pytest.raises(NotFound):
            ask()


def test_several_kinds_at_once_are_one_list_and_one_file(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, 1_234_567)
    give(shop, "gift")
    shop.deliver(refund(order_id, 1_000))
    some = choose(["grant", "top_up", "grant"])
    assert [line.kind for line in read_statement(shop.person, some)] == ["grant", "top_up"]
    assert exported(shop.person, some) == ["Credit given to you", "Purchase"]
    assert [line.kind for line in read_statement(shop.person, choose(["reversal", "capture"]))] == [
        "reversal",
        "capture",
    ]
    assert read_statement(shop.person, choose(["expiry"])) == []


def test_a_range_of_days_begins_and_ends_with_its_days_in_utc(person: str):
    days = [datetime(2026, month, day, hour, tzinfo=UTC) for month, day, hour in ((1, 31, 23), (2, 1, 0), (2, 28, 23))]
    days.append(datetime(2026, 3, 1, 0, tzinfo=UTC))
    insert(person, [("capture", moment) for moment in days])

    def found(since: str | None, until: str | None) -> list[datetime]:
        return [line.created_at for line in read_statement(person, choose((), since, until))][::-1]

    assert found("2026-02-01", "2026-02-28") == days[1:3]
    assert found("2026-02-01", None) == days[1:]
    assert found(None, "2026-01-31") == days[:1]
    assert found("2026-03-01", "2026-03-01") == days[3:]
    assert found("2026-03-02", None) == found(None, "2026-01-30") == []
    assert found("2000-01-01", "9000-12-31") == days
    assert read_statement("usr_other", choose((), "2026-01-01", "2026-12-31")) == []


def test_a_range_of_days_is_right_where_the_clocks_of_two_servers_differ(person: str):
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    # Every second movement was written by a server whose clock is half an hour slow.
    moments = [noon + timedelta(minutes=20 * n - 30 * (n % 2)) for n in range(200)]
    insert(person, [("capture", moment) for moment in moments])
    for day in ("2026-02-01", "2026-02-02", "2026-02-03", "2026-02-04"):
        found = read_statement(person, choose((), day, day))
        assert len(found) == sum(f"{moment:%Y-%m-%d}" == day for moment in moments)


@pytest.mark.parametrize(
    ("kinds", "since", "until", "said"),
    [
        (["nonsense"], None, None, "Unknown kind"),
        (["top_up", ""], None, None, "Unknown kind"),
        ([], "yesterday", None, "since must be a day such as"),
        ([], "2026-02-30", None, "since must be a day"),
        ([], "20260201", None, "since must be a day"),
        ([], "2026-W01-1", None, "since must be a day"),
        ([], None, "2026-02-01T00:00:00", "until must be a day"),
        ([], "", None, "since must be a day"),
        ([], "0001-01-01", None, "since must be a day"),
        ([], None, "9999-12-31", "until must be a day"),
        ([], "2026-02-02", "2026-02-01", "The first day must not be after the last"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_words(kinds: list[str], since: str, until: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        choose(kinds, since, until)


def test_each_line_about_a_purchase_names_it_whatever_its_cause(shop: Shop):
    first, second, third, fourth = bought(shop), bought(shop, 50), bought(shop, 10), bought(shop, 100)
    # A dispute sets aside and gives back; a refund that the person asks for does, too; one of Stripe's side takes.
    shop.deliver(dispute(second, 5_000, "created", "needs_response"))
    shop.deliver(dispute(second, 5_000, "closed", "won"))
    asyncio.run(request_refund(shop.person, third))
    spend(shop.person, from_usd(180))
    shop.deliver(refund(first, 2_500, refund_id="re_dashboard"))
    shop.deliver(refund(fourth, 10_000, refund_id="re_other"))
    give(shop, "gift")
    fifth = bought(shop, 100)
    lines = [(line.kind, line.order_id) for line in read_statement(shop.person)][::-1]
    assert lines == [
        *[("top_up", order_id) for order_id in (first, second, third, fourth)],
        *[("freeze", second), ("reinstatement", second)],
        *[("freeze", third), ("reinstatement", third), ("reversal", third)],
        ("capture", None),
        ("reversal", first),
        ("grant", None),
        ("debt_repayment", None),
        ("top_up", fifth),
        ("debt_repayment", fifth),
    ]


def test_no_page_asks_more_questions_the_more_lines_it_has(shop: Shop):
    def questions() -> int:
        asked: list[str] = []

        def count(_connection, _cursor, statement: str, *_: object) -> None:
            asked.append(statement)

        listen(engine(), "before_cursor_execute", count)
        read_statement(shop.person)
        remove(engine(), "before_cursor_execute", count)
        return len([statement for statement in asked if statement.lstrip().upper().startswith("SELECT")])

    def refund_after_spending(amount: int, refund_id: str) -> None:
        order_id = bought(shop, amount)
        spend(shop.person, from_usd(1))
        shop.deliver(refund(order_id, amount * 100, refund_id=refund_id))

    refund_after_spending(10, "re_a")
    refund_after_spending(25, "re_b")
    few = questions()
    refund_after_spending(50, "re_c")
    refund_after_spending(100, "re_d")
    assert questions() == few
    assert few <= 3


def test_no_cell_of_the_export_is_a_formula_and_it_says_what_the_page_says(shop: Shop):
    give(shop, '=HYPERLINK("http://x","y"),z')
    rows = list(csv.DictReader(io.StringIO("".join(statement_csv(shop.person)))))
    assert rows[0]["cause"].startswith("'=")
    assert (rows[0]["amount_usd"], rows[0]["balance_usd"]) == ("1.00", "1.00")
    assert len(rows) == len(read_statement(shop.person))


@pytest.mark.alone
def test_a_page_of_a_hundred_thousand_movements_takes_no_longer_than_a_tenth_of_a_second(person: str):
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for start in range(0, 100_000, 10_000):
        moments = [begin + timedelta(seconds=26 * n) for n in range(start, start + 10_000)]
        insert(person, [("capture", moment) for moment in moments], start)
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Postgres does this by itself within a minute or so.
        connection.execute(text("ANALYZE"))
    for chosen in (
        choose(()),
        choose(["capture"]),
        choose(["top_up", "grant"]),
        choose(["reversal", "reinstatement", "freeze"]),
        choose((), "2026-01-10", "2026-01-20"),
        choose(["capture"], "2026-01-10"),
        choose(["expiry"], None, "2026-01-20"),
    ):
        most = 0.1 * slowness()
        for before in (None, 70_000, 200):
            took = []
            for _ in range(3):
                begun = time.perf_counter()
                found = read_statement(person, chosen, before=before)
                took.append(time.perf_counter() - begun)
            assert len(found) == 100 or "capture" not in chosen.kinds or before == 200
            assert min(took) < most, (chosen, before, took)


def insert(person: str, movements: Sequence[tuple[str, datetime]], first: int = 0) -> None:
    """Movements as rows alone, without what else the books would know of them."""
    entries = [
        {"id": f"je_{n:06}", "kind": kind, "idempotency_key": f"k{n}", "input_hash": "", "cause": f"t{n}"}
        | {"created_at": moment}
        for n, (kind, moment) in enumerate(movements, first)
    ]
    lines = [
        {"entry_id": entry["id"], "account_id": credits_address(person), "amount_nanos": -1, "balance_nanos": 1}
        for entry in entries
    ]
    with transaction() as session:
        session.connection().execute(JournalEntry.__table__.insert(), entries)
        session.connection().execute(Posting.__table__.insert(), lines)


def exported(person: str, chosen: Chosen) -> list[str]:
    rows = csv.DictReader(io.StringIO("".join(statement_csv(person, chosen))))
    return [row["movement"] for row in rows]


def give(shop: Shop, reason: str) -> None:
    with transaction() as session:
        grant(session, user_id=shop.person, reason=reason, amount_nanos=from_usd(1))
