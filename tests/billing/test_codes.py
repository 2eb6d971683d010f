"""Promotional codes: to at most as many people as was said, once each, and not to whoever guesses."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import col, func, select

from projectloom import __main__ as commands
from projectloom import limits
from projectloom.accounts.attempts import Attempts
from projectloom.billing.balance import read_balance
from projectloom.billing.codes import Redeemed, make_code, redeem_code
from projectloom.billing.models import PromotionalCode
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import (
    CodeExpired,
    CodeUsedUp,
    DatabaseUnavailable,
    InvalidAmount,
    InvalidInput,
    LoomError,
    TooManyRequests,
    UnknownCode,
)
from projectloom.jobs.audit import run_audit
from projectloom.ledger.models import CreditLot, EntryKind, JournalEntry
from projectloom.money import from_usd, usd_string
from tests.conftest import new_person

SPRING = "SPRING-2027"
UNCERTAIN = set("01ILOU")


@pytest.fixture(autouse=True)
def _sound_books(books) -> Iterator[None]:
    yield
    assert [(check.name, check.offenders) for check in run_audit() if not check.holds] == []


def balance(user_id: str) -> str:
    return usd_string(read_balance(user_id).posted_nanos)


def uses(code: str = SPRING) -> int:
    with reading() as session:
        return session.get_one(PromotionalCode, code).uses


def grants() -> int:
    with reading() as session:
        query = select(func.count()).select_from(JournalEntry).where(JournalEntry.kind == EntryKind.GRANT)
        return session.exec(query).one()


def kept(code: str, **values) -> None:
    """A code as it may stand in the table, also one that could not be made today."""
    with transaction() as session:
        session.add(PromotionalCode(code=code, **{"amount_nanos": from_usd(5), "max_uses": 3} | values))


def at_once(calls: list[Callable[[], Redeemed]]) -> list[Redeemed | LoomError]:
    """What each call came to, all begun at the same moment."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Redeemed]) -> Redeemed | LoomError:
        start.wait(10)
        try:
            return call()
        except LoomError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_code_for_three_gives_to_three_of_twenty_who_redeem_it_at_once():
    make_code(5, code=SPRING, uses=3)
    people = [new_person() for _ in range(20)]
    outcomes = at_once([lambda user=user: redeem_code(user, SPRING) for user in people])
    assert [type(outcome) for outcome in outcomes].count(Redeemed) == 3
    assert [type(outcome) for outcome in outcomes].count(CodeUsedUp) == 17
    assert sorted(balance(user) for user in people) == ["0.00"] * 17 + ["5.00"] * 3
    assert (uses(), grants()) == (3, 3)


def test_one_person_ten_times_at_once_has_it_once_and_is_told_so(person: str):
    make_code(5, code=SPRING, uses=100)
    outcomes = at_once([lambda: redeem_code(person, SPRING)] * 10)
    assert {type(outcome) for outcome in outcomes} == {Redeemed}
    assert sorted(outcome.already for outcome in outcomes if isinstance(outcome, Redeemed)) == [False] + [True] * 9
    assert (balance(person), uses(), grants()) == ("5.00", 1, 1)


def test_who_has_redeemed_a_code_is_told_so_also_when_it_is_used_up_or_over(person: str):
    make_code(5, code=SPRING, credit_days=30)
    first = redeem_code(person, SPRING)
    assert redeem_code(person, SPRING) == Redeemed(first.amount_nanos, first.expires_at, already=True)
    kept("OVER-2026", expires_at=now() + timedelta(seconds=0.5))
    redeem_code(person, "OVER-2026")
    time.sleep(0.5)
    with pytest.raises(CodeExpired):
        redeem_code(new_person(), "OVER-2026")
    assert redeem_code(person, "OVER-2026").already
    assert (balance(person), uses(), uses("OVER-2026")) == ("10.00", 1, 1)


def _until(code: str) -> datetime:
    with reading() as session:
        found = session.get_one(PromotionalCode, code).expires_at
    assert found is not None
    return found


def test_a_code_is_the_same_however_it_is_typed(person: str):
    assert SPRING in make_code(5, code=" spring-2027\n")
    redeemed = redeem_code(person, "\tSpring-2027 ")
    assert redeemed == Redeemed(from_usd(5), None, already=False)
    assert redeem_code(person, "spring  2027") == replace(redeemed, already=True)
    assert balance(person) == "5.00"


