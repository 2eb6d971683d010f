"""The agent over HTTP, against a live server and the sandbox's models, which call the tools that a prompt dictates."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from projectloom import limits
from projectloom.ids import new_id
from tests.api.conftest import fresh_email
from tests.conftest import fresh_database
from tests.live import LiveServer, await_balance, buy

MODELS = {"anthropic": "claude-haiku-4-5", "openai": "gpt-6.1-sol"}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.fixture(scope="module")
def bea(server: LiveServer) -> httpx.Client:
    """Somebody with ten dollars of credit."""
    client = server.sign_up(fresh_email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    return client


def parts_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def run(client: httpx.Client, task: str, **more: Any) -> list[dict[str, Any]]:
    return parts_of(client.post("/api/agent", json={"task": task, "model": MODELS["openai"], **more}))


def of(parts: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [part for part in parts if part["type"] == kind]


def chat(client: httpx.Client, text: str) -> str:
    """A conversation that begins with this; its id."""
    body = {"messages": [{"role": "user", "content": text}], "model": MODELS["openai"]}
    return parts_of(client.post("/api/chat", json=body))[0]["messageMetadata"]["conversationId"]


def balance(client: httpx.Client) -> Decimal:
    found = client.get("/api/credits/balance").json()
    assert found["held"] == 0
    return Decimal(found["balanceUsd"])


@models
def test_a_task_is_streamed_step_by_step_and_costs_what_its_receipts_say(bea: httpx.Client, model: str):
    conversation = chat(bea, "Hello")
    before = balance(bea)
    task = (
        'use tool search_conversations {"query": "hello", "limit": 3}\n'
        f'use tool propose_rename {{"conversation_id": "{conversation}", "title": "A greeting"}}'
    )
    parts = run(bea, task, model=model)
    kinds = [part["type"] for part in parts]
    assert (kinds[0], kinds[-1]) == ("start", "finish")
    assert kinds.count("start-step") == kinds.count("finish-step") == 3
    assert [part["toolName"] for part in of(parts, "tool-input-available")] == [
        "search_conversations",
        "propose_rename",
    ]
    assert of(parts, "tool-input-available")[0]["input"] == {"query": "hello", "limit": 3}
    assert conversation in of(parts, "tool-output-available")[0]["output"]
    assert kinds.count("text-start") == kinds.count("text-end") > 0
    (proposal,) = of(parts, "data-proposal")
    assert (proposal["data"]["kind"], proposal["data"]["state"]) == ("rename", "proposed")
    steps = [step for part in of(parts, "message-metadata") for step in part["messageMetadata"].values()]
    assert [step["number"] for step in steps] == [1, 2, 3]
    assert all(0 < Decimal(step["receipt"]["chargedUsd"]) <= Decimal(step["receipt"]["heldUsd"]) for step in steps)
    assert not any(step["receipt"]["estimated"] for step in steps)
    end = parts[-1]["messageMetadata"]
    assert (end["state"], end["reason"], end["model"]) == ("done", "answered", model)
    assert Decimal(end["totalUsd"]) == sum(Decimal(step["receipt"]["chargedUsd"]) for step in steps)
    assert balance(bea) == before - Decimal(end["totalUsd"])
    found = bea.get(f"/api/agent/{end['runId']}").json()
    assert found["totalUsd"] == end["totalUsd"]
    assert [step["receipt"]["source"] for step in found["steps"]] == ["agent"] * 3
    assert found["proposals"] == [proposal["data"]]
    assert "The tool answered" in found["answer"]


def test_a_proposal_is_confirmed_once_over_http(bea: httpx.Client):
    conversation = chat(bea, "Hello again")
    task = f'use tool propose_rename {{"conversation_id": "{conversation}", "title": "Anew"}}'
    (proposal,) = of(run(bea, task), "data-proposal")
    end = bea.get("/api/agent/" + run_id_of(bea, task)).json()
    address = f"/api/agent/{end['id']}/proposals/{end['proposals'][0]['id']}"
    for wrong in ({}, {"decision": "perhaps"}, {"decision": None}):
        assert bea.post(address, json=wrong).status_code == 400
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: bea.post(address, json={"decision": "confirm"}), range(4)))
    assert [answer.status_code for answer in found] == [200] * 4
    assert {answer.json()["state"] for answer in found} == {"confirmed"}
    refused = bea.post(address, json={"decision": "decline"})
    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_decided")
    # The first run's proposal was to rename what has another title now.
    first = bea.post(
        f"/api/agent/{run_id_of(bea, task, 'first')}/proposals/{proposal['id']}", json={"decision": "confirm"}
    )
    assert first.status_code == 404


def run_id_of(client: httpx.Client, task: str, request_id: str | None = None) -> str:
    return run(client, task, clientRequestId=request_id)[0]["messageMetadata"]["runId"]


def test_a_rename_that_no_longer_fits_is_refused(bea: httpx.Client):
    conversation = chat(bea, "Hello once more")
    task = f'use tool propose_rename {{"conversation_id": "{conversation}", "title": "%s"}}'
    runs = [run(bea, task % title) for title in ("One", "Two")]
    addresses = [
        f"/api/agent/{parts[0]['messageMetadata']['runId']}/proposals/{of(parts, 'data-proposal')[0]['id']}"
        for parts in runs
    ]
    assert bea.post(addresses[0], json={"decision": "confirm"}).json()["state"] == "confirmed"
    stale = bea.post(addresses[1], json={"decision": "confirm"})
    assert (stale.status_code, stale.json()["code"]) == (409, "proposal_stale")


def test_refusals_come_before_the_stream(server: LiveServer, ada: httpx.Client, bea: httpx.Client):
    assert server.client().post("/api/agent", json={"task": "Hi"}).status_code == 401
    poor = ada.post("/api/agent", json={"task": "Hi"})
    assert (poor.status_code, poor.json()["code"]) == (402, "insufficient_credits")
    small = bea.post("/api/agent", json={"task": "Hi", "budgetUsd": 0.01, "model": "gpt-6-astra"})
    assert (small.status_code, small.json()["code"]) == (402, "budget_reached")
    own = server.sign_up(fresh_email()).post("/api/agent", json={"task": "Hi"})
    assert (own.status_code, own.json()["code"]) == (400, "missing_api_key")
    for wrong in (
        {},
        {"task": ""},
        {"task": "  "},
        {"task": 5},
        {"task": "\ud800"},
        {"task": "x" * (limits.MAX_AGENT_TASK_CHARS + 1)},
        {"task": "Hi", "model": "gpt-unknown"},
        {"task": "Hi", "clientRequestId": 5},
    ):
        assert bea.post("/api/agent", content=json.dumps(wrong)).status_code == 400, wrong
    for budget in ("0", "-1", "0.001", "0.295", "10.01", "1e309", "NaN", "true", '"0.5"', "[]", "1e-400", "9" * 400):
        answer = bea.post("/api/agent", content=f'{{"task": "Hi", "budgetUsd": {budget}}}')
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input"), budget


def test_budgets_are_exact_cents(bea: httpx.Client):
    for budget, exact in ((0.29, "0.29"), (1, "1.00"), (None, "0.50")):
        assert run(bea, "Hello", budgetUsd=budget)[-1]["messageMetadata"]["budgetUsd"] == exact


def test_runs_and_proposals_of_others_are_not_found(ada: httpx.Client, bea: httpx.Client):
    run_id = run(bea, "Hello")[0]["messageMetadata"]["runId"]
    for address in (run_id, "run_none", "%00"):
        assert ada.get(f"/api/agent/{address}").status_code == 404
        assert ada.post(f"/api/agent/{address}/stop").status_code == 404
        decided = ada.post(f"/api/agent/{address}/proposals/prop_x", json={"decision": "confirm"})
        assert decided.status_code == 404
    assert bea.post(f"/api/agent/{run_id}/stop").json() == {"ok": True}


@models
def test_with_own_keys_nothing_is_charged(server: LiveServer, model: str):
    client = server.sign_up(fresh_email())
    headers = {"x-openai-api-key": "sk-mine-0123456789", "x-anthropic-api-key": "sk-ant-mine-0123456789"}
    body = {"task": 'use tool search_conversations {"query": "x"}', "model": model}
    end = parts_of(client.post("/api/agent", json=body, headers=headers))[-1]["messageMetadata"]
    assert (end["state"], end["stepsTaken"]) == ("done", 2)
    assert end["total"] > 0
    assert balance(client) == 0


def test_an_endless_loop_ends_at_the_step_limit(server: LiveServer, bea: httpx.Client):
    marker = new_id("endless")
    fault = {"kind": "endless_tools", "marker": marker, "times": limits.AGENT_STEPS}
    server.client().post("/sandbox/control/api/providers/faults", json=fault).raise_for_status()
    before = balance(bea)
    end = run(bea, f"Go on. {marker}")[-1]["messageMetadata"]
    assert (end["state"], end["reason"], end["stepsTaken"]) == ("stopped", "step_limit", limits.AGENT_STEPS)
    assert balance(bea) == before - Decimal(end["totalUsd"])


@pytest.mark.parametrize("fault", ["tool_unknown", "tool_arguments_cut"])
@models
def test_nonsense_from_a_model_is_told_to_it_and_the_run_goes_on(
    server: LiveServer, bea: httpx.Client, model: str, fault: str
):
    marker = new_id("odd")
    armed = {"kind": fault, "marker": marker, "times": 1}
    server.client().post("/sandbox/control/api/providers/faults", json=armed).raise_for_status()
    parts = run(bea, f'{marker}\nuse tool search_conversations {{"query": "some words"}}', model=model)
    assert of(parts, "tool-output-error")
    assert parts[-1]["messageMetadata"]["state"] == "done"


def test_a_reader_who_leaves_changes_nothing_and_a_stop_is_heard(server: LiveServer, bea: httpx.Client):
    body = {"task": "Write a long essay of 3000 words about rivers", "model": MODELS["openai"]}
    for stopped in (False, True):
        with bea.stream("POST", "/api/agent", json=body) as answer:
            first = next(line for line in answer.iter_lines() if line.startswith("data: "))
        run_id = json.loads(first.removeprefix("data: "))["messageMetadata"]["runId"]
        if stopped:
            assert bea.post(f"/api/agent/{run_id}/stop").status_code == 200
        found = await_end(bea, run_id)
        assert found["reason"] == ("person" if stopped else "answered")
    assert balance(bea) > 0


def await_end(client: httpx.Client, run_id: str, seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = client.get(f"/api/agent/{run_id}").raise_for_status().json()
        if found["state"] != "running":
            return found
        time.sleep(0.1)
    raise AssertionError("the run did not end")


def test_a_run_whose_server_is_killed_is_failed_after_the_restart_and_its_turn_settled(request, tmp_path):
    with (
        fresh_database(request, "sqlite", tmp_path / "live") as environment,
        LiveServer({**environment, "LOOM_SANDBOX_SPEED": "3"}) as server,
    ):
        client = server.sign_up(fresh_email(), mode="credits")
        buy(client, 10)
        await_balance(client, "10.00")
        body = {"task": "Write a long essay of 1000 words about rivers", "model": MODELS["openai"]}
        begun, run_id = time.monotonic(), ""
        with client.stream("POST", "/api/agent", json=body) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: ") and not run_id:
                    run_id = json.loads(line.removeprefix("data: "))["messageMetadata"]["runId"]
                # Past the first checkpoint, which is written after a second.
                if time.monotonic() > begun + 3:
                    break
            server.kill()
        server.start()
        found = await_end(client, run_id)
        assert (found["state"], found["reason"]) == ("failed", "interrupted")
        while client.get("/api/credits/balance").json()["held"]:
            time.sleep(0.1)
        found = await_end(client, run_id)
        (step,) = found["steps"]
        assert (step["receipt"]["completion"], step["receipt"]["estimated"]) == ("partial", True)
        assert balance(client) == 10 - Decimal(found["totalUsd"]) < 10
        server.audit()


def test_a_run_is_watched_from_its_beginning_in_words_by_its_owner_alone(
    server: LiveServer, ada: httpx.Client, bea: httpx.Client
):
    conversation = chat(bea, "Hello quokkas")
    run_id = run_id_of(bea, 'use tool search_conversations {"query": "quokkas"}')
    parts = parts_of(bea.get(f"/api/agent/{run_id}/stream"))
    assert parts[0]["messageMetadata"]["runId"] == run_id
    assert parts[-1]["type"] == "finish"
    for other in (ada, server.client()):
        assert other.get(f"/api/agent/{run_id}/stream").status_code in {401, 404}
    (first, _) = bea.get(f"/api/agent/{run_id}").json()["steps"]
    (use,) = first["uses"]
    assert use["words"] == "Searched for “quokkas” · 1 found"
    assert use["finds"] == [{"conversationId": conversation, "title": "Hello quokkas"}]
    assert first["cost"].startswith("$")
