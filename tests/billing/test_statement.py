"""Every movement with its running balance, in pages that cost the same however long the history is."""

import csv
import io
import time
from datetime import timedelta
from itertools import pairwise

import pytest

from projectloom.billing.statement import read_statement, statement_csv
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import InvalidInput
from projectloom.ledger.accounts import credits_address
from projectloom.ledger.credits import grant
from projectloom.ledger.models import JournalEntry, Posting
from projectloom.money import from_usd
from tests.billing.conftest import Shop
from tests.billing.test_reversals import bought, refund
from tests.spending import spend


def test_each_line_continues_the_balance_of_the_one_below_it(shop: Shop):
    order_id = bought(shop)
    spend(shop.person, 1_234_567)
    shop.deliver(refund(order_id, 1_000))
    lines = read_statement(shop.person)
    assert [line.label for line in lines] == ["Refund or dispute", "Reply", "Purchase"]
    for line, below in pairwise(lines):
        assert line.balance_nanos == below.balance_nanos + line.amount_nanos
    assert lines[-1].cause == order_id
    assert [line.kind for line in read_statement(shop.person, kind="capture")] == ["capture"]
    assert read_statement(shop.person, before=lines[-1].id) == []
    assert read_statement("usr_other") == []
    with pytest.raises(InvalidInput):
        read_statement(shop.person, kind="nonsense")


def test_no_cell_of_the_export_is_a_formula_and_it_says_what_the_page_says(shop: Shop):
    with transaction() as session:
        grant(session, user_id=shop.person, reason='=HYPERLINK("http://x","y"),z', amount_nanos=from_usd(1))
    rows = list(csv.DictReader(io.StringIO("".join(statement_csv(shop.person)))))
    assert rows[0]["cause"].startswith("'=")
    assert (rows[0]["amount_usd"], rows[0]["balance_usd"]) == ("1.00", "1.00")
    assert len(rows) == len(read_statement(shop.person))


def test_a_page_of_a_hundred_thousand_movements_takes_no_longer_than_a_tenth_of_a_second(person: str):
    moment, address = now(), credits_address(person)
    with transaction() as session:
        connection = session.connection()
        for start in range(0, 100_000, 10_000):
            numbers = range(start, start + 10_000)
            entries = [
                {"id": f"je_{n:06}", "kind": "capture", "idempotency_key": f"k{n}", "input_hash": "", "cause": f"t{n}"}
                for n in numbers
            ]
            connection.execute(
                JournalEntry.__table__.insert(), [e | {"created_at": moment + timedelta(seconds=1)} for e in entries]
            )
            connection.execute(
                Posting.__table__.insert(),
                [{"entry_id": e["id"], "account_id": address, "amount_nanos": 1, "balance_nanos": 1} for e in entries],
            )
    took = []
    for before in (None, 50_000, 200):
        begun = time.perf_counter()
        assert len(read_statement(person, before=before)) == 100
        took.append(time.perf_counter() - begun)
    assert sorted(took)[1] < 0.1
