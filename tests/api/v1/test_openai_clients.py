"""OpenAI's own SDK, and a command-line tool made for it, as real clients."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.api.v1.programs import GPT, HI, VECTORS, Program, events

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True, scope="module")

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89").decode()
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def told(program: Program, before: Decimal, cost: str) -> None:
    """The balance fell by exactly what was told, and the latest receipt says the same."""
    program.released()
    assert program.balance == before - Decimal(cost)
    assert Decimal(program.receipts()[0]["chargedUsd"]) == Decimal(cost) > 0


def test_an_answer_in_one_piece_tells_its_exact_cost_in_its_headers(ada: Program) -> None:
    before = ada.balance
    raw = ada.openai.chat.completions.with_raw_response.create(model=GPT, messages=HI, max_completion_tokens=300)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert raw.headers["x-loom-funding"] == "credits"
    assert Decimal(raw.headers["x-loom-balance"]) == ada.balance
    assert raw.headers["x-loom-turn-id"] == ada.receipts()[0]["turnId"]
    assert raw.headers["x-request-id"].startswith("req_")
    told(ada, before, raw.headers["x-loom-cost"])


def test_a_stream_that_asks_for_its_usage_is_told_what_it_cost(ada: Program) -> None:
    before = ada.balance
    stream = ada.openai.chat.completions.create(
        model=GPT, messages=HI, stream=True, stream_options={"include_usage": True}, max_completion_tokens=300
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    usage = chunks[-1].usage
    assert usage is not None
    extra = usage.model_extra or {}
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    told(ada, before, extra["cost_usd"])
    assert ada.receipts()[0]["turnId"] == extra["turn_id"]
    assert Decimal(extra["balance_usd"]) == ada.balance


def test_a_stream_that_does_not_ask_sees_no_usage_and_is_charged_exactly(ada: Program) -> None:
    number = len(ada.receipts())
    with ada.http.stream("POST", "/v1/chat/completions", json={"model": GPT, "messages": HI, "stream": True}) as answer:
        data = events(answer.iter_lines())
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert Decimal(answer.headers["x-loom-held"]) > 0
    assert data[-1] == "[DONE]"
    bodies = [json.loads(one) for one in data[:-1]]
    assert all(body["choices"] and not body.get("usage") for body in bodies)
    assert ada.settled(number + 1)[0]["estimated"] is False


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_answered_and_the_answer_is_read(ada: Program, *, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": 'use tool weather {"city": "Ghent"}'}]
    for _ in range(2):
        if stream:
            with ada.openai.chat.completions.stream(model=GPT, messages=messages, tools=[WEATHER]) as live:
                said = live.get_final_completion().choices[0].message
        else:
            said = ada.openai.chat.completions.create(model=GPT, messages=messages, tools=[WEATHER]).choices[0].message
        if not said.tool_calls:
            break
        [call] = said.tool_calls
        assert json.loads(call.function.arguments) == {"city": "Ghent"}
        messages.append(said.model_dump(exclude_none=True, exclude={"parsed", "function_call", "annotations"}))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "It rains."})
    assert "It rains." in (said.content or "")


@pytest.mark.parametrize(
    ("choice", "calls"),
    [({"type": "function", "function": {"name": "weather"}}, 1), ("required", 1), ("none", 0), ("auto", 0)],
)
def test_a_choice_among_tools_passes_through(ada: Program, choice: Any, calls: int) -> None:
    answer = ada.openai.chat.completions.create(model=GPT, messages=HI, tools=[WEATHER], tool_choice=choice)
    assert len(answer.choices[0].message.tool_calls or []) == calls


def test_a_picture_passes_through(ada: Program) -> None:
    parts: list[Any] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    answer = ada.openai.chat.completions.create(model=GPT, messages=[{"role": "user", "content": parts}])
    assert "I was shown 1 image." in (answer.choices[0].message.content or "")


@pytest.mark.parametrize("stream", [False, True])
def test_copies_share_a_limit_and_all_are_charged(ada: Program, *, stream: bool) -> None:
    before = ada.balance
    body = {"model": GPT, "messages": HI, "n": 3, "max_tokens": 300, "stream": stream}
    if stream:
        data = events(
            ada.http.post("/v1/chat/completions", json=body | {"stream_options": {"include_usage": True}}).text.split(
                "\n"
            )
        )
        bodies = [json.loads(one) for one in data[:-1]]
        seen = {choice["index"] for one in bodies for choice in one["choices"]}
        usage = bodies[-1]["usage"]
        told(ada, before, usage["cost_usd"])
    else:
        answer = ada.http.post("/v1/chat/completions", json=body)
        seen = {choice["index"] for choice in answer.json()["choices"]}
        usage = answer.json()["usage"]
        assert answer.headers["x-loom-max-tokens"] == "900"
        told(ada, before, answer.headers["x-loom-cost"])
    assert seen == {0, 1, 2}
    assert usage["completion_tokens"] % 3 == 0


def test_vectors_come_as_the_sdk_asks_for_them_and_cost_what_they_say(ada: Program) -> None:
    before = ada.balance
    raw = ada.openai.embeddings.with_raw_response.create(model=VECTORS, input=["a river", "a stream"])
    assert [len(one.embedding) for one in raw.parse().data] == [1_536, 1_536]
    told(ada, before, raw.headers["x-loom-cost"])
    short = ada.openai.embeddings.create(model=VECTORS, input="a river", dimensions=8, encoding_format="float")
    assert len(short.data[0].embedding) == 8


def test_the_models_are_listed_as_the_sdk_reads_them(ada: Program) -> None:
    listed = [model.id for model in ada.openai.models.list()]
    assert {GPT, VECTORS} <= set(listed)
    assert not any(name.startswith("claude") for name in listed)
    assert ada.openai.models.retrieve(GPT).id == GPT
    with pytest.raises(openai.NotFoundError):
        ada.openai.models.retrieve("claude-haiku-4-5")


def test_the_sdk_that_waits_for_nothing_works_alike(ada: Program) -> None:
    async def ask() -> tuple[str, str, int]:
        async with openai.AsyncOpenAI(api_key=ada.key, base_url=f"{ada.server.url}/v1", max_retries=0) as client:
            whole = await client.chat.completions.create(model=GPT, messages=HI)
            stream = await client.chat.completions.create(model=GPT, messages=HI, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            vectors = await client.embeddings.create(model=VECTORS, input="a")
            return whole.choices[0].message.content or "", "".join(pieces), len(vectors.data)

    whole, streamed, vectors = asyncio.run(ask())
    assert whole == streamed != ""
    assert vectors == 1
    ada.released()


def test_unknown_fields_and_own_shapes_pass_through(ada: Program) -> None:
    class City(BaseModel):
        name: str

    answer = ada.openai.chat.completions.create(
        model=GPT,
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        seed=7,
        metadata={"a": "b"},
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": City.model_json_schema()}},
        extra_body={"a_field_of_tomorrow": [1, {"x": None}]},
    )
    assert answer.choices[0].finish_reason == "stop"


def test_either_header_and_the_persons_session_open_the_same_door(ada: Program) -> None:
    for headers in ({"authorization": f"bearer {ada.key}"}, {"authorization": "", "x-api-key": ada.key}):
        assert ada.http.get("/v1/models", headers=headers).status_code == 200
    assert ada.person.get("/v1/models").status_code == 200
    assert ada.person.get("/v1/models", headers={"authorization": "Bearer loom-sk-wrong"}).status_code == 401


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_is_repeated_under_its_name_is_made_and_charged_once(ada: Program, *, stream: bool) -> None:
    number = len(ada.receipts())
    body = {"model": GPT, "messages": HI, "stream": stream}
    name = {"idempotency-key": f"once-{stream}"}
    assert ada.http.post("/v1/chat/completions", json=body, headers=name).status_code == 200
    again = ada.http.post("/v1/chat/completions", json=body, headers=name)
    other = ada.http.post("/v1/chat/completions", json=body | {"seed": 1}, headers=name)
    for refused in (again, other):
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "idempotency_conflict"
        assert refused.headers["x-should-retry"] == "false"
    ada.settled(number + 1)


def test_the_llm_tool_streams_and_waits(ada: Program, tmp_path) -> None:
    model = {"model_id": "loom", "model_name": GPT, "api_base": f"{ada.server.url}/v1", "api_key_name": "loom"}
    # JSON is YAML.
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([model]))
    (tmp_path / "keys.json").write_text(json.dumps({"loom": ada.key}))
    number = len(ada.receipts())
    environment = {"LLM_USER_PATH": str(tmp_path), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for options in ([], ["--no-stream"]):
        run = subprocess.run(
            [sys.executable, "-m", "llm", "-m", "loom", "Hi", *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == 0, run.stderr
        assert "sandbox" in run.stdout
    ada.settled(number + 2)
