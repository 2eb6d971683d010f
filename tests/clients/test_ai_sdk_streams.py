"""The Vercel AI SDK's client while a reply is written: left, found again, stopped, broken off; and its history."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.conversations.chats import find_conversation
from projectloom.conversations.models import Message
from projectloom.db import reading, transaction
from projectloom.ids import new_id
from projectloom.metering.client_chats import conversation_of
from projectloom.metering.models import UsageRecord
from projectloom.workspace.preferences import save_provider_key
from tests.clients.ai_sdk import AiSdk, text_of, told
from tests.conftest import ENGINES
from tests.journeys.chatting import WAIT_SECONDS, Chatter, await_waiter, servers, shared_database
from tests.journeys.held_provider import MODEL, Call, HeldProvider
from tests.live import LiveServer
from tests.zygote import Zygote

EXACT = 25 * 10_000 + 40 * 50_000
"""A whole reply of the held provider, in nano-dollars: $10 and $50 a million."""


@contextmanager
def worlds(
    request: pytest.FixtureRequest, folder: Path, zygote: Zygote, *, engine: str = "sqlite", count: int = 1
) -> Iterator[tuple[HeldProvider, list[LiveServer]]]:
    """A provider that speaks when it is told to, and servers on one database that this process reads too."""
    with (
        HeldProvider() as provider,
        shared_database(request, engine, folder / "live", provider.environment) as environment,
        servers(environment, zygote, count) as started,
    ):
        yield provider, started


def kept(conversation: str) -> list[tuple[str, str]]:
    """What a conversation has, the oldest first."""
    with reading() as session:
        query = select(Message.role, Message.text).where(Message.conversation_id == conversation)
        return [(role, text) for role, text in session.exec(query.order_by(col(Message.id))).all()]


def parts(*values: dict[str, Any] | str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": value} if isinstance(value, str) else value for value in values]


HISTORY = [
    {"id": "one", "role": "user", "parts": parts("What is ", {"type": "data-place", "data": {"at": "here"}}, "it?")},
    {
        "id": "two",
        "role": "assistant",
        "metadata": {"app": "another"},
        "parts": parts(
            {"type": "step-start"},
            {"type": "reasoning", "text": "hidden", "state": "done"},
            "I look.",
            {"type": "tool-look", "toolCallId": "c", "state": "output-available", "input": {}, "output": {"found": 1}},
            {"type": "dynamic-tool", "toolName": "see", "toolCallId": "d", "state": "input-available", "input": {}},
            {"type": "step-start"},
            {"type": "source-url", "sourceId": "s", "url": "https://example.org"},
            {"type": "file", "mediaType": "text/plain", "url": "data:,x"},
            {"type": "data-note", "data": [1]},
            "It is a river.",
        ),
    },
    {"id": "three", "role": "user", "parts": parts("Is it long?")},
    {"id": "four", "role": "assistant", "parts": []},
]


def test_a_chat_s_history_is_told_without_what_no_model_can_take(request, tmp_path, zygote, ai_sdk: AiSdk):
    with worlds(request, tmp_path, zygote) as (provider, (server,)):
        chatter = Chatter(server, nanos=10**9)
        chat = ai_sdk.chat(chatter.clients[0], messages=HISTORY, body={"model": MODEL}).send("Tell me.")
        call = provider.await_call()
        assert call.body["messages"] == [
            {"role": "user", "content": "What is it?"},
            {"role": "assistant", "content": "I look.\n\nIt is a river."},
            {"role": "user", "content": "Is it long?"},
            {"role": "user", "content": "Tell me."},
        ]
        call.answer("It is.")
        assert text_of(chat.end()) == "It is."
        assert chatter.check_books() == EXACT


@pytest.mark.parametrize("engine", ENGINES)
def test_a_chat_is_one_conversation_of_its_person_whatever_pays_and_of_nobody_else(
    request, tmp_path, zygote, ai_sdk: AiSdk, engine: str
):
    with worlds(request, tmp_path, zygote, engine=engine) as (provider, (server,)):
        ada, eve = Chatter(server, nanos=10**9), Chatter(server, nanos=10**9)
        chat = ai_sdk.chat(ada.clients[0], id="a chat/of mine", body={"model": MODEL})
        places = []

        def answered(text: str, **options: Any) -> dict[str, Any]:
            number = len(provider.calls) + 1
            chat.send(text, **options)
            provider.await_call(number).answer(f"To {text}")
            seen = chat.end()
            assert (seen["status"], text_of(seen)) == ("ready", f"To {text}")
            places.append(seen["messages"][-1]["metadata"]["conversationId"])
            return seen["messages"][-1]["metadata"]

        assert answered("One")["funding"] == "credits"
        ada.clients[0].put("/api/preferences", json={"apiKeyMode": "own"}).raise_for_status()
        assert told(chat.say("Lost")) == (400, "Missing API key")
        save_provider_key(ada.id, "openai", "sk-of-my-own-0123456789")
        paid = answered("Two")
        assert (paid["funding"], paid["chargeUsd"]) == ("own_key", "0.00")
        assert len(set(places)) == 1
        said = [("user", "One"), ("assistant", "To One"), ("user", "Two"), ("assistant", "To Two")]
        assert kept(places[0]) == said
        assert ada.check_books() == EXACT

        # The chat's own name and the conversation's id, sent by somebody else, are names of chats of theirs.
        for name in (chat.id, places[0]):
            theirs = ai_sdk.chat(eve.clients[0], id=name, body={"model": MODEL})
            number = len(provider.calls) + 1
            theirs.send("Mine")
            provider.await_call(number).answer("Yours")
            found = theirs.end()["messages"][-1]["metadata"]["conversationId"]
            assert found not in places
            assert kept(found) == [("user", "Mine"), ("assistant", "Yours")]
            # To its owner the conversation's id is the conversation.
        chat = ai_sdk.chat(ada.clients[0], id=places[0], body={"model": MODEL})
        answered("Three")
        assert len(set(places)) == 1
        assert kept(places[0]) == [*said, ("user", "Three"), ("assistant", "To Three")]


def test_a_reply_asked_for_again_is_another_reply_to_the_same_question(request, tmp_path, zygote, ai_sdk: AiSdk):
    with worlds(request, tmp_path, zygote) as (provider, (server,)):
        ada = Chatter(server, nanos=10**9)
        chat = ai_sdk.chat(ada.clients[0], body={"model": MODEL}).send("Tell me")
        provider.await_call().answer("Once.")
        chat.end()
        chat.regenerate()
        call = provider.await_call(2)
        assert call.body["messages"] == [{"role": "user", "content": "Tell me"}]
        call.answer("Twice.")
        seen = chat.end()
        assert [message["role"] for message in seen["messages"]] == ["user", "assistant"]
        assert text_of(seen) == "Twice."
        with reading() as session:
            query = select(Message).where(Message.conversation_id == place_of(seen)).order_by(col(Message.id))
            asked, *replies = session.exec(query).all()
        assert [(row.text, row.parent_id) for row in replies] == [("Once.", asked.id), ("Twice.", asked.id)]
        assert ada.check_books() == 2 * EXACT


def test_two_first_messages_of_a_chat_at_once_begin_one_conversation(person: str):
    name = conversation_of(person, "at once")

    def begin(session: Session, words: str) -> str:
        return find_conversation(session, user_id=person, conversation_id=name, begin=words).title

    def begin_too() -> str:
        with transaction() as session:
            return begin(session, "Second")

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            assert begin(session, "First") == "First"
            second = pool.submit(begin_too)
            await_waiter()
        assert second.result(WAIT_SECONDS) == "First"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reply_that_was_left_goes_on_and_is_found_again_by_any_number_of_clients_of_any_server(
    request, tmp_path, zygote, ai_sdk: AiSdk, engine: str
):
    with worlds(request, tmp_path, zygote, engine=engine, count=2) as (provider, started):
        ada, eve = Chatter(*started, nanos=10**9), Chatter(started[0], nanos=10**9)
        chat = ai_sdk.chat(ada.clients[0], id="a chat/of mine", body={"model": MODEL}).send("Tell me")
        call = provider.await_call()
        call.begin()
        call.say("Once upon ")
        left = chat.await_text("Once upon ")
        stopped = chat.stop()
        assert stopped["status"] == "ready"
        assert stopped["ends"] == [{"isAbort": True, "isDisconnect": False, "isError": False}]

        # The page itself, and the same chat opened anew with what was kept of it, here and at the other server.
        history = left["messages"][:1]
        again = [chat, *(ai_sdk.chat(client, id=chat.id, messages=history) for client in ada.clients)]
        for one in again:
            one.resume()
        strangers = [ai_sdk.chat(eve.clients[0], id=name) for name in (chat.id, place_of(left), new_id("conv"))]
        for stranger in strangers:
            stranger.resume()
            assert (stranger.end()["status"], stranger.look()["messages"]) == ("ready", [])
        for one in again:
            one.await_text("Once upon ")
        call.say("a time.")
        call.report()
        call.end()
        replies = []
        for one in again:
            seen = one.end()
            assert (seen["status"], text_of(seen)) == ("ready", "Once upon a time.")
            assert len(seen["messages"]) == 2
            replies.append(seen["messages"][-1])
        assert {reply["id"] for reply in replies} == {left["messages"][-1]["id"]}
        assert all(reply["metadata"] == replies[0]["metadata"] for reply in replies)
        assert replies[0]["metadata"]["maxOutputTokens"] > 0

        # Nothing runs any more: the client is told so and changes nothing.
        seen = again[-1].resume().end()
        assert (seen["status"], seen["messages"][-1]) == ("ready", replies[-1])
        assert ada.check_books() == EXACT


def place_of(seen: dict[str, Any]) -> str:
    return seen["messages"][-1]["metadata"]["conversationId"]


def test_a_chat_s_reply_is_stopped_by_its_person_alone_and_costs_what_came(request, tmp_path, zygote, ai_sdk: AiSdk):
    with worlds(request, tmp_path, zygote, count=2) as (provider, started):
        ada, eve = Chatter(*started, nanos=10**9), Chatter(started[0], nanos=10**9)
        # Stopped where it runs, and from the other server.
        for number, client in enumerate(ada.clients, start=1):
            chat = ai_sdk.chat(ada.clients[0], body={"model": MODEL}).send("Tell me")
            call = provider.await_call(number)
            call.begin()
            call.say("Once upon ")
            left = chat.await_text("Once upon ")
            stop = f"/api/chat/{chat.id}/stop"
            for theirs in (stop, f"/api/chat/{place_of(left)}/stop", f"/api/chat/{new_id('conv')}/stop"):
                assert eve.clients[0].post(theirs).raise_for_status().json() == {"ok": True}
            call.say("a time ")
            chat.await_text("Once upon a time ")
            assert client.post(stop).raise_for_status().json() == {"ok": True}
            seen = chat.end()
            assert (seen["status"], seen["error"], text_of(seen)) == ("ready", None, "Once upon a time ")
            found = seen["messages"][-1]["metadata"]
            assert found["completion"] == "stopped"
            assert 0 < found["charge"] < found["held"]
            assert kept(found["conversationId"]) == [("user", "Tell me"), ("assistant", "Once upon a time ")]
            # Stopping what has ended changes nothing.
            assert client.post(stop).raise_for_status().json() == {"ok": True}
        assert ada.check_books() > 0


def break_off(call: Call) -> None:
    """End the answer cleanly, without the event that says it is whole."""
    call._queue.put(b"")


def test_a_reply_that_breaks_off_ends_in_words_with_its_cost_and_the_chat_goes_on(
    request, tmp_path, zygote, ai_sdk: AiSdk
):
    with worlds(request, tmp_path, zygote) as (provider, (server,)):
        ada = Chatter(server, nanos=10**9)
        chat = ai_sdk.chat(ada.clients[0], body={"model": MODEL})
        for number, text in enumerate(("", "Once upon "), start=1):
            chat.send("Tell me")
            call = provider.await_call(number)
            call.begin()
            if text:
                call.say(text)
                chat.await_text(text)
            break_off(call)
            seen = chat.end()
            assert seen["status"] == "error"
            assert seen["error"]["status"] is None
            assert seen["error"]["message"].startswith("The reply broke off")
            found = seen["messages"][-1]["metadata"]
            assert found["completion"] == ("partial" if text else "failed")
            assert (found["charge"] > 0) == bool(text)
            # The client reads no further than to the error; others find the whole stream.
            stream = ada.clients[0].get(f"/api/turns/{found['turnId']}/stream").raise_for_status().text
            kinds = [json.loads(line[6:])["type"] for line in stream.splitlines() if line.startswith("data: {")]
            assert kinds[-3:] == ["message-metadata", "error", "finish"]
            assert stream.endswith("data: [DONE]\n\n")
        chat.send("Tell me")
        call = provider.await_call(3)
        assert [message["role"] for message in call.body["messages"]] == ["user", "user", "assistant", "user"]
        call.answer("The end.")
        seen = chat.end()
        assert (seen["status"], seen["error"], text_of(seen)) == ("ready", None, "The end.")
        ada.check_books()


def test_too_many_replies_at_once_and_a_model_that_nobody_pays_for_are_told(request, tmp_path, zygote, ai_sdk: AiSdk):
    with worlds(request, tmp_path, zygote) as (provider, (server,)):
        ada = Chatter(server, nanos=10**12)
        assert told(ai_sdk.chat(ada.clients[0]).say("Hello", model="claude-sonnet-5-5"))[0] == 503
        for _ in range(limits.MAX_RUNNING_TURNS_PER_PERSON):
            assert ada.ask().status_code == 200
        status, words = told(ai_sdk.chat(ada.clients[0], body={"model": MODEL}).say("Hello"))
        assert (status, words) == (429, "Too many replies are being written at once. Please wait for one to end.")
        for number in range(1, limits.MAX_RUNNING_TURNS_PER_PERSON + 1):
            provider.await_call(number).answer()
        ada_ended(ada)
        assert ada.check_books() == limits.MAX_RUNNING_TURNS_PER_PERSON * EXACT


def ada_ended(chatter: Chatter) -> None:
    """Wait until every reply of a person is settled."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with reading() as session:
            records = session.exec(select(UsageRecord.id).where(UsageRecord.user_id == chatter.id)).all()
        if len(records) == limits.MAX_RUNNING_TURNS_PER_PERSON:
            return
        assert time.monotonic() < deadline, records
        time.sleep(0.05)
