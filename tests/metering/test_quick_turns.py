"""The quick path of turns writes what the slower one writes, row for row, and leaves to it whatever is not plain."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, text, update
from sqlmodel import col, select

from projectloom import db, group_commit, limits
from projectloom.accounts.models import ApiKey, Preference, User
from projectloom.clock import now
from projectloom.conversations.chats import create_conversation, set_deleted
from projectloom.conversations.models import Conversation
from projectloom.db import reading, transaction
from projectloom.errors import DatabaseUnavailable, LoomError
from projectloom.group_commit import close_committers, hurry
from projectloom.group_stores import BUSY, Answer, Outcome
from projectloom.jobs.audit import report, run_audit
from projectloom.ledger.accounts import open_accounts, read_balances
from projectloom.ledger.credits import grant
from projectloom.metering import quick_open as opening_quickly
from projectloom.metering.caps import set_caps
from projectloom.metering.cards import card_version, current_card
from projectloom.metering.models import CapScope, Completion, Funding, Turn
from projectloom.metering.opening import open_turn
from projectloom.metering.quick_open import OpenItem, open_item, quick_open
from projectloom.metering.quick_settle import quick_settle, settle_item
from projectloom.metering.recovery import recover_turns
from projectloom.metering.requests import TurnRequest, hash_of
from projectloom.metering.running import _write_checkpoint
from projectloom.metering.settling import Outcome as Ending
from projectloom.metering.settling import bill_of, settle_turn
from projectloom.metering.terms import Asked, terms_of
from projectloom.metering.turn import _request_stop, open_request
from projectloom.money import from_usd
from projectloom.providers import ChatMessage
from projectloom.tokens import Usage
from tests.conftest import forget_settings, fresh_database

MODEL = "gpt-6.1-sol"
TABLES = (
    "holds", "journal_entries", "postings", "credit_lots", "lot_movements", "ledger_accounts", "turns",
    "usage_records", "conversations", "messages", "mail_outbox",
)  # fmt: skip


@pytest_asyncio.fixture(autouse=True)
async def _given_back() -> AsyncIterator[None]:
    yield
    await close_committers()


def somebody(person: str = "usr_ada", usd: int = 100, mode: str = "credits") -> str:
    with transaction() as session:
        session.add(User(id=person, email=f"{person}@example.org"))
        session.flush()
        session.add(Preference(user_id=person, api_key_mode=mode))
        open_accounts(session, user_id=person)
        if usd:
            grant(session, user_id=person, reason="test", amount_nanos=from_usd(usd))
    return person


def request_of(person: str, **changes: Any) -> TurnRequest:
    values = {"user_id": person, "model": MODEL, "messages": (ChatMessage("user", "Hello there"),)}
    own = {"own_keys": {"openai": "sk-own-0123456789"}}
    return TurnRequest(**(values | own | changes))


def item_of(request: TurnRequest) -> OpenItem:
    """What a caller of the quick path makes of a request."""
    with reading() as session:
        versioned = current_card(session)
        preference = session.get(Preference, request.user_id)
        assert preference is not None
        funding = Funding.OWN_KEY if preference.api_key_mode == "own" else Funding.CREDITS
        model = versioned.card.model(request.model or MODEL)
        asked = Asked(
            user_id=request.user_id,
            versioned=versioned,
            model=model,
            funding=funding,
            messages=request.messages,
            conversation_id=request.conversation_id,
            max_tokens=request.max_tokens,
        )
        item = open_item(
            request,
            model=model,
            funding=funding,
            price_version=versioned.version,
            terms=terms_of(session, asked),
            hashed=hash_of(request),
        )
    assert item is not None
    return item


def turn_of(turn_id: str) -> Turn:
    with reading() as session:
        return session.exec(select(Turn).where(Turn.id == turn_id)).one()


async def settle(turn: Turn, ending: Ending, *, patient: bool = False) -> Answer:
    with reading() as session:
        card = card_version(session, turn.price_version)
    item = settle_item(turn, ending, bill_of(card, turn, ending))
    return await quick_settle(item, patient=patient) if item is not None else Answer(Outcome.NOT_PLAIN)


async def opened(person: str, **changes: Any) -> Turn:
    item = item_of(request_of(person, **changes))
    assert (await quick_open(item)).outcome == Outcome.DONE
    return turn_of(item.turn_id)


def said(words: str = "Well, hello!", tokens: int = 15) -> Ending:
    return Ending(words, Usage(input_tokens=25, output_tokens=tokens), True, Completion.COMPLETE)


def audited() -> None:
    checks = run_audit()
    assert all(check.holds for check in checks), report(checks)


def balance_of(person: str) -> tuple[int, int, int]:
    with reading() as session:
        found = read_balances(session, user_id=person)
    assert found is not None
    return found.posted_nanos, found.held_nanos, found.spent_nanos


def dumped() -> dict[str, list[dict[str, Any]]]:
    """Every row of the books and the meter, in the order of its making; ids by what they stand for, without times."""
    names: dict[str, str] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    with db.engine().connect() as connection:
        for table in TABLES:
            rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).mappings().all()
            found[table] = [dict(row) for row in rows]
            if table == "turns":
                # The request's own hash, in which the random id of a conversation stands; no path makes it.
                for row in found[table]:
                    del row["input_hash"]
            if table != "ledger_accounts":
                names |= {str(row["id"]): f"{table}:{place}" for place, row in enumerate(rows)}

    def plain(name: str, value: Any) -> Any:
        if name.endswith(("_at", "_until")):
            return value is None
        if isinstance(value, str):
            head, _, tail = value.rpartition(":")
            return names.get(value) or (f"{head}:{names[tail]}" if tail in names else value)
        return float(value) if isinstance(value, bool) else value

    return {table: [{n: plain(n, v) for n, v in row.items()} for row in rows] for table, rows in found.items()}


class Walk:
    """A random sequence of turns, the same for a seed: its decisions do not depend on the path."""

    def __init__(self, seed: int, quickly: bool) -> None:
        self.random = random.Random(seed)
        self.quickly = quickly
        self.taken = 0

    async def run(self) -> dict[str, list[dict[str, Any]]]:
        people = [somebody("usr_ada", 60), somebody("usr_bob", 8), somebody("usr_cleo", 0, "own")]
        with transaction() as session:
            for person, days in ((people[0], 9), (people[0], 3), (people[1], 5)):
                expires_at = now() + timedelta(days=days)
                grant(session, user_id=person, reason=f"{days}", amount_nanos=from_usd(1), expires_at=expires_at)
        open_turns: list[str] = []
        for number in range(40):
            if open_turns and self.random.random() < 0.45:
                await self.end(open_turns.pop(self.random.randrange(len(open_turns))))
                continue
            kept = self.random.random() < 0.7
            conversation = None
            person = self.random.choice(people)
            with reading() as session:
                query = select(Conversation.id).where(Conversation.user_id == person).order_by(col(Conversation.id))
                there = session.exec(query).all()
            if there and self.random.random() < 0.6:
                conversation = self.random.choice(there)
            request = request_of(
                person,
                turn_id=f"turn_{number:03}",
                conversation_id=conversation,
                kept=kept,
                max_tokens=self.random.choice((None, 300, 4_000)),
            )
            if await self.begin(request):
                open_turns.append(request.turn_id or "")
        for turn_id in open_turns:
            await self.end(turn_id)
        audited()
        return dumped()

    async def begin(self, request: TurnRequest) -> bool:
        with suppress(LoomError):
            if self.quickly and (await quick_open(item_of(request))).outcome == Outcome.DONE:
                self.taken += 1
            else:
                await asyncio.to_thread(open_turn, request)
            return True
        return False

    async def end(self, turn_id: str) -> None:
        ending = self.random.choice(
            (
                said("A long answer. " * 40, self.random.randrange(1, 4_000)),
                Ending("Half of", Usage(input_tokens=25), False, Completion.PARTIAL),
                Ending("Not counted", None, False, Completion.STOPPED),
                Ending("", None, False, Completion.PARTIAL),
                Ending("", Usage(input_tokens=25), True, Completion.COMPLETE),
            )
        )
        if self.quickly and (await settle(turn_of(turn_id), ending)).outcome == Outcome.DONE:
            self.taken += 1
            return
        await asyncio.to_thread(settle_turn, turn_id, ending)


@pytest.mark.parametrize(("seed", "alone"), [(0, True), (1, False), (2, True)])
async def test_both_paths_write_the_same_rows(request, monkeypatch, tmp_path, books: Engine, seed: int, alone: bool):
    if not alone:
        # What opens many serves one as well.
        monkeypatch.setattr(opening_quickly, "OPEN", replace(opening_quickly.OPEN, alone=None))
    slow = await Walk(seed, quickly=False).run()
    await close_committers()
    with fresh_database(request, books.dialect.name.removesuffix("ql"), tmp_path / "quick") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        forget_settings()
        walk = Walk(seed, quickly=True)
        quick = await walk.run()
        await close_committers()
        db.engine().dispose()
    assert walk.taken > 20
    for table, rows in slow.items():
        assert quick[table] == rows


async def test_an_open_and_a_settlement_tell_what_is_left(books: Engine):
    ada = somebody()
    item = item_of(request_of(ada))
    assert await quick_open(item) == Answer(Outcome.DONE, None, from_usd(100), item.held_nanos)
    answer = await settle(turn_of(item.turn_id), said())
    posted, held, spent = balance_of(ada)
    assert (answer.posted_nanos, answer.held_nanos) == (posted, held) == (from_usd(100) - spent, 0)
    assert answer.entry_id is not None
    audited()


async def test_a_turn_that_is_kept_nowhere_is_plain(books: Engine):
    del books
    ada = somebody()
    answer = await quick_open(item_of(request_of(ada, kept=False)))
    assert (answer.outcome, balance_of(ada)[1]) == (Outcome.DONE, answer.held_nanos)


async def test_sending_a_turn_or_its_end_again_changes_nothing(books: Engine):
    ada = somebody()
    item = item_of(request_of(ada))
    answers = [await quick_open(item) for _ in range(3)]
    assert answers == [answers[0]] * 3
    turn = turn_of(item.turn_id)
    with reading() as session:
        card = card_version(session, turn.price_version)
    ending = settle_item(turn, said(), bill_of(card, turn, said()))
    assert ending is not None
    first = await quick_settle(ending)
    assert [await quick_settle(ending) for _ in range(3)] == [first] * 3
    # The same end under another record's id is somebody else's.
    assert (await settle(turn, said())).outcome == Outcome.GONE
    assert not await asyncio.to_thread(settle_turn, turn.id, said())
    # Nobody may run it any more.
    assert (await quick_open(item)).outcome == Outcome.GONE
    audited()


async def test_what_is_not_plain_to_open_is_left_to_the_slower_path(books: Engine, monkeypatch: pytest.MonkeyPatch):
    ada, bob = somebody(), somebody("usr_bob")
    with transaction() as session:
        deleted = create_conversation(session, user_id=ada, first_text="Old").id
        set_deleted(session, user_id=ada, conversation_id=deleted, deleted=True)
        foreign = create_conversation(session, user_id=bob, first_text="Mine").id
        common = {"user_id": ada, "name": "k", "hint": "h", "scopes": "generate"}
        session.add(ApiKey(id="key_limited", secret_hash="1", limit_day_nanos=5, **common))
        session.add(ApiKey(id="key_revoked", secret_hash="2", revoked_at=now(), **common))
        session.add(ApiKey(id="key_plain", secret_hash="3", **common))
    for conversation in (deleted, foreign, "conv_nowhere"):
        for kept in (True, False):
            item = item_of(request_of(ada, conversation_id=conversation, kept=kept))
            assert (await quick_open(item)).outcome == Outcome.NOT_PLAIN
    for key in ("key_limited", "key_revoked", "key_nowhere"):
        assert (await quick_open(item_of(request_of(ada, api_key_id=key)))).outcome == Outcome.NOT_PLAIN
    assert (await opened(ada, api_key_id="key_plain")).api_key_id == "key_plain"

    item = item_of(request_of(ada))
    monkeypatch.setattr(limits, "MAX_RUNNING_TURNS_PER_PERSON", 1)
    assert (await quick_open(item)).outcome == Outcome.NOT_PLAIN
    monkeypatch.setattr(limits, "MAX_RUNNING_TURNS_PER_PERSON", 20)
    for name in ("HOUSE_LOSS_NANOS", "EMPTY_STOPS"):
        with monkeypatch.context() as patch:
            patch.setattr(limits, name, 0)
            assert (await quick_open(item)).outcome == Outcome.NOT_PLAIN
    set_caps(ada, {CapScope.DAY: 50})
    assert (await quick_open(item)).outcome == Outcome.NOT_PLAIN
    set_caps(ada, {CapScope.DAY: None})
    with transaction() as session:
        session.connection().execute(update(Preference).values(api_key_mode="own"))
    assert (await quick_open(item)).outcome == Outcome.NOT_PLAIN
    assert len(dumped()["turns"]) == 1


async def test_what_is_not_plain_to_settle_is_left_to_the_slower_path(books: Engine):
    ada, bob = somebody(), somebody("usr_bob", 6)
    turn, crossing = await opened(ada), await opened(bob)
    set_caps(ada, {CapScope.MONTH: 50})
    assert (await settle(turn, said())).outcome == Outcome.NOT_PLAIN
    # The balance falls under the amount of which people are told.
    with transaction() as session:
        session.connection().execute(text("UPDATE preferences SET default_model = NULL"))
    dear = said("A" * 4_000, 100_000)
    assert (await settle(crossing, dear)).outcome == Outcome.NOT_PLAIN
    for one in (turn, crossing):
        assert await asyncio.to_thread(settle_turn, one.id, said())
    audited()


async def test_a_crowd_opens_and_settles_and_the_books_are_exact(books: Engine):
    people = [somebody(f"usr_{number}") for number in range(4)]

    async def talk(person: str) -> None:
        turn = await opened(person)
        assert (await settle(turn, said())).outcome == Outcome.DONE

    await asyncio.gather(*(talk(person) for person in people for _ in range(8)), *(talk(people[0]) for _ in range(6)))
    audited()
    assert len(dumped()["usage_records"]) == 38


async def test_no_more_replies_run_at_once_than_a_person_may_have(books: Engine):
    ada = somebody()
    items = [item_of(request_of(ada)) for _ in range(limits.MAX_RUNNING_TURNS_PER_PERSON + 10)]
    answers = await asyncio.gather(*map(quick_open, items))
    assert [answer.outcome for answer in answers].count(Outcome.DONE) == limits.MAX_RUNNING_TURNS_PER_PERSON
    audited()


async def test_an_end_that_nobody_waits_for_keeps_nobody_waiting(books: Engine, monkeypatch: pytest.MonkeyPatch):
    ada = somebody()
    turns = [await opened(ada) for _ in range(3)]
    monkeypatch.setattr(limits, "QUICK_PATIENCE_SECONDS", 600)
    ends = [asyncio.create_task(settle(turn, said(), patient=True)) for turn in turns]
    await asyncio.sleep(0)
    another = await opened(ada)
    assert not any(end.done() for end in ends)
    assert turn_of(turns[0].id).ended_at is None
    # Whoever has to know what is left has them written before.
    await hurry()
    assert [turn_of(turn.id).ended_at is None for turn in (*turns, another)] == [False, False, False, True]
    assert [(await end).outcome for end in ends] == [Outcome.DONE] * 3
    # As many as a flush takes wait for nobody else, and what is there as the server ends is written.
    monkeypatch.setattr(limits, "QUICK_BATCH", 1)
    assert (await settle(another, said(), patient=True)).outcome == Outcome.DONE
    monkeypatch.undo()
    last = await opened(ada)
    monkeypatch.setattr(limits, "QUICK_PATIENCE_SECONDS", 600)
    end = asyncio.create_task(settle(last, said(), patient=True))
    await asyncio.sleep(0)
    await close_committers()
    assert (await end).outcome == Outcome.DONE
    audited()


async def test_an_end_that_found_its_rows_busy_is_waited_for_as_well(books: Engine, monkeypatch: pytest.MonkeyPatch):
    ada = somebody()
    turn = await opened(ada)
    committer, busy = group_commit._committer(), asyncio.Event()
    store = committer._lanes[0].store
    write = store.write

    async def busy_once(batch: Any) -> Any:
        if busy.is_set():
            return await write(batch)
        busy.set()
        return {waiting.number: BUSY for waiting in batch}

    monkeypatch.setattr(store, "write", busy_once)
    monkeypatch.setattr(limits, "QUICK_BUSY_SECONDS", 0.3)
    end = asyncio.create_task(settle(turn, said()))
    await busy.wait()
    await asyncio.sleep(0.05)
    await hurry()
    assert turn_of(turn.id).ended_at is not None
    assert (await end).outcome == Outcome.DONE
    audited()


async def test_what_an_end_frees_can_be_held_at_once(books: Engine, monkeypatch: pytest.MonkeyPatch):
    ada = somebody(usd=1)
    most = await opened(ada, max_tokens=90_000)
    assert balance_of(ada)[1] > from_usd(1) // 2
    monkeypatch.setattr(limits, "QUICK_PATIENCE_SECONDS", 600)
    end = asyncio.create_task(settle(most, Ending("", None, False, Completion.FAILED), patient=True))
    await asyncio.sleep(0)
    following = await open_request(request_of(ada, max_tokens=90_000))
    assert not following.turn.clamped
    assert (await end).outcome == Outcome.DONE
    audited()


async def test_one_end_wins_whoever_brings_it(books: Engine):
    ada = somebody()
    turns = [await opened(ada) for _ in range(12)]
    with transaction() as session:
        session.connection().execute(update(Turn).values(lease_until=now() - timedelta(seconds=1)))
    quick = [settle(turn, said()) for turn in turns]
    slow = [asyncio.to_thread(settle_turn, turn.id, said()) for turn in turns[::2]]
    recovered = asyncio.to_thread(recover_turns)
    answers = await asyncio.gather(*quick, *slow, recovered)
    ends = [answer.outcome == Outcome.DONE for answer in answers[:12]] + list(answers[12:18])
    # What the quick path found busy is still open, unless another end took it.
    left = [turn.id for turn in turns if turn_of(turn.id).ended_at is None]
    assert sum(ends) + answers[18] + len(left) == 12
    for turn_id in left:
        await asyncio.to_thread(settle_turn, turn_id, said())
    audited()


async def test_stops_and_checkpoints_do_not_keep_a_reply_from_its_end(books: Engine):
    ada = somebody()
    turns = [await opened(ada) for _ in range(6)]

    def beside(turn: Turn) -> None:
        _write_checkpoint(turn.id, "Half", None)
        _request_stop(ada, turn.id)

    answers = await asyncio.gather(
        *(settle(turn, said()) for turn in turns), *(asyncio.to_thread(beside, turn) for turn in turns)
    )
    for turn, answer in zip(turns, answers[:6], strict=True):
        assert answer is not None
        # What was busy is left to the slower path, and only that.
        assert await asyncio.to_thread(settle_turn, turn.id, said()) == (answer.outcome == Outcome.NOT_PLAIN)
    assert {turn_of(turn.id).text for turn in turns} == {"Well, hello!"}
    audited()


async def test_a_connection_that_breaks_writes_once_or_says_so(books: Engine):
    if books.dialect.name == "sqlite":
        pytest.skip("there is no connection to break")
    ada = somebody()
    await opened(ada)

    async def break_connections() -> None:
        for _ in range(15):
            await asyncio.sleep(0.01)
            with suppress(DatabaseUnavailable), transaction() as session:
                session.connection().execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND pid <> pg_backend_pid() AND query LIKE '%quick_%'"
                    )
                )

    async def talk() -> None:
        item = item_of(request_of(ada))
        while True:
            try:
                answer = await quick_open(item)
                break
            except DatabaseUnavailable:
                continue
        assert answer.outcome == Outcome.DONE
        turn = turn_of(item.turn_id)
        while (await settled_or_none(turn)) is None:
            pass

    async def settled_or_none(turn: Turn) -> Answer | None:
        try:
            answer = await settle(turn, said())
        except DatabaseUnavailable:
            return None
        assert answer.outcome in {Outcome.DONE, Outcome.GONE}
        return answer

    await asyncio.gather(break_connections(), *(talk() for _ in range(12)))
    found = dumped()
    assert (len(found["turns"]), len(found["usage_records"])) == (13, 12)
    audited()


async def test_a_database_that_is_not_there_is_told_as_such(monkeypatch: pytest.MonkeyPatch, books: Engine):
    item = item_of(request_of(somebody()))
    await close_committers()
    url = "postgresql://nobody@127.0.0.1:1/none" if books.dialect.name == "postgresql" else "sqlite:////nowhere/x.db"
    monkeypatch.setenv("DATABASE_URL", url)
    forget_settings()
    with pytest.raises(DatabaseUnavailable):
        await quick_open(item)
