"""Each promise of the audit can be broken, and what breaks it is found: fresh by every audit, old by ``--full``."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, func, text
from sqlmodel import Session, select

from projectloom import limits
from projectloom.__main__ import main
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import make_engine, reading, transaction
from projectloom.ids import first_id, new_id
from projectloom.ledger.audit import Since
from projectloom.ledger.audit_marks import read_mark
from projectloom.ledger.credits import grant
from projectloom.ledger.models import AuditedLot, LotMovement
from projectloom.money import from_usd
from projectloom.operating.audit import PROOFS, audit, examine, remember
from tests.conftest import ENGINES, forget_settings, fresh_database, new_person
from tests.ledger.books_for_audit import broken, keep_shop, owner_at_work
from tests.spending import spend

EVERYTHING_IS_OLD = timedelta(hours=1)


@dataclass(frozen=True)
class Tampering:
    """What an owner does, the promise that it breaks, and whether only a full audit sees it once it is old."""

    promise: str
    statement: str
    full_only: bool = True

    def __str__(self) -> str:
        return self.promise[:60]


CAPTURED = "(SELECT id FROM holds WHERE state = 'captured')"
CREDITS = "(SELECT id FROM ledger_accounts WHERE kind = 'credits')"
CAPTURE = "(SELECT id FROM journal_entries WHERE kind = 'capture')"
TOP_UP = "(SELECT id FROM journal_entries WHERE idempotency_key = 'top_up:ord_00spent')"
SPENT_TURN = "(SELECT turn_id FROM usage_records WHERE charged_nanos > 0)"

TAMPERINGS = (
    Tampering(
        "every journal entry sums to zero",
        f"UPDATE postings SET amount_nanos = 1 WHERE account_id = 'stripe:clearing' AND entry_id = {TOP_UP}",
    ),
    Tampering(
        "every journal entry sums to zero",
        f"DELETE FROM postings WHERE entry_id = {CAPTURE}",
    ),
    Tampering(
        "every journal entry sums to zero",
        "INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at) "
        "VALUES ('{je}', 'grant', 'x', 'x', 'x', '{now}')",
    ),
    Tampering(
        "each account's posted balance is the sum of its postings",
        f"UPDATE ledger_accounts SET posted_nanos = posted_nanos + 1 WHERE id = {CREDITS}",
        full_only=False,
    ),
    Tampering(
        "each account's posted balance is the sum of its postings",
        "UPDATE ledger_accounts SET posted_nanos = posted_nanos - 1 WHERE kind = 'frozen'",
        full_only=False,
    ),
    Tampering(
        "the running balance on each posting continues the one before it, and the operator's postings carry none",
        f"UPDATE postings SET balance_nanos = balance_nanos + 1 WHERE entry_id = {CAPTURE} AND account_id = {CREDITS}",
    ),
    Tampering(
        "the running balance on each posting continues the one before it, and the operator's postings carry none",
        f"UPDATE postings SET balance_nanos = NULL WHERE entry_id = {CAPTURE}",
    ),
    Tampering(
        "the running balance on each posting continues the one before it, and the operator's postings carry none",
        "UPDATE postings SET balance_nanos = 0 WHERE account_id = 'stripe:clearing'",
    ),
    Tampering(
        "each account's held balance is the sum of its unresolved holds",
        f"UPDATE ledger_accounts SET held_nanos = held_nanos + 1 WHERE id = {CREDITS}",
        full_only=False,
    ),
    Tampering(
        "each account's held balance is the sum of its unresolved holds",
        "UPDATE holds SET amount_nanos = amount_nanos + 1 WHERE state = 'held'",
        full_only=False,
    ),
    Tampering(
        "each account's lifetime spending is the sum of its captured holds",
        f"UPDATE ledger_accounts SET spent_nanos = spent_nanos + 1 WHERE id = {CREDITS}",
        full_only=False,
    ),
    Tampering(
        "no spendable account is below zero or holds more than it has",
        f"UPDATE ledger_accounts SET held_nanos = posted_nanos + 1 WHERE id = {CREDITS}",
        full_only=False,
    ),
    Tampering(
        "no debt is above zero, no frozen credit below it, and the operator's accounts keep no balance",
        "UPDATE ledger_accounts SET posted_nanos = 1 WHERE kind = 'debt'",
        full_only=False,
    ),
    Tampering(
        "no debt is above zero, no frozen credit below it, and the operator's accounts keep no balance",
        "UPDATE ledger_accounts SET posted_nanos = -1 WHERE kind = 'frozen'",
        full_only=False,
    ),
    Tampering(
        "what remains in a person's lots sums to the posted balance",
        "UPDATE credit_lots SET remaining_nanos = remaining_nanos - 1 WHERE kind = 'promotional'",
        full_only=False,
    ),
    Tampering(
        "each entry brings to or takes from a person's lots what it posts to their credit",
        f"UPDATE credit_lots SET amount_nanos = amount_nanos + 1 WHERE kind = 'paid' AND entry_id = {TOP_UP}",
    ),
    Tampering(
        "each lot's remainder is its amount less what its movements took, between nothing and all of it",
        f"DELETE FROM lot_movements WHERE entry_id = {CAPTURE}",
    ),
    Tampering(
        "each lot's remainder is its amount less what its movements took, between nothing and all of it",
        f"INSERT INTO lot_movements (lot_id, entry_id, amount_nanos) SELECT lot_id, {TOP_UP}, 1 FROM lot_movements "
        "WHERE id = 1",
        full_only=False,
    ),
    Tampering("paid credit never expires", "UPDATE credit_lots SET expires_at = '{now}' WHERE kind = 'paid'"),
    Tampering(
        "what is revoked is taken from the one grant that it names, and never from credit that was bought",
        "UPDATE credit_lots SET kind = 'paid' WHERE id = (SELECT cause FROM journal_entries WHERE kind = 'revocation')",
    ),
    Tampering(
        "what is revoked is taken from the one grant that it names, and never from credit that was bought",
        "UPDATE journal_entries SET cause = 'x' WHERE kind = 'revocation'",
    ),
    Tampering(
        "each captured hold has one capture entry of its amount, and no other hold has one",
        f"UPDATE journal_entries SET idempotency_key = 'capture:x' WHERE id = {CAPTURE}",
    ),
    Tampering(
        "each captured hold has one capture entry of its amount, and no other hold has one",
        f"UPDATE holds SET state = 'voided', captured_nanos = 0 WHERE id = {CAPTURED}",
    ),
    Tampering(
        "each capture entry belongs to a captured hold",
        f"UPDATE holds SET state = 'expired', captured_nanos = 0 WHERE id = {CAPTURED}",
    ),
    Tampering(
        "a hold is resolved when and only when it says so, and no more is captured than was held",
        f"UPDATE holds SET captured_nanos = amount_nanos + 1 WHERE id = {CAPTURED}",
    ),
    Tampering(
        "a hold is resolved when and only when it says so, and no more is captured than was held",
        f"UPDATE holds SET resolved_at = NULL WHERE id = {CAPTURED}",
        full_only=False,
    ),
    Tampering(
        "every paid order has one top-up of its pack, for what was paid, and no other order has one",
        "UPDATE orders SET price_cents = price_cents + 1 WHERE id = 'ord_00spent'",
    ),
    Tampering(
        "every paid order has one top-up of its pack, for what was paid, and no other order has one",
        "UPDATE orders SET discount_cents = 1 WHERE id = 'ord_00spent'",
    ),
    Tampering(
        "every paid order has one top-up of its pack, for what was paid, and no other order has one",
        "UPDATE orders SET status = 'completed', paid_cents = 1000, completed_at = '{now}' WHERE id = 'ord_00open'",
        full_only=False,
    ),
    Tampering(
        "every paid order has one top-up of its pack, for what was paid, and no other order has one",
        "UPDATE orders SET status = 'pending', completed_at = NULL WHERE id = 'ord_00spent'",
    ),
    Tampering("no order was credited that was not paid", "UPDATE orders SET paid_cents = 999 WHERE id = 'ord_00spent'"),
    Tampering(
        "every top-up belongs to a paid order",
        f"UPDATE journal_entries SET idempotency_key = 'top_up:x' WHERE id = {TOP_UP}",
    ),
    Tampering(
        "one auto top-up a person is under way at most",
        "UPDATE orders SET source = 'auto' WHERE id = 'ord_00open'",
        full_only=False,
    ),
    Tampering(
        "every refund or dispute stands in the books exactly as far as it came",
        "UPDATE reversals SET applied = 3, reported = 3 WHERE id = 're_1'",
        full_only=False,
    ),
    Tampering(
        "every reversal belongs to a refund or dispute",
        "UPDATE journal_entries SET cause = 'x' WHERE kind = 'reversal'",
    ),
    Tampering(
        "what refunds and disputes took back is never more than the order brought",
        "UPDATE reversals SET paid_nanos = 10000000001 WHERE id = 're_1'",
        full_only=False,
    ),
    Tampering(
        "credit is frozen while a dispute or a requested refund of its purchase is open, and no longer",
        "UPDATE orders SET refund_requested_at = NULL WHERE id = 'ord_00regretted'",
        full_only=False,
    ),
    Tampering(
        "credit is frozen while a dispute or a requested refund of its purchase is open, and no longer",
        "UPDATE reversals SET applied = 0 WHERE id = 'dp_1'",
        full_only=False,
    ),
    Tampering(
        "every refund or dispute of a credited order was followed as far as Stripe reported it",
        "UPDATE reversals SET reported = 3 WHERE id = 're_1'",
        full_only=False,
    ),
    Tampering(
        "every use of a promotional code is one person's grant of its amount, and no other grant is",
        "UPDATE promotional_codes SET uses = 2",
        full_only=False,
    ),
    Tampering(
        "every use of a promotional code is one person's grant of its amount, and no other grant is",
        "UPDATE promotional_codes SET amount_nanos = 1",
        full_only=False,
    ),
    Tampering(
        "no event of Stripe waits unhandled without saying why",
        "UPDATE stripe_events SET handled_at = NULL",
        full_only=False,
    ),
    Tampering(
        "every captured hold has one usage record of its charge",
        "DELETE FROM usage_records WHERE charged_nanos > 0",
    ),
    Tampering(
        "every usage record has its turn's payer and hold, and every charge the entry that captured it",
        f"UPDATE usage_records SET entry_id = {TOP_UP} WHERE charged_nanos > 0",
    ),
    Tampering(
        "every usage record has its turn's payer and hold, and every charge the entry that captured it",
        "UPDATE usage_records SET funding = 'own_key', hold_id = NULL WHERE charged_nanos > 0",
    ),
    Tampering(
        "every hold belongs to one turn, and is resolved when and only when its turn has ended",
        f"UPDATE turns SET hold_id = 'x' WHERE id = {SPENT_TURN}",
    ),
    Tampering(
        "every hold belongs to one turn, and is resolved when and only when its turn has ended",
        "UPDATE turns SET state = 'voided', ended_at = '{now}' WHERE id = 'turn_00open'",
        full_only=False,
    ),
    Tampering(
        "no turn is paid from credit without a hold of its own, on that person's credit, of all that it may cost",
        f"UPDATE turns SET hold_id = NULL WHERE id = {SPENT_TURN}",
    ),
    Tampering(
        "no turn is paid from credit without a hold of its own, on that person's credit, of all that it may cost",
        "UPDATE turns SET held_nanos = 1 WHERE id = 'turn_00open'",
        full_only=False,
    ),
    Tampering(
        "no reply with text was free in credits mode, and none without text was charged",
        f"UPDATE turns SET state = 'voided' WHERE id = {SPENT_TURN}",
    ),
    Tampering(
        "a turn has ended when and only when it says when",
        "UPDATE turns SET ended_at = NULL WHERE id = 'turn_00voided'",
    ),
    Tampering(
        "turns that credit does not pay for hold and charge nothing",
        "UPDATE turns SET held_nanos = 1 WHERE funding = 'own_key'",
    ),
    Tampering(
        "every revocation stands in the operators' record, on the person whose credit it took",
        "DELETE FROM operator_actions",
    ),
    Tampering(
        "every revocation stands in the operators' record, on the person whose credit it took",
        "UPDATE operator_actions SET user_id = NULL",
    ),
)


@pytest.fixture(params=ENGINES, scope="module")
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Books with a row of every kind, proven once."""
    with (
        fresh_database(request, request.param, tmp_path_factory.mktemp("audited")) as environment,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        forget_settings()
        keep_shop(new_person())
        assert audit().holds
        engine = make_engine(settings().sql_url)
        yield engine
        engine.dispose()


def last_numbers(connection: Connection) -> tuple[int, int]:
    query = "SELECT (SELECT MAX(id) FROM postings), (SELECT MAX(id) FROM lot_movements)"
    postings, movements = connection.execute(text(query)).one()
    return postings, movements


def test_every_promise_has_a_tampering_that_breaks_it():
    promised = {proof.name for proof in PROOFS}
    assert {tampering.promise for tampering in TAMPERINGS} == promised


def test_the_untouched_books_hold_in_both_forms(shop: Engine):
    with owner_at_work(shop) as connection, Session(connection) as session:
        old = Since(now() + EVERYTHING_IS_OLD, *last_numbers(connection))
        for since in (None, Since(now() - EVERYTHING_IS_OLD, 0, 0), old):
            assert broken(session, since) == {}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=str)