def test_an_expired_code_gives_nothing_by_the_database_s_clock(person: str):
    kept(SPRING, expires_at=now())
    with pytest.raises(CodeExpired):
        redeem_code(person, SPRING)
    assert (balance(person), uses(), grants()) == ("0.00", 0, 0)


@pytest.mark.parametrize(
    "typed",
    ["", " ", "SPRING-2028", "SPRING", "S" * 41, "SPRING–2027", "\u017fPRING-2027", "SPRING-2027\x00", "\ud800" * 8],
)
def test_what_is_no_code_is_unknown_and_gives_nothing(person: str, typed: str):
    make_code(5, code=SPRING)
    with pytest.raises(UnknownCode):
        redeem_code(person, typed)
    assert (balance(person), uses()) == ("0.00", 0)


def test_redeemed_credit_lasts_as_long_as_the_code_says(person: str):
    make_code(5, code=SPRING, credit_days=30)
    redeemed = redeem_code(person, SPRING)
    with reading() as session:
        (lot,) = session.exec(select(CreditLot)).all()
        (entry,) = session.exec(select(JournalEntry).where(col(JournalEntry.kind) == EntryKind.GRANT)).all()
    assert lot.expires_at == redeemed.expires_at
    assert redeemed.expires_at is not None
    assert timedelta(days=30) - timedelta(minutes=1) < redeemed.expires_at - now() <= timedelta(days=30)
    assert entry.cause == f"code:{SPRING}"


def test_ten_wrong_codes_in_an_hour_are_enough_and_the_right_one_has_to_wait_too(person: str):
    make_code(5, code=SPRING, uses=2)
    for number in range(limits.CODE_WRONG_TRIES):
        with pytest.raises(UnknownCode):
            redeem_code(person, f"GUESS-{number:04}")
    with pytest.raises(TooManyRequests) as refused:
        redeem_code(person, SPRING)
    assert 0 < int(str(refused.value.data["retry_after"])) <= limits.CODE_WINDOW_SECONDS + 1
    assert (balance(person), uses()) == ("0.00", 0)
    assert not redeem_code(new_person(), SPRING).already, "only the one who guessed has to wait"


def test_guesses_at_the_same_moment_are_not_more_than_ten(person: str):
    outcomes = at_once([lambda n=n: redeem_code(person, f"GUESS-{n:04}") for n in range(16)])
    assert [type(outcome) for outcome in outcomes].count(UnknownCode) == limits.CODE_WRONG_TRIES
    assert [type(outcome) for outcome in outcomes].count(TooManyRequests) == 6


def test_right_codes_and_an_outage_are_no_guesses(person: str, books):
    make_code(1, code=SPRING)
    for _ in range(limits.CODE_WRONG_TRIES + 5):
        redeem_code(person, SPRING)
    _rename("promotional_codes", "away")
    for _ in range(limits.CODE_WRONG_TRIES + 5):
        with pytest.raises(DatabaseUnavailable):
            redeem_code(person, SPRING)
    _rename("away", "promotional_codes")
    assert redeem_code(person, SPRING).already


def _rename(table: str, name: str) -> None:
    with transaction() as session:
        session.connection().execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


def test_attempts_are_counted_in_a_window_that_slides():
    attempts = Attempts(most=2, seconds=0.3, refusal="Wait.")
    attempts.count("ada")
    time.sleep(0.2)
    attempts.count("ada")
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refused:
            attempts.count("ada")
    assert (refused.value.message, refused.value.data) == ("Wait.", {"retry_after": 1})
    attempts.count("eve")
    time.sleep(0.15)
    attempts.count("ada")  # the first one is over, the second is not
    with pytest.raises(TooManyRequests):
        attempts.count("ada")
    attempts.forgive("ada")
    attempts.forgive("nobody")
    attempts.count("ada")


def test_a_code_of_our_own_is_hard_to_guess_and_hard_to_misread(person: str):
    made = [re.search(r"LOOM(-[0-9A-Z]{4}){3}", make_code(5)) for _ in range(20)]
    found = {match.group() for match in made if match}
    assert len(found) == 20
    assert not UNCERTAIN & set("".join(code.removeprefix("LOOM") for code in found))
    assert redeem_code(person, found.pop()).amount_nanos == from_usd(5)


