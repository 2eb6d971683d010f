"""The two walks as stories, over HTTP with a real server: a purchase, and a metered reply."""

import json
from decimal import Decimal

import httpx

from projectloom.ids import new_id
from tests.live import LiveServer, await_balance, buy


def email() -> str:
    return f"{new_id('p').lower()}@example.org"


def chat(client: httpx.Client, **body) -> tuple[httpx.Response, list[dict]]:
    """Send a chat request; the answer and the parts of its stream."""
    body = {"messages": [{"role": "user", "content": "Explain double entry in a table"}], **body}
    answer = client.post("/api/chat", json=body)
    return answer, parts_of(answer.text) if answer.status_code == 200 else []


def parts_of(stream: str) -> list[dict]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_buy_25_chat_and_watch_the_balance_fall_by_exactly_the_cost(server: LiveServer):
    client = server.sign_up(email())
    assert client.get("/api/preferences").json() == {"apiKeyMode": "own"}
    client.put("/api/preferences", json={"apiKeyMode": "credits"}).raise_for_status()
    assert client.get("/api/credits/balance").json()["balance"] == 0

    back = buy(client, 25)
    assert back.status_code == 303
    assert back.headers["location"].endswith("/?purchase=success")
    await_balance(client, "27.00")

    answer, parts = chat(client)
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["content-type"].startswith("text/event-stream")
    kinds = [part["type"] for part in parts]
    assert kinds[:2] == ["start", "text-start"]
    assert kinds[-2:] == ["text-end", "finish"]
    assert set(kinds[2:-2]) == {"text-delta"}
    receipt = parts[-1]["messageMetadata"]
    assert receipt["usage"]["inputTokens"] > 0
    assert receipt["usage"]["outputTokens"] > 0
    charge = Decimal(receipt["chargeUsd"])
    assert 0 < charge <= Decimal(receipt["heldUsd"])
    after = client.get("/api/credits/balance").json()
    assert Decimal(after["balanceUsd"]) == Decimal("27.00") - charge == Decimal(receipt["balanceUsd"])
    assert Decimal(after["lifetimeSpentUsd"]) == charge
    assert after["held"] == 0
    server.audit()


def test_own_keys_cost_no_credit_and_leave_a_usage_record(server: LiveServer):
    client = server.sign_up(email())
    buy(client, 10)
    await_balance(client, "10.00")
    answer, _ = chat(client)
    assert (answer.status_code, answer.json()["error"]) == (400, "Missing API key")
    client.headers["x-anthropic-api-key"] = "sk-ant-mine-1234567890"
    answer, parts = chat(client, model="claude-haiku-4-5")
    assert answer.status_code == 200
    receipt = parts[-1]["messageMetadata"]
    assert receipt["funding"] == "own_key"
    assert receipt["usageId"]
    assert (receipt["charge"], receipt["held"]) == (0, 0)
    assert receipt["providerCost"] > 0
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "10.00"


def test_a_key_for_openai_alone_is_enough(server: LiveServer):
    client = server.sign_up(email())
    client.headers["x-openai-api-key"] = "sk-proj-mine-1234567890"
    answer, parts = chat(client)
    assert answer.status_code == 200
    assert parts[-1]["messageMetadata"]["provider"] == "openai"


def test_a_provider_that_refuses_the_key_is_told_as_an_error_part_and_costs_nothing(server: LiveServer):
    client = server.sign_up(email())
    client.headers["x-anthropic-api-key"] = "sk-ant-invalid-1234567890"
    answer, parts = chat(client, model="claude-haiku-4-5")
    assert answer.status_code == 200
    assert [part["type"] for part in parts] == ["start", "message-metadata", "error", "finish"]
    assert "sk-ant" not in answer.text
    assert parts[-1]["messageMetadata"]["completion"] == "failed"


def test_less_than_ten_cents_is_refused_with_402_before_any_call(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    answer, _ = chat(client)
    assert answer.status_code == 402
    assert answer.json()["error"] == "Insufficient credits. Please purchase more."


def test_both_providers_are_billed_at_their_own_rates(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    spent = Decimal(0)
    for model in ("claude-opus-5-5", "gpt-6.1-sol", "gpt-6-luna"):
        _, parts = chat(client, model=model)
        receipt = parts[-1]["messageMetadata"]
        assert receipt["model"] == model
        spent += Decimal(receipt["chargeUsd"])
    assert Decimal(client.get("/api/credits/balance").json()["balanceUsd"]) == 10 - spent


def test_the_vercel_ai_sdk_s_messages_are_understood_and_the_conversation_goes_on(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    first = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
    _, parts = chat(client, messages=[first])
    conversation = parts[0]["messageMetadata"]["conversationId"]
    reply = {"id": "m2", "role": "assistant", "parts": [{"type": "step-start"}, {"type": "text", "text": "Hello."}]}
    second = {"id": "m3", "role": "user", "parts": [{"type": "text", "text": "And in a list?"}]}
    _, parts = chat(client, messages=[first, reply, second], conversationId=conversation)
    assert parts[0]["messageMetadata"]["conversationId"] == conversation


def test_a_repeated_request_id_is_the_same_turn_and_is_charged_once(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    turns = [chat(client, clientRequestId="once")[1] for _ in range(3)]
    assert len({parts[-1]["messageMetadata"]["turnId"] for parts in turns}) == 1
    charge = Decimal(turns[0][-1]["messageMetadata"]["chargeUsd"])
    assert Decimal(client.get("/api/credits/balance").json()["balanceUsd"]) == 10 - charge


def test_a_finished_reply_can_be_watched_again(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    _, parts = chat(client)
    turn = parts[-1]["messageMetadata"]["turnId"]
    again = parts_of(client.get(f"/api/turns/{turn}/stream").text)
    assert _text(again) == _text(parts)
    stranger = server.sign_up(email())
    assert stranger.get(f"/api/turns/{turn}/stream").status_code == 404
    assert stranger.post(f"/api/turns/{turn}/stop").status_code == 404


def _text(parts: list[dict]) -> str:
    return "".join(part["delta"] for part in parts if part["type"] == "text-delta")