def test_a_broken_promise_is_found_fresh_by_every_audit_and_old_by_a_full_one(shop: Engine, tampering: Tampering):
    with owner_at_work(shop) as connection, Session(connection) as session:
        old = Since(now() + EVERYTHING_IS_OLD, *last_numbers(connection))
        fresh = Since(now() - EVERYTHING_IS_OLD, 0, 0)
        # What is dated by the tampering itself is new, however old the rest is.
        moment = (now() + 2 * EVERYTHING_IS_OLD).strftime("%Y-%m-%d %H:%M:%S.%f")
        statement = tampering.statement.replace("{now}", moment).replace("{je}", new_id("je"))
        assert connection.execute(text(statement)).rowcount > 0
        assert tampering.promise in broken(session, fresh)
        assert tampering.promise in broken(session, None)
        assert (tampering.promise not in broken(session, old)) == tampering.full_only


def test_a_row_that_is_added_to_an_old_entry_is_found_without_reading_all(shop: Engine):
    with owner_at_work(shop) as connection, Session(connection) as session:
        old = Since(now() + EVERYTHING_IS_OLD, *last_numbers(connection))
        connection.execute(
            text(f"INSERT INTO postings (entry_id, account_id, amount_nanos) VALUES ({TOP_UP}, 'platform:earnings', 5)")
        )
        assert list(broken(session, old)) == ["every journal entry sums to zero"]


