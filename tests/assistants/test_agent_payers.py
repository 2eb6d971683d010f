"""A run is paid for to its end by whoever paid as it began, or it ends."""

import asyncio

import pytest
from sqlmodel import select

from projectloom.assistants.agent_models import AgentStep
from projectloom.db import reading
from projectloom.workspace.preferences import delete_provider_key, save_provider_key, set_api_key_mode
from tests.metering.conftest import World

from .agents_at_work import Seen, answers, asks, begin, talk, watch

OWN_KEY = "sk-mine-0123456789"
SEARCH = ("search_conversations", {"query": "rivers"})


async def meanwhile(w: World, *changes) -> Seen:
    """A run whose first reply ends only after ``changes`` were made, and which would then go on."""
    changed = asyncio.Event()
    w.provider.scripts = [[*w.provider.scripts[0][:-1], changed, w.provider.scripts[0][-1]], answers("openai")]
    run = await begin(w)
    while not w.provider.asked:
        await asyncio.sleep(0.01)
    for change, *values in changes:
        await asyncio.to_thread(change, w.person, *values)
    changed.set()
    return await watch(w, run)


@pytest.mark.parametrize(("begun", "then", "paid"), [("credits", "own", "credits"), ("own", "credits", "own_key")])
async def test_a_step_that_another_would_pay_for_is_not_made(world, begun: str, then: str, paid: str):
    async with world(asks("openai", SEARCH), mode=begun) as w:
        save_provider_key(w.person, "openai", OWN_KEY)
        seen = await meanwhile(w, (set_api_key_mode, then))
        assert (seen.run.state, seen.run.reason, len(w.provider.asked)) == ("stopped", "payer", 1)
        assert [turn.funding for turn in w.turns()] == [paid]
        assert w.balances.spent_nanos == sum(seen.charges)
        with reading() as session:
            assert len(session.exec(select(AgentStep)).all()) == 1


async def test_a_summary_that_another_would_pay_for_ends_the_run_as_well(world):
    async with world([]) as w:
        save_provider_key(w.person, "openai", OWN_KEY)
        conversation_id, _ = talk(w.person, "Tell me of rivers", "They flow.")
        w.provider.scripts = [asks("openai", ("summarize_conversation", {"conversation_id": conversation_id}))]
        seen = await meanwhile(w, (set_api_key_mode, "own"))
        assert (seen.run.reason, len(w.provider.asked), len(w.turns())) == ("payer", 1, 1)


async def test_a_payer_who_was_changed_and_changed_back_pays_on(world):
    async with world(asks("openai", SEARCH)) as w:
        seen = await meanwhile(w, (set_api_key_mode, "own"), (set_api_key_mode, "credits"))
        assert (seen.run.state, [turn.funding for turn in w.turns()]) == ("done", ["credits"] * 2)


async def test_a_key_that_is_deleted_in_the_middle_ends_the_run_and_charges_nobody_else(world):
    async with world(asks("openai", SEARCH), mode="own") as w:
        save_provider_key(w.person, "openai", OWN_KEY)
        seen = await meanwhile(w, (delete_provider_key, "openai"))
        assert (seen.run.state, seen.run.reason, len(w.provider.asked)) == ("failed", "key", 1)
        assert [turn.funding for turn in w.turns()] == ["own_key"]
        assert w.balances.spent_nanos == 0
