"""The caps of the agent: steps, money, tools at once and runs at once."""

import asyncio

import pytest
from sqlmodel import select

from projectloom import limits
from projectloom.assistants.agent import stop_agent
from projectloom.assistants.agent_models import AgentRun, AgentStep
from projectloom.db import reading
from projectloom.errors import (
    BudgetReached,
    InsufficientCredits,
    InvalidInput,
    MissingApiKey,
    TooManyRequests,
    UnknownModel,
)
from projectloom.metering.caps import set_caps
from projectloom.metering.models import CapScope
from projectloom.money import from_cents
from projectloom.workspace.preferences import save_provider_key
from tests.providers.dialects import O_START, both, o_text
from tests.providers.scripted_server import HANG, cut

from .agents_at_work import MODELS, answers, asks, begin, talk, titles, watch, work

SEARCH = ("search_conversations", {"query": "rivers"})
LONG = {"prompt_tokens": 4_000, "completion_tokens": 3_000, "total_tokens": 7_000}


@both
async def test_an_endless_loop_ends_at_the_step_limit_with_what_there_is(world, provider):
    async with world(asks(provider, SEARCH, text="Still looking.")) as w:
        seen = await work(w, model=MODELS[provider])
        assert (seen.run.state, seen.run.reason, seen.run.answer) == ("stopped", "step_limit", "Still looking.")
        assert len(w.provider.asked) == len(w.turns()) == len(seen.run.steps) == limits.AGENT_STEPS
        assert len(seen.charges) == limits.AGENT_STEPS
        assert min(seen.charges) > 0


@pytest.mark.parametrize("cents", [5, 7, 12, 20])
async def test_a_step_that_the_budget_does_not_cover_is_not_made(world, cents: int):
    async with world(asks("openai", SEARCH, usage=LONG)) as w:
        seen = await work(w, budget_nanos=from_cents(cents))
        assert (seen.run.state, seen.run.reason) == ("stopped", "budget")
        assert 0 < seen.run.spent_nanos <= from_cents(cents)
        assert len(w.provider.asked) == len(seen.run.steps) == len(w.turns())
        spent = 0
        for turn, charge in zip(w.turns(), seen.charges, strict=True):
            assert turn.held_nanos <= from_cents(cents) - spent
            spent += charge
        with reading() as session:
            assert len(session.exec(select(AgentStep)).all()) == len(seen.run.steps)


async def test_what_the_first_step_would_be_refused_for_is_refused_before_anything_is_written(world):
    async with world(answers("openai")) as w:
        for changes, refused in (
            ({"budget_nanos": from_cents(1)}, BudgetReached),
            ({"model": "gpt-unknown"}, UnknownModel),
            ({"model": "text-embedding-3-small"}, UnknownModel),
            ({"task": "  "}, InvalidInput),
            ({"task": "a\x00"}, InvalidInput),
        ):
            with pytest.raises(refused):
                await begin(w, **changes)
        assert (w.turns(), w.provider.asked, titles(w.person)) == ([], [], [])
        with reading() as session:
            assert session.exec(select(AgentRun)).all() == []


async def test_without_credit_or_key_no_run_begins(world):
    async with world(answers("openai"), nanos=90_000_000) as w:
        with pytest.raises(InsufficientCredits):
            await begin(w)
        assert w.provider.asked == []
    async with world(answers("openai"), mode="own", nanos=0) as w:
        with pytest.raises(MissingApiKey):
            await begin(w)
        assert titles(w.person) == []


@both
async def test_with_own_keys_nothing_is_held_and_the_budget_counts_the_provider_s_price(world, provider):
    async with world(asks(provider, SEARCH), answers(provider), mode="own", nanos=0) as w:
        save_provider_key(w.person, provider, "sk-mine-0123456789")
        seen = await work(w, model=MODELS[provider])
        assert seen.run.state == "done"
        assert [(turn.funding, turn.held_nanos) for turn in w.turns()] == [("own_key", 0)] * 2
        assert seen.charges == [0, 0]
        assert seen.run.spent_nanos > 0
        assert "sk-mine-0123456789" in str(w.provider.asked[1].headers.values())


async def test_with_own_keys_the_budget_ends_a_run_as_well(world):
    usage = {"prompt_tokens": 4_000, "completion_tokens": 15, "total_tokens": 4_015}
    async with world(asks("openai", SEARCH, usage=usage), mode="own", nanos=0) as w:
        seen = await work(w, budget_nanos=from_cents(5), own_keys={"openai": "sk-sent-0123456789"})
        assert (seen.run.reason, len(w.provider.asked)) == ("budget", len(seen.run.steps))
        assert 0 < seen.run.spent_nanos <= from_cents(5)


async def test_credit_that_runs_out_or_a_cap_that_is_met_ends_a_run_with_its_reason(world):
    async with world(asks("openai", SEARCH, usage=LONG), nanos=150_000_000) as w:
        assert (await work(w, budget_nanos=from_cents(1_000))).run.reason == "credits"
        assert w.balances.posted_nanos > 0
        w.credit(40 * 10**9, "ord_more")
        spent = 40_150_000_000 - w.balances.posted_nanos
        set_caps(w.person, {CapScope.CONVERSATION: 1})
        seen = await work(w, budget_nanos=from_cents(1_000))
        assert seen.run.reason == "step_limit"
        set_caps(w.person, {CapScope.CONVERSATION: None, CapScope.DAY: 1})
        for _ in range(6):
            seen = await work(w, budget_nanos=from_cents(1_000))
            if seen.run.reason == "cap":
                break
        assert seen.run.reason == "cap"
        assert 40_150_000_000 - w.balances.posted_nanos - spent <= 10**9 + 150_000_000


async def test_summaries_count_as_steps(world):
    async with world(answers("openai")) as w:
        conversation_id, _ = talk(w.person, "Tell me of rivers", "They flow.")
        summary = ("summarize_conversation", {"conversation_id": conversation_id})
        w.provider.scripts = [asks("openai", *[summary] * 8), answers("openai")]
        seen = await work(w)
        assert len(w.provider.asked) == len(seen.run.steps) == limits.AGENT_STEPS
        assert seen.run.reason == "step_limit"
        assert seen.failed == [False] * 7 + [True]


async def test_more_tools_at_once_than_are_run_are_answered_all_the_same(world):
    async with world(asks("openai", *[SEARCH] * 20), answers("openai")) as w:
        seen = await work(w)
        assert seen.failed == [False] * limits.MAX_AGENT_CALLS + [True] * (20 - limits.MAX_AGENT_CALLS)
        assert sum(message["role"] == "tool" for message in w.provider.asked[1].body["messages"]) == 20


async def test_only_so_many_runs_are_at_work_for_one_person(world):
    async with world(cut(O_START, o_text("Once"), end=HANG)) as w:
        runs = [await begin(w) for _ in range(limits.MAX_RUNNING_AGENTS_PER_PERSON)]
        with pytest.raises(TooManyRequests):
            await begin(w)
        await asyncio.gather(*(stop_agent(w.person, run.run_id) for run in runs))
        await asyncio.gather(*(watch(w, run) for run in runs))
