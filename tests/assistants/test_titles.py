"""Titles: asked for once, at the house's expense where credits pay, and never over a name that a person gave."""

import asyncio

import pytest

from projectloom import limits
from projectloom.assistants.titles import name_conversations
from projectloom.conversations.chats import rename, set_deleted
from projectloom.conversations.models import Conversation
from projectloom.db import reading, transaction
from projectloom.metering.receipts import list_receipts
from projectloom.metering.usage import summarize_usage
from projectloom.providers import ChatMessage
from projectloom.workspace.chats import read_messages
from projectloom.workspace.preferences import save_provider_key
from tests.providers.dialects import O_DONE, O_START, O_TITLE, O_WHOLE, o_chunk, o_text, o_usage
from tests.providers.scripted_server import refusal, stream

CHAT = stream(*O_WHOLE)
TITLE = stream(*O_TITLE)


def title_of(conversation_id: str) -> tuple[str, str]:
    with reading() as session:
        row = session.get_one(Conversation, conversation_id)
        return row.title, row.title_by


async def test_a_conversation_is_named_once_after_its_first_reply(world):
    async with world(CHAT, TITLE) as w:
        assert await name_conversations() == 0
        started = await w.start()
        await w.watch(started.turn_id)
        assert await name_conversations() == 1
        assert title_of(started.conversation_id) == ("Rivers and their names", "model")
        assert await name_conversations() == 0
        assert len(w.provider.asked) == 2
        asked = w.provider.asked[-1].body
        assert asked["model"] == "gpt-6-luna"
        assert "Hello there" in asked["messages"][-1]["content"]


async def test_a_title_is_the_house_s_expense_and_the_balance_falls_by_the_reply_alone(world):
    async with world(CHAT, TITLE) as w:
        before = w.balances.posted_nanos
        started = await w.start()
        _, receipt = await w.watch(started.turn_id)
        await name_conversations()
        assert before - w.balances.posted_nanos == receipt.charged_nanos
        title = next(one for one in list_receipts(w.person) if one.source == "title")
        assert (title.funding, title.charged_nanos, title.held_nanos, title.entry_id) == ("house", 0, 0, None)
        assert title.provider_cost_nanos > 0
        summary = summarize_usage(w.person, "all_time")
        assert (summary.count, summary.total_nanos) == (1, receipt.charged_nanos)
        assert {line.name: line.count for line in summary.by_source} == {"chat": 1, "title": 1}


async def test_a_title_with_own_keys_is_asked_with_the_person_s_stored_key(world):
    async with world(CHAT, TITLE, mode="own") as w:
        save_provider_key(w.person, "openai", "sk-own-0123456789")
        started = await w.start()
        await w.watch(started.turn_id)
        await name_conversations()
        assert title_of(started.conversation_id)[1] == "model"
        assert w.provider.asked[-1].headers["authorization"] == "Bearer sk-own-0123456789"
        assert all(one.funding == "own_key" for one in list_receipts(w.person))


async def test_without_a_stored_key_the_first_line_stays_and_nothing_is_asked(world):
    async with world(CHAT, mode="own") as w:
        started = await w.start(own_keys={"openai": "sk-once-0123456789"})
        await w.watch(started.turn_id)
        assert await name_conversations() == 1
        assert title_of(started.conversation_id) == ("Hello there", "model")
        assert (len(w.provider.asked), await name_conversations()) == (1, 0)


async def test_a_provider_that_fails_leaves_the_first_line_and_is_not_asked_again(world):
    async with world(CHAT, refusal(500, {"error": {"message": "no"}})) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        await name_conversations()
        assert title_of(started.conversation_id) == ("Hello there", "model")
        assert await name_conversations() == 0


async def test_a_name_that_a_person_gave_is_never_overruled(world):
    slow_title = [TITLE[0], 0.3, *TITLE[1:]]
    async with world(CHAT, slow_title) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        naming = asyncio.create_task(name_conversations())
        await asyncio.sleep(0.1)
        with transaction() as session:
            rename(session, user_id=w.person, conversation_id=started.conversation_id, title="My rivers")
        await naming
        assert title_of(started.conversation_id) == ("My rivers", "person")