def mark() -> tuple[datetime, datetime, datetime] | None:
    with reading() as session:
        found = read_mark(session)
        return (found.clean_until, found.checked_at, found.full_checked_at) if found else None


def give(person: str, reason: str) -> None:
    with transaction() as session:
        grant(session, user_id=person, reason=reason, amount_nanos=from_usd(1))


def test_the_first_audit_reads_everything_and_the_next_one_from_the_overlap_before_it(person: str):
    first = audit()
    after_first = mark()
    second = audit()
    assert (first.since, first.holds, second.holds) == (None, True, True)
    assert second.since == first.reached.checked_at - timedelta(seconds=limits.AUDIT_OVERLAP_SECONDS)
    after_second = mark()
    assert after_first is not None
    assert after_second is not None
    assert after_second[:2] > after_first[:2]
    assert after_second[2] == after_first[2]
    audit(full=True)
    after_full = mark()
    assert after_full is not None
    assert after_full[2] > after_second[2]


def test_an_audit_that_finds_something_leaves_the_mark_where_it_was(person: str, books: Engine):
    audit()
    before = mark()
    with transaction() as session:
        session.connection().execute(
            text(f"UPDATE ledger_accounts SET spent_nanos = 7 WHERE id = 'user:{person}\\:credits'")
        )
    for full in (False, True):
        assert not audit(full=full).holds
        assert mark() == before


