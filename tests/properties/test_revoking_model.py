"""Revoking against a plain model: whatever came before, it takes given credit alone, as much as nobody was promised.

The model keeps lots in a list and spends them as the ledger says: given credit first, the soonest expiry first, then
the bonus of purchases as given credit without an expiry, what was bought last.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlmodel import select

from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import InsufficientCredits, NotRevocable
from projectloom.ids import new_id
from projectloom.ledger import holds
from projectloom.ledger.accounts import credits_address, open_accounts, read_balances
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import grant, revoke, top_up
from projectloom.ledger.models import CreditLot

AMOUNTS = st.integers(1, 1_000)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
NEVER = 10**6


@dataclass
class Lot:
    id: str
    kind: str
    left: int
    ends: int = NEVER
    """In days from ``FAR``."""

    @property
    def order(self) -> tuple[bool, int, str]:
        return self.kind == "paid", self.ends, self.id


@dataclass
class Model:
    lots: list[Lot] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    def spend(self, amount: int) -> None:
        for lot in sorted(self.lots, key=lambda one: one.order):
            taken = min(amount, lot.left)
            lot.left -= taken
            amount -= taken
        assert amount == 0

    def free_of(self, lot: Lot) -> int:
        """What is left of a lot once every hold was spent to its last nano."""
        after = Model([Lot(one.id, one.kind, one.left, one.ends) for one in self.lots])
        after.spend(sum(self.held.values()))
        return next(one.left for one in after.lots if one.id == lot.id)


class Revoking(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.person = new_id("usr")
        with transaction() as session:
            open_accounts(session, user_id=self.person)

    @rule(paid=AMOUNTS, bonus=st.integers(0, 300))
    def buy(self, paid: int, bonus: int):
        with transaction() as session:
            made = top_up(session, user_id=self.person, order_id=new_id("ord"), paid_nanos=paid, bonus_nanos=bonus)
            self._learn(session, made.entry_id)

    @rule(amount=AMOUNTS, ends=st.sampled_from((1, 2, NEVER)))
    def give(self, amount: int, ends: int):
        expires = None if ends == NEVER else FAR + timedelta(days=ends)
        with transaction() as session:
            made = grant(session, user_id=self.person, reason=new_id("why"), amount_nanos=amount, expires_at=expires)
            self._learn(session, made.entry_id, ends)

    def _learn(self, session, entry_id: str, ends: int = NEVER) -> None:
        rows = session.exec(select(CreditLot).where(CreditLot.entry_id == entry_id)).all()
        self.model.lots += [Lot(row.id, row.kind, row.amount_nanos, ends) for row in rows]

    @rule(amount=AMOUNTS)
    def begin_a_reply(self, amount: int):
        try:
            with transaction() as session:
                hold = holds.authorize(
                    session,
                    user_id=self.person,
                    amount_nanos=amount,
                    idempotency_key=new_id("key"),
                    cause="turn",
                    expires_at=now() + timedelta(hours=1),
                )
        except InsufficientCredits:
            return
        self.model.held[hold.id] = amount

    @rule(place=st.integers(0, 10), share=st.fractions(0, 1))
    def end_a_reply(self, place: int, share):
        if not self.model.held:
            return
        hold_id = list(self.model.held)[place % len(self.model.held)]
        amount = int(self.model.held.pop(hold_id) * share)
        with transaction() as session:
            holds.capture(session, hold_id=hold_id, amount_nanos=amount)
        self.model.spend(amount)

    @rule(place=st.integers(0, 10))
    def take_back(self, place: int):
        if not self.model.lots:
            return
        lot = self.model.lots[place % len(self.model.lots)]
        if lot.kind != "promotional":
            with pytest.raises(NotRevocable), transaction() as session:
                revoke(session, lot_id=lot.id)
            return
        free = self.model.free_of(lot)
        with transaction() as session:
            done = revoke(session, lot_id=lot.id)
        assert (done.taken_nanos, done.left_nanos) == (free, lot.left - free)
        assert (done.entry_id is not None) == (free > 0)
        lot.left -= free

    @invariant()
    def every_lot_and_balance_equals_the_models(self):
        with reading() as session:
            query = select(CreditLot).where(CreditLot.account_id == credits_address(self.person))
            real = {lot.id: lot.remaining_nanos for lot in session.exec(query).all()}
            balances = read_balances(session, user_id=self.person)
        assert real == {lot.id: lot.left for lot in self.model.lots}
        assert balances is not None
        assert balances.posted_nanos == sum(real.values())
        assert balances.held_nanos == sum(self.model.held.values()) <= balances.posted_nanos
        assert balances.debt_nanos == 0

    def teardown(self):
        with reading() as session:
            broken = [check for check in audit_ledger(session) if not check.holds]
        assert not broken


def test_revoking_agrees_with_a_plain_model(books, request: pytest.FixtureRequest):
    soak = request.config.getoption("--soak")
    run_state_machine_as_test(
        Revoking,
        settings=settings(
            max_examples=300 if soak else 20,
            stateful_step_count=40 if soak else 25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
