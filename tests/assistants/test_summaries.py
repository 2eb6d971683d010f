"""Summaries: one metered reply with a source of its own that is not kept in the conversation."""

import pytest

from projectloom.assistants.summaries import SummaryRequest, start_summary
from projectloom.errors import InvalidInput, NotFound
from projectloom.workspace.chats import read_messages
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