def test_an_older_audit_that_ends_later_does_not_take_the_mark_back(person: str):
    slow = examine()
    audit()
    reached = mark()
    remember(slow)
    assert mark() == reached


def test_a_transaction_that_commits_after_the_audit_began_is_not_skipped(person: str, books: Engine):
    audit()
    # An entry that is older than the audit's snapshot, in a transaction that commits only after it.
    late_id = new_id("je")
    found = examine()
    assert found.holds
    with transaction() as session:
        session.connection().execute(
            text(
                "INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at) "
                "VALUES (:id, 'grant', 'x', 'x', 'x', :now)"
            ),
            {"id": late_id, "now": now().strftime("%Y-%m-%d %H:%M:%S.%f")},
        )
    remember(found)
    late = audit()
    assert [check.offenders for check in late.checks if not check.holds] == [(late_id,)]


def test_the_overlap_outlasts_every_transaction():
    longest = max(limits.POSTGRES_STATEMENT_SECONDS, limits.POSTGRES_IDLE_SECONDS, limits.SQLITE_BUSY_SECONDS)
    assert 10 * longest < limits.AUDIT_OVERLAP_SECONDS


def test_what_remains_of_a_lot_is_followed_from_mark_to_mark(person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "AUDIT_OVERLAP_SECONDS", 0)
    give(person, "one")
    for times in range(1, 4):
        spend(person, 7)
        # Ids tell milliseconds.
        time.sleep(0.01)
        assert audit().holds
        with reading() as session:
            [kept] = session.exec(select(AuditedLot)).all()
            last = session.exec(select(func.max(LotMovement.id))).one()
        assert (kept.remaining_nanos, kept.movement_id) == (from_usd(1) - 7 * times, last)


