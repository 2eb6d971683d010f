"""An operator sees which reports contradict themselves and what the house lost, by one command."""

import asyncio
import sys
from datetime import timedelta

import pytest
from sqlalchemy import text

from projectloom import __main__ as commands
from projectloom import limits
from projectloom.assistants.titles import name_conversations
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.metering.opening import open_turn
from projectloom.metering.recovery import abandon_turns, recover_turns
from tests.metering.conftest import World
from tests.providers.dialects import (
    A_STOP,
    O_DONE,
    O_TITLE,
    O_WHOLE,
    a_delta,
    a_start,
    a_text,
    o_chunk,
    o_text,
    o_usage,
)
from tests.providers.scripted_server import stream

ODD = stream(
    o_text("Hello"),
    o_chunk({}, "stop"),
    o_usage({"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 41}),
    O_DONE,
)
NOTHING = stream(o_chunk({}, "stop"), o_usage({"prompt_tokens": 25, "completion_tokens": 15}), O_DONE)
MANY_SEARCHES = {"output_tokens": 15, "server_tool_use": {"web_search_requests": 500, "web_fetch_requests": 0}}
WHOLE = stream(*O_WHOLE)


async def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["projectloom", "usage", *words])
    assert await asyncio.to_thread(commands.main) == 0
    return capsys.readouterr().out


def line_of(w: World, table: str, turn_id: str) -> str:
    (line,) = (line for line in table.splitlines() if turn_id in line)
    assert "@example.org" in line
    return line


async def test_reports_that_contradict_themselves_are_listed_and_no_others(world, monkeypatch, capsys):
    async with world(ODD, WHOLE) as w:
        assert "No report" in await told(monkeypatch, capsys, "--flagged")
        _, odd = await w.reply()
        _, sound = await w.reply()
        table = await told(monkeypatch, capsys, "--flagged")
        line = line_of(w, table, odd.turn_id)
        assert line.count("0.0002") == 2
        assert "contradicts itself" in line
        assert sound.turn_id not in table
        tomorrow = (now() + timedelta(days=1)).date().isoformat()
        assert odd.turn_id not in await told(monkeypatch, capsys, "--flagged", "--since", tomorrow)


async def test_what_the_house_lost_is_listed_with_its_cause(world, monkeypatch, capsys):
    above = stream(a_start(), a_text("It rains."), a_delta(usage=MANY_SEARCHES), A_STOP)
    async with world(NOTHING, above, WHOLE, stream(*O_TITLE)) as w:
        assert "No reply cost" in await told(monkeypatch, capsys, "--losses")
        _, nothing = await w.reply()
        _, much = await w.reply(model="claude-sonnet-5-5")
        _, sound = await w.reply()
        assert nothing.provider_cost_nanos > nothing.charged_nanos == 0
        table = await told(monkeypatch, capsys, "--losses")
        assert "brought nothing" in line_of(w, table, nothing.turn_id)
        assert "more than was held" in line_of(w, table, much.turn_id)
        assert sound.turn_id not in table
        await name_conversations()
        assert "Titles that the house paid for: 1, $0.0000" in await told(monkeypatch, capsys, "--losses")


async def test_a_reply_that_could_never_be_settled_is_listed_without_a_cost(world, monkeypatch, capsys):
    monkeypatch.setattr(limits, "HOLD_LIFETIME_SECONDS", 0)
    async with world(WHOLE) as w:
        turn_id = open_turn(w.request()).turn.id
        with transaction() as session:
            session.connection().execute(text("UPDATE turns SET text = 'Half', usage_json = '{}'"))
        abandon_turns()
        assert recover_turns() == 1
        line = line_of(w, await told(monkeypatch, capsys, "--losses"), turn_id)
        assert "?" in line
        assert "never be settled" in line


async def test_a_list_ends_somewhere_and_says_so(world, monkeypatch, capsys):
    monkeypatch.setattr(limits, "USAGE_ROWS_LISTED", 1)
    async with world(ODD) as w:
        first, second = (await w.reply())[1], (await w.reply())[1]
        table = await told(monkeypatch, capsys, "--flagged")
        assert second.turn_id in table
        assert first.turn_id not in table
        assert "latest 1" in table