@pytest.mark.parametrize("values", [{"dollars": 0}, {"dollars": -5}, {"dollars": 10_001}])
def test_an_amount_that_a_code_cannot_give_is_refused(values):
    with pytest.raises(InvalidAmount):
        make_code(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"uses": 0}, {"uses": 1_000_001}, {"credit_days": 0}, {"credit_days": 10**9}, {"code": "SHORT-1"},
        {"code": "A" * 41}, {"code": "SPRING 2027"}, {"code": "FRÜHLING-27"}, {"code": ""},
        {"until": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
    ids=repr,
)  # fmt: skip
def test_a_code_that_could_not_be_redeemed_as_meant_is_not_made(values):
    with pytest.raises(InvalidInput):
        make_code(5, **values)
    with reading() as session:
        assert session.exec(select(PromotionalCode)).all() == []


def test_a_code_is_made_once_and_what_it_promises_cannot_be_changed(person: str):
    make_code(5, code=SPRING)
    with pytest.raises(InvalidInput, match="already"):
        make_code(50, code="spring-2027", uses=9)
    for change in ("amount_nanos = 1", "max_uses = 99", "expires_at = NULL"):
        with pytest.raises((DatabaseUnavailable, DatabaseError)), transaction() as session:
            session.connection().execute(text(f"UPDATE promotional_codes SET {change}"))
    assert redeem_code(person, SPRING).amount_nanos == from_usd(5)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["python -m projectloom", *words])
    return commands.main()


@pytest.mark.parametrize(
    ("words", "code", "amount", "most", "days"),
    [
        (("--code", "5"), None, 5, 1, None),
        (("5", "--code"), None, 5, 1, None),
        (("--code", "--uses", "3", "5"), None, 5, 3, None),
        (("--code", "spring-2027", "7", "--uses", "100", "--days", "30"), SPRING, 7, 100, 30),
        (("7", "--uses=100", "--code=spring-2027"), SPRING, 7, 100, None),
    ],
)
def test_the_operator_makes_a_code_with_a_command(monkeypatch, capsys, words, code, amount, most, days):
    assert run(monkeypatch, "grant", *words) == 0
    said = capsys.readouterr().out
    with reading() as session:
        (made,) = session.exec(select(PromotionalCode)).all()
    assert made.code in said
    assert code in {None, made.code}
    assert (made.amount_nanos, made.max_uses, made.credit_days) == (from_usd(amount), most, days)


def test_a_code_until_a_day_can_be_redeemed_on_that_day(monkeypatch, capsys):
    assert run(monkeypatch, "grant", "--code", SPRING, "5", "--until", "2090-03-03") == 0
    assert _until(SPRING) == datetime(2090, 3, 4, tzinfo=UTC)
    assert "3 March 2090" in capsys.readouterr().out
    assert run(monkeypatch, "grant", "--code", "SUMMER-2090", "5", "--until", "2090-08-01T12:30") == 0
    assert _until("SUMMER-2090") == datetime(2090, 8, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "words",
    [
        ("--code",), ("--code", "SPRING-2027"), ("--code", "SPRING-2027", "five"), ("--code", "5", "--until", "soon"),
        ("--code", "5", "--reason", "x"), ("ada@example.org", "5"), ("ada@example.org", "5", "--uses", "3"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_is_not_understood_says_how_it_is_meant_and_makes_nothing(monkeypatch, capsys, words):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "grant", *words)
    assert ended.value.code == 2
    assert "usage: python -m projectloom grant" in capsys.readouterr().err
    with reading() as session:
        assert session.exec(select(PromotionalCode)).all() == []


def test_what_cannot_be_made_is_said_on_the_terminal_with_its_exit_code(monkeypatch, capsys):
    assert run(monkeypatch, "grant", "--code", "SHORT", "5") == 2
    assert "8 to 40" in capsys.readouterr().err
    assert run(monkeypatch, "grant", "nobody@example.org", "5", "--reason", "x") == 2
    assert "Nobody has an account" in capsys.readouterr().err
