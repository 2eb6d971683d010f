"""The agent's tools by themselves: what they find of a person's conversations, and how much of it they give."""

import json

import pytest

from projectloom import limits
from projectloom.assistants.agent_tools import TOOLS, Answer, Bench, use_tool
from projectloom.conversations.chats import add_message, copy_branch, find_conversation, read_messages
from projectloom.db import reading, transaction
from projectloom.errors import NotFound
from projectloom.providers import ToolCall
from projectloom.workspace.chats import delete_conversation
from tests.conftest import new_person

from .agents_at_work import messages, talk


async def _no_summary(_conversation_id: str) -> str:
    raise AssertionError("nobody asked for a summary")


async def use(person: str, name: str, **arguments: object) -> Answer:
    bench = Bench(person, "run_none", "conv_none", _no_summary)
    return await use_tool(bench, ToolCall("call_1", name, json.dumps(arguments)))


async def found(person: str, words: str, **more: object) -> list[dict[str, str]]:
    answer = await use(person, "search_conversations", query=words, **more)
    assert not answer.failed
    return json.loads(answer.text)["found"]


async def test_a_search_finds_words_in_titles_and_texts_and_says_where(person: str):
    titled, _ = talk(person, "Boats on the Danube", title="Rivers")
    texted, ids = talk(person, "Hello", "One of the great RIVERS is the Danube, " + "and " * 100)
    talk(person, "Mountains")
    hits = {hit["conversation_id"]: hit for hit in await found(person, "rivers")}
    assert set(hits) == {titled, texted}
    assert "message_id" not in hits[titled]
    assert hits[texted]["message_id"] == ids[1]
    assert "great RIVERS is" in hits[texted]["text"]
    assert len(hits[texted]["text"]) <= limits.SNIPPET_CHARS


async def test_the_latest_conversations_are_listed_without_words(person: str):
    talk(new_person(), "Not theirs")
    made = [talk(person, f"Rivers {number}")[0] for number in range(4)]
    delete_conversation(person, made[-1])
    answer = await use(person, "list_conversations", limit=2)
    assert [one["conversation_id"] for one in json.loads(answer.text)["conversations"]] == made[2:0:-1]
    assert [find.title for find in answer.finds] == ["Rivers 2", "Rivers 1"]
    assert answer.words == "Looked through your latest conversations · 2"


async def test_a_search_takes_its_words_as_they_are(person: str):
    talk(person, "Everything")
    percent, _ = talk(person, "Growth of 5% a_year, c:\\temp")
    for words in ("5%", "%", "a_y", "_", "c:\\t", "\\"):
        assert [hit["conversation_id"] for hit in await found(person, words)] == [percent], words
    assert await found(person, "' OR 1=1 --") == []


async def test_a_search_is_bounded_and_passes_over_the_trash_and_what_is_others(person: str):
    theirs, _ = talk(new_person(), "Rivers")
    made = [talk(person, f"Rivers {number}")[0] for number in range(limits.AGENT_SEARCH_RESULTS + 3)]
    delete_conversation(person, made[-1])
    hits = [hit["conversation_id"] for hit in await found(person, "rivers", limit=1_000)]
    assert hits == made[-2 : -2 - limits.AGENT_SEARCH_RESULTS : -1]
    assert theirs not in hits
    assert len(await found(person, "rivers", limit=2)) == 2
    gone = await use(person, "read_conversation", conversation_id=made[-1])
    assert (gone.failed, gone.text) == (True, "There is no such conversation.")


@pytest.mark.parametrize("text", ["word " * 2_000, "ü" * 9_000, '\\"\n' * 3_000, "\U0001f600" * 5_000])
async def test_what_a_conversation_gives_is_bounded_and_its_latest_messages_come_first(person: str, text: str):
    conversation_id, ids = talk(person, *[f"{number} {text}" for number in range(12)])
    answer = await use(person, "read_conversation", conversation_id=conversation_id)
    assert len(answer.text.encode()) <= limits.AGENT_RESULT_BYTES + 100
    assert ids[-1] in answer.text
    assert ids[0] not in answer.text


async def test_a_short_conversation_is_given_whole(person: str):
    conversation_id, ids = talk(person, "Rivers?", "They flow.")
    answer = await use(person, "read_conversation", conversation_id=conversation_id)
    assert json.loads(answer.text) == {
        "title": "Rivers?",
        "earlier_messages_left_out": 0,
        "messages": [
            {"id": ids[0], "role": "user", "text": "Rivers?"},
            {"id": ids[1], "role": "assistant", "text": "They flow."},
        ],
    }


def test_a_branch_follows_the_parents_of_its_last_message(person: str):
    conversation_id, ids = talk(person, "Rivers?", "They flow.", "Why?", "They fall.")
    with transaction() as session:
        conversation = find_conversation(session, user_id=person, conversation_id=conversation_id)
        other = add_message(session, conversation=conversation, role="assistant", text="Rain.", parent_id=ids[2])
        add_message(session, conversation=conversation, role="user", text="Later")
    for last, expected in (
        (other.id, ["Rivers?", "They flow.", "Why?", "Rain."]),
        (ids[3], ["Rivers?", "They flow.", "Why?", "They fall."]),
        (ids[0], ["Rivers?"]),
    ):
        with transaction() as session:
            branch = copy_branch(session, user_id=person, conversation_id=conversation_id, message_id=last)
        assert [text for _, text in messages(branch.id)] == expected
        with reading() as session:
            rows = read_messages(session, conversation_id=branch.id)
        assert [row.parent_id for row in rows] == [None, *(row.id for row in rows[:-1])]
    with transaction() as session, pytest.raises(NotFound):
        copy_branch(session, user_id=person, conversation_id=branch.id, message_id=ids[0])


def test_every_tool_has_a_schema_that_names_what_it_needs():
    for tool in TOOLS:
        assert set(tool.parameters["required"]) <= set(tool.parameters["properties"])
        assert all(rule["type"] in ("string", "integer") for rule in tool.parameters["properties"].values())
