"""The Vercel AI SDK's client against a server with its sandbox: both modes, and every refusal before a reply."""

from decimal import Decimal
from typing import Any

import pytest

from projectloom import limits
from projectloom.ids import new_id
from tests.clients.ai_sdk import AiChat, AiSdk, text_of, told
from tests.live import LiveServer, await_balance, buy


def email() -> str:
    return f"{new_id('p').lower()}@example.org"


def metadata_of(seen: dict[str, Any]) -> dict[str, Any]:
    """What the last message of a chat says about itself, after a reply that came to its end."""
    assert (seen["status"], seen["error"]) == ("ready", None), seen
    message = seen["messages"][-1]
    assert message["role"] == "assistant"
    assert message["metadata"]["turnId"] == message["id"]
    assert message["metadata"]["completion"] == "complete"
    return message["metadata"]


def test_a_chat_on_credits_shows_what_each_reply_cost(server: LiveServer, ai_sdk: AiSdk):
    client = server.sign_up(email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    chat = ai_sdk.chat(client)
    first = metadata_of(chat.say("Explain double entry in a table"))
    second = metadata_of(seen := chat.say("And now in one sentence"))
    assert [message["role"] for message in seen["messages"]] == ["user", "assistant"] * 2
    assert text_of(seen)
    assert first["conversationId"] == second["conversationId"]
    assert {first["funding"], second["funding"]} == {"credits"}
    charges = [Decimal(one["chargeUsd"]) for one in (first, second)]
    assert min(charges) > 0
    assert Decimal(second["balanceUsd"]) == Decimal(10) - sum(charges)
    assert client.get("/api/credits/balance").json()["balanceUsd"] == second["balanceUsd"]
    assert (second["usage"]["webSearches"], second["usage"]["flagged"]) == (0, False)


def test_a_chat_on_a_person_s_own_key_costs_no_credit(server: LiveServer, ai_sdk: AiSdk):
    client = server.sign_up(email(), mode="own")
    for provider in ("anthropic", "openai"):
        chat = ai_sdk.chat(client, headers={f"x-{provider}-api-key": "sk-of-my-own-0123456789"})
        found = metadata_of(chat.say("Hello"))
        assert (found["funding"], found["provider"]) == ("own_key", provider)
        assert (found["chargeUsd"], found["heldUsd"]) == ("0.00", "0.00")


def refused(chat: AiChat, status: int, **body: Any) -> str:
    """Send, and expect this status; the words. The client keeps the person's message and no reply."""
    seen = chat.say("Hello", **body)
    assert [message["role"] for message in seen["messages"]] == ["user"]
    assert seen["ends"][-1] == {"isAbort": False, "isDisconnect": False, "isError": True}
    found, words = told(seen)
    assert found == status, words
    return words


def test_a_refusal_comes_with_its_status_and_its_words(server: LiveServer, ai_sdk: AiSdk):
    own, poor = server.sign_up(email(), mode="own"), server.sign_up(email(), mode="credits")
    assert refused(ai_sdk.chat(own), 400) == "Missing API key"
    assert refused(ai_sdk.chat(server.client()), 401) == "Unauthorized"
    assert refused(ai_sdk.chat(poor), 402) == "Insufficient credits. Please purchase more."
    elsewhere = ai_sdk.chat(poor, headers={"origin": "https://evil.example"})
    assert refused(elsewhere, 403) == "That request came from another site and was refused."
    for method, path in (("GET", "stream"), ("POST", "stop")):
        assert server.client().request(method, f"/api/chat/{elsewhere.id}/{path}").status_code == 401
    stop = poor.post(f"/api/chat/{elsewhere.id}/stop", headers={"origin": "https://evil.example"})
    assert stop.status_code == 403
    keyed = ai_sdk.chat(own, headers={"x-openai-api-key": "sk-of-my-own-0123456789"})
    assert refused(keyed, 404, conversationId=new_id("conv")) == "There is no such conversation."
    assert refused(ai_sdk.chat(poor), 413, extra="x" * limits.MAX_CHAT_BODY_BYTES) == "That is too large."


@pytest.mark.parametrize(
    ("message", "body", "words"),
    [
        (
            {
                "text": "Look",
                "files": [{"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AA=="}],
            },
            {},
            "file cannot be attached. Attach PNG, JPEG, GIF or WebP pictures, or text files.",
        ),
        ("Hello", {"tools": {"weather": {}}}, "Tools of a client's own cannot be used here. Leave tools out."),
        ({"parts": [{"type": "data-mood", "data": "good"}]}, {}, "The message is empty."),
        (
            {"role": "assistant", "parts": [{"type": "text", "text": "Hi"}]},
            {},
            "The last message must be from the user.",
        ),
    ],
    ids=("files", "tools", "data only", "no question"),
)
def test_what_cannot_be_sent_is_refused_in_words(server: LiveServer, ai_sdk: AiSdk, message, body, words: str):
    chat = ai_sdk.chat(server.sign_up(email(), mode="credits"))
    assert told(chat.say(message, **body)) == (400, words)
