"""The books against a second, simple model: plain dictionaries that predict every answer, on the quick path as well.

Invariants, after every step: the real balances equal the model's, the audit is clean, nothing spendable is below zero,
and no hold is resolved twice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import HoldResolved, IdempotencyConflict, InsufficientCredits
from projectloom.group_commit import close_committers
from projectloom.group_stores import Outcome
from projectloom.ids import new_id
from projectloom.ledger import holds
from projectloom.ledger.accounts import open_accounts, read_balances
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import grant, top_up
from projectloom.ledger.models import Hold
from projectloom.ledger.quick_holds import CaptureItem, HoldItem, quick_authorize, quick_capture

PEOPLE = ("usr_a", "usr_b")
AMOUNTS = st.integers(1, 5_000_000_000)


@dataclass
class Account:
    posted: int = 0
    held: int = 0
    spent: int = 0


@dataclass
class HoldModel:
    person: str
    amount: int
    state: str = "held"
    captured: int = 0


@dataclass
class Model:
    accounts: dict[str, Account] = field(default_factory=lambda: {person: Account() for person in PEOPLE})
    credited: dict[str, tuple] = field(default_factory=dict)
    holds: dict[str, HoldModel] = field(default_factory=dict)


class Books(RuleBasedStateMachine):
    orders = Bundle("orders")
    open_holds = Bundle("open_holds")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        # Every run has people of its own, as the journal keeps those of the runs before.
        self.suffix = new_id("run")
        with transaction() as session:
            for person in PEOPLE:
                open_accounts(session, user_id=self.real(person))

    def real(self, name: str) -> str:
        return f"{name}:{self.suffix}"

    @rule(target=orders, person=st.sampled_from(PEOPLE), paid=AMOUNTS, bonus=st.integers(0, 1_000_000_000))
    def pay_an_order(self, person: str, paid: int, bonus: int):
        order = (new_id("ord"), person, paid, bonus)
        self.credit(order)
        return order

    @rule(order=orders)
    def credit_it_again(self, order: tuple):
        self.credit(order)

    @rule(order=orders, more=st.integers(1, 10))
    def credit_it_with_another_amount(self, order: tuple, more: int):
        order_id, person, paid, bonus = order
        with pytest.raises(IdempotencyConflict):
            self.credit((order_id, person, paid + more, bonus))

    def credit(self, order: tuple) -> None:
        order_id, person, paid, bonus = order
        with transaction() as session:
            top_up(session, user_id=self.real(person), order_id=order_id, paid_nanos=paid, bonus_nanos=bonus)
        if order_id not in self.model.credited:
            self.model.credited[order_id] = order
            self.model.accounts[person].posted += paid + bonus

    @rule(person=st.sampled_from(PEOPLE), reason=st.sampled_from(("welcome", "sorry")), amount=st.just(7_000))
    def give(self, person: str, reason: str, amount: int):
        with transaction() as session:
            grant(session, user_id=self.real(person), reason=reason, amount_nanos=amount)
        if (key := f"{reason}:{person}") not in self.model.credited:
            self.model.credited[key] = ()
            self.model.accounts[person].posted += amount

    @rule(target=open_holds, person=st.sampled_from(PEOPLE), amount=AMOUNTS)
    def authorize(self, person: str, amount: int):
        account = self.model.accounts[person]
        try:
            hold_id = self.take(self.real(person), amount)
        except InsufficientCredits:
            assert account.posted - account.held < amount
            return None
        assert account.posted - account.held >= amount
        account.held += amount
        self.model.holds[hold_id] = HoldModel(person, amount)
        return hold_id

    def take(self, user_id: str, amount: int) -> str:
        with transaction() as session:
            hold = holds.authorize(
                session,
                user_id=user_id,
                amount_nanos=amount,
                idempotency_key=new_id("key"),
                cause="turn",
                expires_at=now() + timedelta(hours=1),
            )
        return hold.id

    @rule(hold_id=open_holds, share=st.fractions(0, 1))
    def capture(self, hold_id: str | None, share):
        if hold_id is None:
            return
        amount = int(self.model.holds[hold_id].amount * share)
        state = "captured" if amount else "voided"
        self.resolve(hold_id, state, amount, lambda: self.charge(hold_id, amount))

    def charge(self, hold_id: str, amount: int) -> None:
        with transaction() as session:
            holds.capture(session, hold_id=hold_id, amount_nanos=amount)

    @rule(hold_id=consumes(open_holds))
    def void(self, hold_id: str | None):
        if hold_id is not None:
            self.resolve(hold_id, "voided", 0, lambda: self.free(hold_id))

    def free(self, hold_id: str) -> None:
        with transaction() as session:
            holds.void(session, hold_id=hold_id)

    @rule(hold_id=open_holds)
    def expire(self, hold_id: str | None):
        if hold_id is not None:
            self.resolve(hold_id, "expired", 0, lambda: self.time_out(hold_id))

    def time_out(self, hold_id: str) -> None:
        with transaction() as session:
            holds.expire(session, hold_id=hold_id)

    def resolve(self, hold_id: str, state: str, captured: int, task: Callable[[], None]) -> None:
        hold = self.model.holds[hold_id]
        same = (hold.state, hold.captured) == (state, captured)
        if hold.state != "held" and not same:
            with pytest.raises(HoldResolved):
                task()
            return
        task()
        if hold.state == "held":
            account = self.model.accounts[hold.person]
            account.held -= hold.amount
            account.posted -= captured
            account.spent += captured
            hold.state, hold.captured = state, captured

    @invariant()
    def the_books_equal_the_model(self):
        with reading() as session:
            for person, account in self.model.accounts.items():
                real = read_balances(session, user_id=self.real(person))
                assert real is not None
                assert (real.posted_nanos, real.held_nanos, real.spent_nanos) == (
                    account.posted,
                    account.held,
                    account.spent,
                )
                assert real.available_nanos >= 0

    def teardown(self):
        with reading() as session:
            broken = [check for check in audit_ledger(session) if not check.holds]
        assert not broken


class QuickBooks(Books):
    """The same people and the same model; holds are taken and resolved on the quick path wherever it is plain."""

    loop: ClassVar[asyncio.Runner]
    taken: ClassVar[int] = 0

    def take(self, user_id: str, amount: int) -> str:
        moment = now()
        item = HoldItem(
            hold_id=new_id("hold"),
            user_id=user_id,
            amount_nanos=amount,
            idempotency_key=new_id("key"),
            cause="turn",
            created_at=moment,
            expires_at=moment + timedelta(hours=1),
        )
        answer = self.loop.run(quick_authorize(item))
        if answer.outcome != Outcome.DONE:
            return super().take(user_id, amount)
        QuickBooks.taken += 1
        return item.hold_id

    def charge(self, hold_id: str, amount: int) -> None:
        person = self.real(self.model.holds[hold_id].person)
        item = CaptureItem(hold_id=hold_id, user_id=person, amount_nanos=amount, entry_id=new_id("je"), moment=now())
        answer = self.loop.run(quick_capture(item))
        if answer.outcome == Outcome.GONE:
            with reading() as session:
                raise HoldResolved(state=session.get_one(Hold, hold_id).state)
        if answer.outcome == Outcome.NOT_PLAIN:
            super().charge(hold_id, amount)

    def free(self, hold_id: str) -> None:
        self.charge(hold_id, 0)


def agree(machine: type[Books], request: pytest.FixtureRequest) -> None:
    soak = request.config.getoption("--soak")
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=300 if soak else 15,
            stateful_step_count=50 if soak else 25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_books_agree_with_a_plain_model(books, request: pytest.FixtureRequest):
    agree(Books, request)


def test_the_books_of_the_quick_path_agree_with_the_same_model(books, request: pytest.FixtureRequest):
    with asyncio.Runner() as QuickBooks.loop:
        agree(QuickBooks, request)
        QuickBooks.loop.run(close_committers())
    assert QuickBooks.taken
