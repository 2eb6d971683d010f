"""The books page tells the truth: green when proven, red when broken, and a full audit is one, in the background."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from projectloom import limits
from projectloom.db import transaction
from projectloom.ledger.audit_marks import read_mark
from projectloom.ledger.credits import grant
from projectloom.money import from_usd
from projectloom.operating.actions import read_actions
from projectloom.operating.audit import PROOFS, audit
from projectloom.operating.books import Promise, prove_books, read_books
from projectloom.operating.full_audits import ask_full_audit, prove_in_full
from projectloom.workspace.identity import Person

SPENT = "each account's lifetime spending is the sum of its captured holds"


def named(name: str) -> Promise:
    return next(promise for promise in read_books().promises if promise.name == name)


def tamper(person: str, nanos: int) -> None:
    with transaction() as session:
        session.connection().execute(
            text(f"UPDATE ledger_accounts SET spent_nanos = {nanos} WHERE id = 'user:{person}\\:credits'")
        )


def test_before_the_first_audit_no_promise_is_called_kept(operator: Person):
    assert {promise.holds for promise in read_books().promises} == {None}
    assert [promise.name for promise in read_books().promises] == [proof.name for proof in PROOFS]
    found = prove_books()
    assert {promise.holds for promise in found.promises} == {True}
    assert found.broken == 0
    assert all(promise.proven_at == promise.full_proven_at == promise.looked_at for promise in found.promises)


def test_a_broken_promise_is_red_names_what_breaks_it_and_says_when_it_was_last_kept(operator: Person, person: str):
    prove_books()
    proven = named(SPENT).proven_at
    tamper(person, 7)
    assert prove_books().broken == 1
    red = named(SPENT)
    assert (red.holds, red.offenders, red.proven_at) == (False, (f"user:{person}:credits",), proven)
    assert red.looked_at is not None
    assert proven is not None
    assert red.looked_at > proven
    tamper(person, 0)
    assert prove_books().broken == 0
    healed = named(SPENT).proven_at
    assert healed is not None
    assert healed > red.looked_at


def test_an_incremental_proof_says_how_little_it_read_and_keeps_what_the_full_one_read(
    operator: Person, person: str, monkeypatch: pytest.MonkeyPatch
):
    entries = "every journal entry sums to zero"
    with transaction() as session:
        for number in range(3):
            grant(session, user_id=person, reason=f"gift {number}", amount_nanos=from_usd(1))
    monkeypatch.setattr(limits, "AUDIT_OVERLAP_SECONDS", -1)
    audit()
    prove_books()
    assert (named(entries).examined, named(entries).full_examined) == (0, 3)


async def test_a_full_audit_is_begun_once_and_counts_its_way_to_the_end(operator: Person, person: str):
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: ask_full_audit(operator), range(4)))
    assert sorted(begun) == [False, False, False, True]
    asked = read_books().full_audit
    assert asked is not None
    assert (asked.done, asked.total, asked.under_way, asked.broken) == (0, len(PROOFS), True, None)
    await asyncio.gather(prove_in_full(), prove_in_full())
    ended = read_books().full_audit
    assert ended is not None
    assert (ended.done, ended.under_way, ended.broken, ended.asked_by) == (len(PROOFS), False, 0, operator.email)
    assert [line.action for line in read_actions()] == ["prove_books"]
    await prove_in_full()
    assert read_books().full_audit == ended
    assert ask_full_audit(operator)


async def test_a_full_audit_that_finds_something_says_how_much(operator: Person, person: str):
    tamper(person, 7)
    ask_full_audit(operator)
    await prove_in_full()
    ended = read_books().full_audit
    assert ended is not None
    assert ended.broken == 1
    with transaction() as session:
        assert read_mark(session) is None


async def test_a_full_audit_whose_server_died_is_begun_anew_by_another(
    operator: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("projectloom.operating.full_audits._LEASE", timedelta(seconds=0.2))
    ask_full_audit(operator)
    half_way, go_on = threading.Event(), threading.Event()
    real = audit

    def held(**kwargs):
        told, seen = kwargs["told"], []

        def slowly(check):
            told(check)
            seen.append(check)
            if len(seen) == 5 and not half_way.is_set():
                half_way.set()
                go_on.wait(10)

        return real(full=True, told=slowly)

    monkeypatch.setattr("projectloom.operating.full_audits.audit", held)
    dying = asyncio.create_task(prove_in_full())
    await asyncio.to_thread(half_way.wait, 10)
    asked = read_books().full_audit
    assert asked is not None
    assert asked.done == 5
    # Its server ends: the audit stops at the next promise, and nobody vouches for it any more.
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    go_on.set()
    await asyncio.sleep(0.3)
    await prove_in_full()
    ended = read_books().full_audit
    assert ended is not None
    assert (ended.done, ended.broken) == (len(PROOFS), 0)


async def test_a_full_audit_that_cannot_be_finished_ends_and_can_be_asked_for_again(
    operator: Person, monkeypatch: pytest.MonkeyPatch
):
    def broken(**_kwargs):
        raise RuntimeError

    monkeypatch.setattr("projectloom.operating.full_audits.audit", broken)
    ask_full_audit(operator)
    with pytest.raises(RuntimeError):
        await prove_in_full()
    ended = read_books().full_audit
    assert ended is not None
    assert (ended.under_way, ended.broken) == (False, None)
    assert ask_full_audit(operator)
