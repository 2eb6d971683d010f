"""A turn and its process: who vouches for it, and what happens when they lose each other."""

import asyncio
import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from projectloom import db, limits
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.metering.models import Turn
from projectloom.metering.opening import open_turn
from projectloom.metering.recovery import recover_turns
from projectloom.metering.running import runner
from projectloom.metering.turn import _request_stop
from projectloom.metering.usage import summarize_usage
from projectloom.workspace.chats import read_messages
from tests.providers.dialects import O_DONE, O_START, O_WHOLE, o_chunk, o_text, o_usage
from tests.providers.scripted_server import HANG, cut, stream

WHOLE = stream(*O_WHOLE)


def let_the_lease_run_out(turn_id: str) -> None:
    with transaction() as session:
        session.connection().execute(
            update(Turn).where(col(Turn.id) == turn_id).values(lease_until=now() - timedelta(seconds=1))
        )


async def test_a_process_whose_turn_was_settled_elsewhere_stops_calling_the_provider(world, monkeypatch):
    monkeypatch.setattr(limits, "CHECKPOINT_SECONDS", 0.05)
    async with world(cut(O_START, o_text("Hello"), end=HANG)) as w:
        started = await w.start()
        await asyncio.sleep(0.2)
        let_the_lease_run_out(started.turn_id)
        # Another machine, which knows nothing of this process.
        recover_turns()
        await asyncio.wait_for(w.provider.left_by_client.wait(), 5)
        _, receipt = await w.watch(started.turn_id)
        assert (receipt.completion, receipt.charged_nanos > 0) == ("partial", True)


async def test_recovery_leaves_turns_that_its_own_process_is_at_work_on(world):
    async with world(cut(O_START, o_text("Hello"), end=HANG)) as w:
        started = await w.start()
        let_the_lease_run_out(started.turn_id)
        assert recover_turns(runner.living()) == 0
        assert w.balances.held_nanos > 0


async def test_a_turn_that_cannot_be_settled_does_not_keep_the_others_waiting(world):
    async with world(WHOLE) as w:
        poisoned, healthy = (open_turn(w.request()).turn.id for _ in range(2))
        for turn_id in (poisoned, healthy):
            let_the_lease_run_out(turn_id)
        with transaction() as session:
            session.connection().execute(
                text('UPDATE turns SET usage_json = \'{"final": true, "input_tokens": -1}\' WHERE id = :id'),
                {"id": poisoned},
            )
        assert recover_turns() == 1
        assert {turn.id: turn.state for turn in w.turns()}[healthy] == "voided"
        with transaction() as session:
            session.connection().execute(text("UPDATE turns SET usage_json = NULL WHERE id = :id"), {"id": poisoned})
        assert recover_turns() == 1


async def test_a_hold_whose_turn_can_never_be_settled_is_freed_when_its_own_time_is_over(world, monkeypatch):
    monkeypatch.setattr(limits, "HOLD_LIFETIME_SECONDS", 2)
    async with world(WHOLE) as w:
        turn_id = open_turn(w.request()).turn.id
        let_the_lease_run_out(turn_id)
        with transaction() as session:
            broken = text("UPDATE turns SET text = 'Half', usage_json = '{}' WHERE id = :id")
            session.connection().execute(broken, {"id": turn_id})
        assert recover_turns() == 0
        assert w.balances.held_nanos > 0
        await asyncio.sleep(2)
        assert recover_turns() == 1
        assert w.balances.available_nanos == 10 * 10**9
        found, receipt = await w.watch(turn_id)
        assert (found, receipt.state, receipt.charged_nanos) == ("Half", "voided", 0)
        assert read_messages(w.person, w.turns()[0].conversation_id or "")[1].text == "Half"
        assert recover_turns() == 0


async def test_stop_reaches_a_turn_that_another_process_runs(world, monkeypatch):
    monkeypatch.setattr(limits, "CHECKPOINT_SECONDS", 0.05)
    async with world(cut(O_START, o_text("Hello"), end=HANG)) as w:
        started = await w.start()
        await asyncio.sleep(0.2)
        _request_stop(w.person, started.turn_id)
        text_seen, receipt = await w.watch(started.turn_id)
        assert (text_seen, receipt.completion) == ("Hello", "stopped")


async def test_a_server_that_ignores_its_limit_is_cut_and_charged_at_most_the_hold(world):
    endless = [o_text("word " * 2_000) for _ in range(40)]
    async with world(cut(O_START, *endless, end=HANG)) as w:
        _, receipt = await w.reply(max_tokens=300)
        assert receipt.completion == "partial"
        assert receipt.charged_nanos <= receipt.held_nanos
        assert len(w.turns()[0].text) < 30_000


async def test_a_reply_that_takes_too_long_is_cut_and_kept(world, monkeypatch):
    monkeypatch.setattr(limits, "MAX_TURN_SECONDS", 0.3)
    async with world(cut(O_START, o_text("Hello"), end=HANG)) as w:
        seen, receipt = await w.reply()
        assert (seen, receipt.completion) == ("Hello", "partial")
        assert "too long" in (receipt.error_message or "")


# A locked file is SQLite's own trouble; another test takes a whole Postgres away.
@pytest.mark.parametrize("books", ["sqlite"], indirect=True)
async def test_a_finished_reply_is_settled_exactly_when_the_database_comes_back(world, monkeypatch):
    monkeypatch.setattr(limits, "SETTLE_RETRY_MOST_SECONDS", 0.2)
    async with world(cut(O_START, o_text("Hello!"), end=0.3) + stream(*O_WHOLE)[3:]) as w:
        started = await w.start()
        other = sqlite3.connect(str(db.engine().url.database), isolation_level=None)
        try:
            with other:
                other.execute("PRAGMA busy_timeout = 0")
                other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(12)
                other.execute("ROLLBACK")
        finally:
            other.close()
        seen, receipt = await w.watch(started.turn_id)
        assert (receipt.completion, receipt.estimated) == ("complete", False)
        assert seen.startswith("Hello!")


async def test_usage_that_no_column_s_sum_could_hold_is_still_summed(world):
    usage = {
        "prompt_tokens": 999_999_999,
        "prompt_tokens_details": {"cached_tokens": 499_999_999},
        "completion_tokens": 999_999_999,
        "total_tokens": 1_999_999_998,
    }
    async with world(stream(O_START, o_text("Hi"), o_chunk({}, "stop"), o_usage(usage), O_DONE)) as w:
        for _ in range(3):
            await w.reply(max_tokens=500)
        assert summarize_usage(w.person, "all_time").by_model[0].output_tokens == 3 * 999_999_999


async def test_only_so_many_replies_are_written_at_once(world, monkeypatch):
    monkeypatch.setattr(limits, "MAX_RUNNING_TURNS_PER_PERSON", 3)
    async with world(cut(O_START, o_text("Hello"), end=HANG)) as w:
        outcomes = await asyncio.gather(*(w.start(max_tokens=300) for _ in range(12)), return_exceptions=True)
        assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 3
