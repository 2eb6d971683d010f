"""What a crash leaves is resolved from the last checkpoint, once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from projectloom import limits
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.metering.models import Completion, Turn
from projectloom.metering.opening import open_turn
from projectloom.metering.recovery import recover_turns
from projectloom.metering.settling import Outcome, dump_usage, settle_turn
from projectloom.tokens import Usage
from projectloom.workspace.chats import read_messages
from tests.metering.conftest import World
from tests.providers.dialects import O_START, O_WHOLE, o_text
from tests.providers.scripted_server import HANG, cut, stream

WHOLE = stream(*O_WHOLE)


def crash_after(w: World, text: str = "", usage: Usage | None = None, final: bool = False) -> str:
    """A turn as a killed process leaves it: committed, with a checkpoint, and a lease that nobody renews."""
    turn_id = open_turn(w.request()).turn.id
    with transaction() as session:
        session.connection().execute(
            update(Turn)
            .where(col(Turn.id) == turn_id)
            .values(text=text, usage_json=dump_usage(usage, final=final), lease_until=now() - timedelta(seconds=1))
        )
    return turn_id


async def test_a_crash_between_hold_and_call_costs_nothing(world):
    async with world(WHOLE) as w:
        crash_after(w)
        assert w.balances.held_nanos > 0
        assert recover_turns() == 1
        assert w.balances.available_nanos == 10 * 10**9


async def test_a_crash_in_mid_reply_keeps_the_text_and_charges_an_estimate(world):
    async with world(WHOLE) as w:
        turn_id = crash_after(w, "Half of a repl")
        recover_turns()
        text, receipt = await w.watch(turn_id)
        assert (text, receipt.completion, receipt.estimated) == ("Half of a repl", "partial", True)
        assert 0 < receipt.charged_nanos <= receipt.held_nanos
        turn = w.turns()[0]
        assert read_messages(w.person, turn.conversation_id or "")[1].text == "Half of a repl"


async def test_a_crash_between_the_provider_s_end_and_the_capture_charges_what_was_reported(world):
    async with world(WHOLE) as w:
        turn_id = crash_after(w, "Hello!", Usage(input_tokens=25, output_tokens=15), final=True)
        recover_turns()
        _, receipt = await w.watch(turn_id)
        assert (receipt.charged_nanos, receipt.estimated) == (25 * 2_000 + 15 * 10_000, False)


async def test_a_turn_whose_process_lives_is_left_alone(world):
    async with world(cut(O_START, o_text("Hello"), end=HANG)) as w:
        started = await w.start()
        assert recover_turns() == 0
        assert w.turns()[0].id == started.turn_id


async def test_a_late_capture_after_recovery_changes_nothing(world):
    async with world(WHOLE) as w:
        turn_id = crash_after(w, "Half")
        recover_turns()
        after = w.balances
        late = Outcome("Half and more", Usage(input_tokens=25, output_tokens=400), True, Completion.COMPLETE)
        assert not settle_turn(turn_id, late)
        assert w.balances == after


async def test_several_recoverers_and_a_late_capture_at_once_settle_a_turn_once(world):
    async with world(WHOLE) as w:
        for _ in range(5):
            turn_id = crash_after(w, "Half of a reply")
            late = Outcome("Half of a reply!", Usage(input_tokens=25, output_tokens=15), True, Completion.COMPLETE)
            with ThreadPoolExecutor(4) as threads:
                jobs = [threads.submit(recover_turns) for _ in range(3)]
                jobs.append(threads.submit(settle_turn, turn_id, late))
                for job in jobs:
                    job.result()
        assert w.balances.held_nanos == 0


async def test_a_process_that_comes_back_while_recovery_looks_keeps_its_turn_and_all_of_its_text(world):
    async with world(WHOLE) as w:
        turn_id = crash_after(w, "Half of a repl")
        with ThreadPoolExecutor(1) as threads:
            with transaction() as session:
                values = {"text": "Half of a reply and more", "lease_until": now() + timedelta(seconds=15)}
                session.connection().execute(update(Turn).where(col(Turn.id) == turn_id).values(values))
                # It finds the lease run out, and waits for this transaction before it may settle anything.
                recovering = threads.submit(recover_turns)
                await asyncio.sleep(0.5)
            assert recovering.result() == 0
        turn = w.turns()[0]
        assert (turn.ended_at, turn.text) == (None, "Half of a reply and more")
        with transaction() as session:
            gone = now() - timedelta(seconds=1)
            session.connection().execute(update(Turn).where(col(Turn.id) == turn_id).values(lease_until=gone))
        assert recover_turns() == 1
        assert (await w.watch(turn_id))[0] == "Half of a reply and more"


async def test_checkpoints_hold_the_text_of_a_running_reply(world, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "CHECKPOINT_SECONDS", 0.02)
    async with world(cut(O_START, o_text("So far"), end=HANG)) as w:
        await w.start()
        for _ in range(200):
            if w.turns()[0].text == "So far":
                break
            await asyncio.sleep(0.02)
        assert (w.turns()[0].text, w.turns()[0].state) == ("So far", "streaming")
