"""What must be in the books of people who chatted, by their replies' plans and plain arithmetic."""

from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil

from sqlmodel import select

from projectloom import limits
from projectloom.db import reading
from projectloom.ledger.accounts import credits_address, read_balances
from projectloom.ledger.models import Hold, HoldState
from projectloom.metering.models import Completion, Funding, Turn, TurnState, UsageRecord
from projectloom.metering.requests import TurnRequest
from projectloom.pricing import PriceCard
from projectloom.tokens import Usage
from tests.properties.turn_plans import Plan


@dataclass
class Person:
    """Somebody, and what the schedule did to them."""

    id: str
    mode: str = "credits"
    keys: set[str] = field(default_factory=set[str])
    given: int = 0
    spent_elsewhere: int = 0
    spendings: int = 0


@dataclass
class Reply:
    """A reply that was begun, and what is known of it without asking the books."""

    person: Person
    plan: Plan
    request: TurnRequest
    turn_id: str
    conversation_id: str
    funding: str
    version: int
    held: int
    stopped: bool = False
    taken_over: bool = False
    """Its lease ran out, and somebody who did not know its process settled it, perhaps."""
    seen: list[str] = field(default_factory=list[str])
    """What each watcher that stayed to the end saw."""


def check_books_of(person: Person, replies: list[Reply], cards: dict[int, PriceCard]) -> None:
    """Every reply of a person's as its plan says, and nothing else in the books."""
    with reading() as session:
        turns = {turn.id: turn for turn in session.exec(select(Turn).where(Turn.user_id == person.id)).all()}
        query = select(UsageRecord).where(UsageRecord.user_id == person.id)
        records = {record.turn_id: record for record in session.exec(query).all()}
        holds = session.exec(select(Hold).where(Hold.account_id == credits_address(person.id))).all()
        balances = read_balances(session, user_id=person.id)
    for reply in replies:
        try:
            check_reply(reply, turns[reply.turn_id], records.get(reply.turn_id), cards)
        except AssertionError as error:
            raise AssertionError(
                f"{reply.plan.kind}: {turns[reply.turn_id]!r} {records.get(reply.turn_id)!r}"
            ) from error
    # What nobody began: spending that the schedule made, and requests whose answer was lost with the database.
    unknown = [turn for turn in turns.values() if turn.id not in {reply.turn_id for reply in replies}]
    lost = [turn for turn in unknown if turn.state == TurnState.VOIDED]
    assert len(unknown) - len(lost) == person.spendings
    paid = [turn for turn in turns.values() if turn.funding == Funding.CREDITS]
    assert {hold.id for hold in holds} == {turn.hold_id for turn in paid}
    assert all(hold.state in (HoldState.CAPTURED, HoldState.VOIDED) for hold in holds)
    charged = sum(record.charged_nanos for record in records.values())
    assert sum(hold.captured_nanos for hold in holds) == charged
    assert balances is not None
    assert (balances.posted_nanos, balances.held_nanos) == (person.given - charged, 0)
    assert charged - sum(records[reply.turn_id].charged_nanos for reply in replies if reply.turn_id in records) == (
        person.spent_elsewhere
    )


def check_reply(reply: Reply, turn: Turn, record: UsageRecord | None, cards: dict[int, PriceCard]) -> None:
    """One reply, from what its provider did and what interfered."""
    plan = reply.plan
    charged = record.charged_nanos if record else 0
    assert turn.ended_at is not None
    assert (turn.funding, turn.price_version, turn.held_nanos) == (reply.funding, reply.version, reply.held)
    assert (turn.provider, turn.model) == (plan.provider, reply.request.model)
    assert turn.state == (TurnState.SETTLED if turn.text else TurnState.VOIDED)
    # Free when and only when nothing was delivered, or credit does not pay; never above the hold.
    assert (charged > 0) == (bool(turn.text) and reply.funding == Funding.CREDITS)
    assert charged <= reply.held
    assert plan.text.startswith(turn.text)
    if reply.taken_over and turn.completion in (Completion.PARTIAL, Completion.FAILED):
        # Settled from its last checkpoint, which may be older than what watchers saw.
        assert all(seen.startswith(turn.text) for seen in reply.seen)
        return
    assert all(seen == turn.text for seen in reply.seen), reply.seen
    if turn.completion == Completion.STOPPED:
        assert reply.stopped
        return
    if len(plan.text.encode()) > turn.max_output_tokens * limits.MAX_BYTES_PER_TOKEN:
        # More than was asked for. Where a reset took the end along, the rest may have been little enough.
        assert turn.completion in (Completion.PARTIAL, Completion.FAILED)
        return
    if plan.whole_text:
        assert turn.text == plan.text
    ended_well = plan.completion == Completion.COMPLETE
    assert turn.completion == (plan.completion if turn.text or ended_well else Completion.FAILED)
    if turn.text:
        assert record is not None
        assert record.estimated == (plan.usage is None)
    if record is not None and plan.usage is not None and reply.funding == Funding.CREDITS:
        due = exact_charge(cards[reply.version], turn.model, plan.usage)
        assert (charged, record.uncollected_nanos) == (min(due, reply.held), max(due - reply.held, 0))


def exact_charge(card: PriceCard, model: str, usage: Usage) -> int:
    """Nano-dollars for plain input and output at a card's rates, markup added, rounded up once."""
    rates = card.model(model).rates
    per_million = usage.input_tokens * rates.input + usage.output_tokens * rates.output
    return ceil(per_million * 1_000 * (1 + card.markup_percent / Decimal(100)))
