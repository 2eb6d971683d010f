"""Summaries: one metered reply with a source of its own that is not kept in the conversation."""

import pytest

from projectloom.assistants.summaries import (
    SummaryRequest,
    chat_from_summary,
    estimate_summary,
    latest_summary,
    read_summary,
    start_summary,
)
from projectloom.errors import InvalidInput, NotFound
from projectloom.workspace.chats import instruct, read_messages, read_page, read_thread
from tests.metering.conftest import MODEL
from tests.providers.dialects import O_WHOLE
from tests.providers.scripted_server import stream

WHOLE = stream(*O_WHOLE)


async def test_a_conversation_is_summarised_and_stays_as_it_is(world):
    async with world(WHOLE) as w:
        chat = await w.start()
        await w.watch(chat.turn_id)
        before = read_messages(w.person, chat.conversation_id)
        summary = await start_summary(SummaryRequest(w.person, chat.conversation_id, model=MODEL))
        text, receipt = await w.watch(summary.turn_id)
        assert (text, receipt.source) == ("Hello!", "summarize")
        assert 0 < receipt.charged_nanos <= receipt.held_nanos
        assert read_messages(w.person, chat.conversation_id) == before
        material = w.provider.asked[-1].body["messages"][-1]["content"]
        assert "user: Hello there" in material
        assert "assistant: Hello!" in material


async def test_any_text_can_be_summarised(world):
    async with world(WHOLE) as w:
        summary = await start_summary(SummaryRequest(w.person, text="A long story.", model=MODEL))
        assert (await w.watch(summary.turn_id))[1].funding == "credits"


@pytest.mark.parametrize("what", [{}, {"text": "  "}, {"text": "a", "conversation_id": "conv_x"}], ids=repr)
async def test_neither_both_or_nothing_to_summarise_is_refused(world, what: dict):
    async with world(WHOLE) as w:
        with pytest.raises(InvalidInput):
            await start_summary(SummaryRequest(w.person, **what))
        assert w.provider.asked == []


async def test_another_person_s_conversation_is_not_found(world):
    async with world(WHOLE) as w:
        chat = await w.start()
        await w.watch(chat.turn_id)
        with pytest.raises(NotFound):
            await start_summary(SummaryRequest("usr_other", chat.conversation_id))


async def test_a_summary_is_priced_before_found_again_after_and_costs_no_more_than_was_said(world):
    async with world(WHOLE) as w:
        chat = await w.start()
        await w.watch(chat.turn_id)
        request = SummaryRequest(w.person, chat.conversation_id, model=MODEL)
        said = estimate_summary(request)
        assert latest_summary(w.person, chat.conversation_id) is None
        started = await start_summary(request)
        await w.watch(started.turn_id)
        found = latest_summary(w.person, chat.conversation_id)
        assert found == read_summary(w.person, started.turn_id)
        assert found is not None
        assert (found.text, found.running) == ("Hello!", False)
        assert 0 < found.receipt.charged_nanos <= said.at_most_nanos
        for turn_id, person in ((chat.turn_id, w.person), (started.turn_id, "usr_other"), ("turn_none", w.person)):
            with pytest.raises(NotFound):
                read_summary(person, turn_id)


async def test_a_chat_from_a_summary_begins_with_it_and_leaves_the_first_as_it_is(world):
    async with world(WHOLE) as w:
        chat = await w.start()
        await w.watch(chat.turn_id)
        started = await start_summary(SummaryRequest(w.person, chat.conversation_id, model=MODEL))
        await w.watch(started.turn_id)
        instruct(w.person, chat.conversation_id, "Speak plainly.")
        fresh = chat_from_summary(w.person, started.turn_id)
        assert read_thread(w.person, fresh).instructions == "Speak plainly."
        (first,) = read_messages(w.person, fresh)
        assert (first.role, first.text.endswith("\n\nHello!")) == ("user", True)
        origin = next(one.title for one in read_page(w.person).rows if one.id == chat.conversation_id)
        assert f"“{origin}”" in first.text
        assert next(one.title for one in read_page(w.person).rows if one.id == fresh) == f"{origin}, continued"
        for turn_id, person in ((started.turn_id, "usr_other"), (chat.turn_id, w.person)):
            with pytest.raises(NotFound):
                chat_from_summary(person, turn_id)
