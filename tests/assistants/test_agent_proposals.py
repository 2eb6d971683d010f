"""What an agent proposes changes nothing until its person confirms it, and then once."""

import asyncio

import pytest

from projectloom.assistants.agent_proposals import decide, decide_all, take_back
from projectloom.assistants.agent_runs import read_run
from projectloom.db import in_thread
from projectloom.errors import NotFound, ProposalDecided, ProposalStale
from projectloom.workspace.chats import delete_conversation, read_messages, rename_conversation
from tests.conftest import new_person

from .agents_at_work import answers, asks, messages, talk, titles, work


async def proposed(w, *texts: str):
    """A run that proposes to rename a conversation and to branch it after its second message."""
    conversation_id, ids = talk(w.person, *(texts or ("Rivers", "They flow.", "Why?", "They fall.")))
    named = {"conversation_id": conversation_id}
    w.provider.scripts = [
        asks(
            "openai",
            ("propose_rename", named | {"title": "  All   about rivers "}),
            ("propose_branch", named | {"message_id": ids[1], "reason": "Another way on."}),
        ),
        answers("openai"),
    ]
    seen = await work(w)
    assert seen.failed == [False, False]
    return conversation_id, ids, seen.run


async def test_what_nobody_confirms_changes_nothing(world):
    async with world(answers("openai")) as w:
        conversation_id, ids, run = await proposed(w)
        assert titles(w.person) == ["Rivers", "Tidy up."]
        assert len(messages(conversation_id)) == 4
        rename, branch = run.proposals
        assert rename.payload == {
            "conversationId": conversation_id,
            "title": "All about rivers",
            "titleBefore": "Rivers",
        }
        assert branch.payload["messageId"] == ids[1]
        for proposal in run.proposals:
            assert decide(w.person, run.id, proposal.id, "decline").state == "declined"
        assert titles(w.person) == ["Rivers", "Tidy up."]
        with pytest.raises(ProposalDecided):
            decide(w.person, run.id, rename.id, "confirm")
        assert titles(w.person) == ["Rivers", "Tidy up."]


async def test_a_confirmed_rename_is_done_once_however_often_it_is_confirmed(world):
    async with world(answers("openai")) as w:
        conversation_id, _, run = await proposed(w)
        rename = run.proposals[0].id
        found = await asyncio.gather(*(in_thread(decide, w.person, run.id, rename, "confirm") for _ in range(6)))
        assert {one.state for one in found} == {"confirmed"}
        assert titles(w.person)[0] == "All about rivers"
        # Whoever renames it afterwards is not overruled by one more confirmation.
        rename_conversation(w.person, conversation_id, "My own")
        assert decide(w.person, run.id, rename, "confirm").state == "confirmed"
        assert titles(w.person)[0] == "My own"
        with pytest.raises(ProposalDecided):
            decide(w.person, run.id, rename, "decline")


async def test_a_rename_that_no_longer_fits_is_stale(world):
    async with world(answers("openai")) as w:
        conversation_id, _, run = await proposed(w)
        rename_conversation(w.person, conversation_id, "My own")
        for _ in range(2):
            with pytest.raises(ProposalStale):
                decide(w.person, run.id, run.proposals[0].id, "confirm")
        assert titles(w.person)[0] == "My own"
        assert read_run(w.person, run.id).proposals[0].state == "stale"


async def test_what_is_in_the_trash_is_stale(world):
    async with world(answers("openai")) as w:
        conversation_id, _, run = await proposed(w)
        delete_conversation(w.person, conversation_id)
        for proposal in run.proposals:
            with pytest.raises(ProposalStale):
                decide(w.person, run.id, proposal.id, "confirm")
        assert titles(w.person) == ["Rivers", "Tidy up."]


async def test_a_confirmed_branch_is_one_conversation_with_the_messages_up_to_there(world):
    async with world(answers("openai")) as w:
        conversation_id, ids, run = await proposed(w)
        branch = run.proposals[1].id
        found = await asyncio.gather(*(in_thread(decide, w.person, run.id, branch, "confirm") for _ in range(6)))
        made = {one.result_id for one in found}
        assert len(made) == 1
        (branch_id,) = made
        assert branch_id
        copies = read_messages(w.person, branch_id)
        assert [(one.role, one.text, one.turn_id) for one in copies] == [
            ("user", "Rivers", None),
            ("assistant", "They flow.", None),
        ]
        assert not {one.id for one in copies} & set(ids)
        assert len(messages(conversation_id)) == 4
        assert titles(w.person) == ["Rivers", "Tidy up.", "Rivers"]


async def test_what_was_confirmed_is_taken_back_once(world):
    async with world(answers("openai")) as w:
        _, _, run = await proposed(w)
        assert decide_all(w.person, run.id, "confirm") == 0
        assert titles(w.person) == ["All about rivers", "Tidy up.", "All about rivers"]
        for proposal in (*run.proposals, *run.proposals):
            assert take_back(w.person, run.id, proposal.id).state == "taken_back"
        assert titles(w.person)[0] == "Rivers"
        branch = read_run(w.person, run.id).proposals[1].result_id
        with pytest.raises(NotFound):
            read_messages(w.person, branch)
        with pytest.raises(ProposalDecided):
            decide(w.person, run.id, run.proposals[0].id, "confirm")


async def test_what_somebody_went_on_from_is_not_taken_back(world):
    async with world(answers("openai"), answers("openai")) as w:
        conversation_id, _, run = await proposed(w)
        assert decide_all(w.person, run.id, "confirm") == 0
        rename_conversation(w.person, conversation_id, "My own")
        branch = read_run(w.person, run.id).proposals[1].result_id
        w.provider.scripts = [answers("openai")]
        asked = await w.start(conversation_id=branch)
        await w.watch(asked.turn_id)
        for proposal in run.proposals:
            with pytest.raises(ProposalStale):
                take_back(w.person, run.id, proposal.id)
        assert titles(w.person)[0] == "My own"
        assert len(read_messages(w.person, branch)) == 4


async def test_all_that_waits_is_decided_and_what_does_not_fit_is_counted(world):
    async with world(answers("openai")) as w:
        conversation_id, _, run = await proposed(w)
        rename_conversation(w.person, conversation_id, "My own")
        assert decide_all(w.person, run.id, "confirm") == 1
        assert [one.state for one in read_run(w.person, run.id).proposals] == ["stale", "confirmed"]
        assert decide_all(w.person, run.id, "decline") == 0
        assert [one.state for one in read_run(w.person, run.id).proposals] == ["stale", "confirmed"]
        with pytest.raises(ProposalDecided):
            take_back(w.person, run.id, run.proposals[0].id)


async def test_another_person_cannot_decide(world):
    async with world(answers("openai")) as w:
        _, _, run = await proposed(w)
        other = new_person()
        for run_id, proposal_id in ((run.id, run.proposals[0].id), (run.id, "prop_none"), ("run_none", "a\x00")):
            with pytest.raises(NotFound):
                decide(other, run_id, proposal_id, "confirm")
            with pytest.raises(NotFound):
                take_back(other, run_id, proposal_id)
            with pytest.raises(NotFound):
                decide_all(other, run_id, "confirm")
        with pytest.raises(NotFound):
            decide(w.person, run.id, "prop_none", "confirm")
        assert [one.state for one in read_run(w.person, run.id).proposals] == ["proposed"] * 2