def test_a_full_audit_learns_what_remained_of_lots_that_no_other_looked_at(
    person: str, books: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "AUDIT_OVERLAP_SECONDS", 0)
    give(person, "one")
    spend(person, 7)
    time.sleep(0.01)
    assert audit().holds
    with transaction() as session:
        # As after an update from a version that kept no such thing.
        session.connection().execute(text("DELETE FROM audited_lots"))
    for full, known in ((False, 0), (True, 1)):
        assert audit(full=full).holds
        with reading() as session:
            assert len(session.exec(select(AuditedLot)).all()) == known


def test_movements_after_the_mark_are_summed_again_by_the_next_audit(person: str):
    give(person, "one")
    for _ in range(3):
        spend(person, 7)
        assert audit().holds
    with reading() as session:
        # All of it lies within the overlap.
        assert session.exec(select(AuditedLot)).all() == []


def test_what_was_spent_is_followed_from_mark_to_mark(person: str):
    give(person, "one")
    for _ in range(3):
        spend(person, 7)
        assert audit().holds
    with transaction() as session:
        session.connection().execute(text("UPDATE ledger_accounts SET spent_nanos = 20 WHERE kind = 'credits'"))
    assert [check.name for check in audit().checks if not check.holds] == [
        "each account's lifetime spending is the sum of its captured holds"
    ]


def test_the_command_prints_counts_and_offenders_and_exits_1_when_a_promise_is_broken(
    person: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    give(person, "one")
    monkeypatch.setattr("sys.argv", ["projectloom", "audit"])
    assert main() == 0
    assert "Read everything." in capsys.readouterr().out
    assert main() == 0
    out = capsys.readouterr().out
    assert "Read what was touched since" in out
    assert "ok    every journal entry sums to zero (1 rows)" in out
    with transaction() as session:
        session.connection().execute(text("UPDATE ledger_accounts SET spent_nanos = 7 WHERE kind = 'credits'"))
    for words in (["audit"], ["audit", "--full"]):
        monkeypatch.setattr("sys.argv", ["projectloom", *words])
        assert main() == 1
        out = capsys.readouterr().out
        assert f"        broken by user:{person}:credits" in out
        assert "FAIL  each account's lifetime spending is the sum of its captured holds (7 rows)" in out


def test_an_id_is_not_less_than_the_first_id_of_its_moment():
    before = now()
    made = new_id("je")
    assert first_id("je", before) <= made
    assert first_id("je", before - timedelta(milliseconds=1)) < made < first_id("je", now() + timedelta(seconds=1))
    assert len(first_id("je", before)) == len(made)
    assert first_id("je", datetime.fromisoformat("1900-01-01T00:00:00+00:00")) == "je_" + "0" * 26
