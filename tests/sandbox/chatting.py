"""Asking the model stand-ins through the official SDKs and raw, with faults armed by the control API."""

import json

import anthropic
import httpx
import httpx2
import openai

from .world import World

ANTHROPIC = "claude-sonnet-5-5"
OPENAI = "gpt-5.4-mini"
PROVIDERS = ("anthropic", "openai")
BROKEN = (httpx.TransportError, httpx2.TransportError, anthropic.APIConnectionError, openai.APIConnectionError)


async def arm(world: World, kind: str, **asked):
    return (await world.control("providers/faults", kind=kind, **asked))["id"]


async def armed(world: World):
    return (await world.browser().get(f"{world.url}/sandbox/control/api/providers/faults")).json()["data"]


async def ask(world: World, provider: str, text: str = "How do tides work?", *, stream: bool = False, **more):
    """The whole answer or the stream, as the provider's own SDK has it."""
    messages = [{"role": "user", "content": text}]
    if provider == "anthropic":
        asked = {"model": ANTHROPIC, "max_tokens": 4_096, "messages": messages} | more
        return await world.anthropic().messages.create(**asked, stream=stream)
    asked = {"model": OPENAI, "messages": messages} | more
    if stream:
        asked["stream_options"] = {"include_usage": True}
    return await world.openai().chat.completions.create(**asked, stream=stream)


async def raw(world: World, provider: str, *, stream: bool = True, text: str = "How do tides work?"):
    """The bytes of an answer, and what broke it off, if something did."""
    body = {"messages": [{"role": "user", "content": text}], "stream": stream}
    if provider == "anthropic":
        url, headers = "anthropic/v1/messages", {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
        body |= {"model": ANTHROPIC, "max_tokens": 4_096}
    else:
        url, headers = "openai/v1/chat/completions", {"authorization": "Bearer sk-mine"}
        body |= {"model": OPENAI} | ({"stream_options": {"include_usage": True}} if stream else {})
    got, broken = b"", None
    try:
        async with world.browser().stream("POST", f"{world.url}/sandbox/{url}", json=body, headers=headers) as answer:
            async for chunk in answer.aiter_raw():
                got += chunk
    except httpx.TransportError as error:
        broken = error
    return got, broken


async def gather(stream, events: list) -> None:
    """Keep what comes, however it ends."""
    async for event in stream:
        events.append(event)  # noqa: PERF401 - what came before a failure counts


def said(events) -> str:
    """The text of a stream's events."""
    parts = []
    for event in events:
        if getattr(event, "type", "") == "content_block_delta":
            parts.append(getattr(event.delta, "text", None) or "")
        elif getattr(event, "choices", None):
            parts.append(event.choices[0].delta.content or "")
    return "".join(parts)


def said_raw(got: bytes) -> str:
    lines = [line.removeprefix(b"data: ") for line in got.splitlines() if line.startswith(b"data: {")]
    found = []
    for line in lines:
        try:
            body = json.loads(line)
        except ValueError:
            continue
        if body.get("type") == "content_block_delta":
            found.append(body["delta"].get("text", ""))
        elif body.get("choices"):
            found.append(body["choices"][0]["delta"].get("content") or "")
    return "".join(found)


def text_of(answer) -> str:
    return (
        "".join(block.text for block in answer.content)
        if hasattr(answer, "content")
        else (answer.choices[0].message.content or "")
    )
