"""What is sent to a model, and paid for, is the branch that is shown: the same for the estimate and for the turn."""

import pytest

from projectloom.conversations.tree import Place
from projectloom.errors import IdempotencyConflict, NotFound
from projectloom.metering.quotes import estimate, retry_estimates
from projectloom.metering.receipts import cost_of_conversation, outlines_of_conversation
from projectloom.metering.send import ask_again, send_message
from projectloom.workspace.chats import (
    ThreadView,
    branch_out,
    delete_conversation,
    read_map,
    read_thread,
    show_branch,
    switch_version,
)
from tests.metering.conftest import MODEL
from tests.providers.dialects import O_COUNTS, O_DONE, O_START, o_chunk, o_text, o_usage
from tests.providers.scripted_server import stream


def saying(words: str) -> list:
    return stream(O_START, o_text(words), o_chunk({}, "stop"), o_usage(O_COUNTS), O_DONE)


def texts(view: ThreadView) -> list[str]:
    return [message.text for message in view.messages]


def told(world, number: int) -> list[str]:
    """What the provider was sent with its request of this number."""
    return [message["content"] for message in world.provider.asked[number].body["messages"]]


async def said(world, text: str, conversation_id: str | None = None, **more):
    started = await send_message(world.person, conversation_id, text, MODEL, **more)
    await world.watch(started.turn_id)
    return started


async def test_an_edited_question_stands_beside_the_first_and_only_its_own_branch_is_sent(world):
    async with world(saying("One."), saying("Two."), saying("Edited."), saying("Next.")) as w:
        chat = (await said(w, "First")).conversation_id
        await said(w, "Second", chat)
        ids = read_thread(w.person, chat).ids
        await said(w, "Second, better", chat, place=Place(ids[1]))
        assert told(w, 2) == ["First", "One.", "Second, better"]
        shown = read_thread(w.person, chat)
        assert texts(shown) == ["First", "One.", "Second, better", "Edited."]
        assert [(one.number, one.versions) for one in shown.messages] == [(1, 1), (1, 1), (2, 2), (1, 1)]

        switch_version(w.person, chat, shown.ids[2], -1)
        assert texts(read_thread(w.person, chat)) == ["First", "One.", "Second", "Two."]
        before = estimate(w.person, MODEL, chat, "Third")
        assert before == estimate(w.person, MODEL, chat, "Third", Place(ids[3]))
        await said(w, "Third", chat)
        assert told(w, 3) == ["First", "One.", "Second", "Two.", "Third"]


async def test_the_first_question_can_be_edited_too(world):
    async with world(saying("One."), saying("Other.")) as w:
        chat = (await said(w, "First")).conversation_id
        await said(w, "Another first", chat, place=Place(None))
        assert told(w, 1) == ["Another first"]
        shown = read_thread(w.person, chat)
        assert texts(shown) == ["Another first", "Other."]
        assert (shown.messages[0].number, shown.messages[0].versions) == (2, 2)


async def test_a_question_answered_once_more_is_sent_without_its_first_reply_and_with_what_leads_to_it(world):
    async with world(saying("One."), saying("Two."), saying("Again.")) as w:
        chat = (await said(w, "First")).conversation_id
        await said(w, "Second", chat)
        question = read_thread(w.person, chat).ids[2]
        offers = dict(retry_estimates(w.person, chat, question, [MODEL, "claude-haiku-5-5", "gpt-none"]))
        assert list(offers) == [MODEL, "claude-haiku-5-5"]
        started = await ask_again(w.person, chat, question, MODEL)
        assert offers[MODEL].at_most_nanos == started.held_nanos
        await w.watch(started.turn_id)
        assert told(w, 2) == ["First", "One.", "Second"]
        shown = read_thread(w.person, chat)
        assert texts(shown) == ["First", "One.", "Second", "Again."]
        assert (shown.messages[3].number, shown.messages[3].versions) == (2, 2)
        assert len([one for one in read_thread(w.person, chat, since=0).ids if one == question]) == 1
        assert cost_of_conversation(w.person, chat) == (10**10 - w.balances.posted_nanos, 0)


async def test_the_same_request_at_another_place_is_a_conflict(world):
    async with world(saying("One."), saying("Two.")) as w:
        chat = (await said(w, "First")).conversation_id
        ids = read_thread(w.person, chat).ids
        await said(w, "Then", chat, client_request_id="r1", place=Place(ids[1]))
        with pytest.raises(IdempotencyConflict):
            await said(w, "Then", chat, client_request_id="r1", place=Place(None))


async def test_a_map_shows_every_stretch_and_travels_and_a_branch_becomes_a_chat_of_its_own(world):
    async with world(saying("One."), saying("Two."), saying("Other.")) as w:
        chat = (await said(w, "First")).conversation_id
        await said(w, "Second", chat)
        ids = read_thread(w.person, chat).ids
        await said(w, "Second, better", chat, place=Place(ids[1]))
        stretches = read_map(w.person, chat)
        seen = [(one.words, one.count, one.depth, one.parent, one.shown) for one in stretches]
        assert seen == [("First", 2, 0, None, True), ("Second", 2, 1, 0, False), ("Second, better", 2, 1, 0, True)]
        replies = outlines_of_conversation(w.person, chat)
        assert [[replies[one].model for one in each.turn_ids] for each in stretches] == [[MODEL]] * 3
        assert [one.completion for one in replies.values()] == ["complete"] * 3
        assert sum(one.cost_nanos for one in replies.values()) == sum(cost_of_conversation(w.person, chat)) > 0
        assert outlines_of_conversation("usr_eve", chat) == {}
        show_branch(w.person, chat, stretches[1].last_id)
        assert texts(read_thread(w.person, chat)) == ["First", "One.", "Second", "Two."]
        copy = branch_out(w.person, chat, ids[1])
        assert texts(read_thread(w.person, copy)) == ["First", "One."]


async def test_branches_of_others_and_of_what_was_deleted_are_not_found(world):
    async with world(saying("One."), saying("Two.")) as w:
        chat = (await said(w, "First")).conversation_id
        other = (await said(w, "Elsewhere")).conversation_id
        question, reply = read_thread(w.person, chat).ids
        for trespass in (
            lambda: read_thread("usr_eve", chat),
            lambda: read_map("usr_eve", chat),
            lambda: switch_version("usr_eve", chat, question, 0),
            lambda: show_branch("usr_eve", chat, question),
            lambda: show_branch(w.person, other, question),
            lambda: branch_out("usr_eve", chat, question),
            lambda: retry_estimates("usr_eve", chat, question, [MODEL]),
            lambda: retry_estimates(w.person, chat, reply, [MODEL]),
            lambda: estimate(w.person, MODEL, other, "Hello", Place(reply)),
        ):
            with pytest.raises(NotFound):
                trespass()
        with pytest.raises(NotFound):
            await ask_again("usr_eve", chat, question, MODEL)
        with pytest.raises(NotFound):
            await send_message(w.person, other, "Hello", MODEL, place=Place(reply))
        assert cost_of_conversation("usr_eve", chat) == (0, 0)
        delete_conversation(w.person, chat)
        with pytest.raises(NotFound):
            await ask_again(w.person, chat, question, MODEL)