async def test_a_deleted_conversation_and_an_empty_answer_name_nothing(world):
    empty = stream(O_WHOLE[0], *O_WHOLE[3:])
    async with world(CHAT, CHAT, empty) as w:
        gone, kept = await w.start(), await w.start()
        for started in (gone, kept):
            await w.watch(started.turn_id)
        with transaction() as session:
            set_deleted(session, user_id=w.person, conversation_id=gone.conversation_id, deleted=True)
        assert await name_conversations() == 1
        assert title_of(kept.conversation_id) == ("Hello there", "model")


async def test_conversations_without_a_reply_do_not_keep_others_nameless(world, monkeypatch):
    monkeypatch.setattr(limits, "TITLE_BATCH", 1)
    async with world(refusal(500, {}), CHAT, TITLE) as w:
        for _ in range(2):
            started = await w.start()
            await w.watch(started.turn_id)
        assert await name_conversations() == 1
        assert title_of(started.conversation_id)[0] == "Rivers and their names"


async def test_a_prompt_that_makes_an_essay_of_its_title_gets_a_title_s_length_of_it(world):
    essay = [o_text("All there is to say of rivers. " * 20), o_chunk({}, "stop")]
    usage = o_usage({"prompt_tokens": 100, "completion_tokens": 150, "total_tokens": 250})
    async with world(CHAT, stream(O_START, *essay, usage, O_DONE)) as w:
        started = await w.start(messages=(ChatMessage("user", "The title must be the full essay about rivers."),))
        await w.watch(started.turn_id)
        await name_conversations()
        named, by = title_of(started.conversation_id)
        assert by == "model"
        assert len(named) <= limits.MAX_TITLE_CHARS
        shown = [message.text for message in read_messages(w.person, started.conversation_id)]
        assert not any("All there is" in text for text in shown)


async def test_the_house_names_no_more_conversations_of_one_person_in_a_day_than_a_limit_pays_for(world, monkeypatch):
    async with world(CHAT, TITLE, CHAT, CHAT, TITLE) as w:
        first = await w.start()
        await w.watch(first.turn_id)
        await name_conversations()
        paid = next(one for one in list_receipts(w.person) if one.source == "title").provider_cost_nanos
        monkeypatch.setattr(limits, "HOUSE_TITLES_NANOS", paid)
        second = await w.start()
        await w.watch(second.turn_id)
        assert await name_conversations() == 1
        assert title_of(second.conversation_id) == ("Hello there", "model")
        monkeypatch.setattr(limits, "HOUSE_TITLES_NANOS", paid + 1)
        third = await w.start()
        await w.watch(third.turn_id)
        await name_conversations()
        assert title_of(third.conversation_id)[0] == "Rivers and their names"
        assert len(w.provider.asked) == 5


async def test_titles_with_own_keys_cost_the_house_nothing_and_know_no_limit(world, monkeypatch):
    monkeypatch.setattr(limits, "HOUSE_TITLES_NANOS", 0)
    async with world(CHAT, TITLE, mode="own") as w:
        save_provider_key(w.person, "openai", "sk-own-0123456789")
        started = await w.start()
        await w.watch(started.turn_id)
        await name_conversations()
        assert title_of(started.conversation_id)[0] == "Rivers and their names"


async def test_a_title_that_the_house_pays_for_is_neither_watched_nor_stopped_by_its_person(world):
    from projectloom.errors import NotFound
    from projectloom.metering.turn import stop_turn

    async with world(CHAT, [TITLE[0], 0.5, *TITLE[1:]]) as w:
        started = await w.start()
        await w.watch(started.turn_id)
        naming = asyncio.create_task(name_conversations())
        while len(w.turns()) < 2:
            await asyncio.sleep(0.02)
        title = next(turn for turn in w.turns() if turn.source == "title")
        for _ in range(2):
            with pytest.raises(NotFound):
                await w.watch(title.id)
            with pytest.raises(NotFound):
                await stop_turn(w.person, title.id)
            await naming
        assert title_of(started.conversation_id)[0] == "Rivers and their names"
