"""Whatever a program sends in a provider's own format, its count stays within the bound that is held for it."""

import base64
import json
import struct
import zlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projectloom.pricing import request_bound
from projectloom.pricing.bounds import IMAGE_TOKENS
from projectloom.providers import Path, ProviderName, read_wire_request
from projectloom.sandbox import anthropic_prompt, openai_prompt
from projectloom.sandbox.anthropic_prompt import count_input
from projectloom.sandbox.prompt_cache import PromptCache

OPENAI, ANTHROPIC = "gpt-6.1-sol", "claude-opus-5-5"


def png(width: int, height: int) -> str:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return base64.b64encode(data).decode()


texts = st.text(max_size=40) | st.sampled_from(["\U0001f600" * 9, "\ud83d", "ไทย" * 5, '"\\\n\t\x00', "x" * 300])
said = texts.filter(str.strip)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, json_values, max_size=3)
pictures = st.builds(png, st.integers(1, 8_000), st.integers(1, 8_000))


@st.composite
def openai_requests(draw: st.DrawFn) -> dict[str, Any]:
    picture = pictures.map(lambda data: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
    remote = st.just({"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}})
    part = said.map(lambda text: {"type": "text", "text": text}) | picture | remote
    user = st.builds(
        lambda content: {"role": "user", "content": content}, said | st.lists(part, min_size=1, max_size=3)
    )
    other = st.builds(
        lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "assistant"]), said
    )
    messages = draw(st.lists(user | other, max_size=4))
    offered = draw(st.lists(names, max_size=3, unique=True))
    for number, name in enumerate(offered):
        call = {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(draw(objects))},
        }
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": draw(said)})
    messages.append(draw(user))
    tools = [
        {"type": "function", "function": {"name": name, "description": draw(texts), "parameters": draw(objects)}}
        for name in offered
    ]
    return {"model": OPENAI, "messages": messages} | ({"tools": tools} if tools else {})


@st.composite
def anthropic_requests(draw: st.DrawFn) -> dict[str, Any]:
    source = pictures.map(lambda data: {"type": "base64", "media_type": "image/png", "data": data})
    remote = st.just({"type": "url", "url": "https://example.com/a.png"})
    picture = (source | remote).map(lambda one: {"type": "image", "source": one})
    cached = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}])
    text = st.builds(lambda words, more: {"type": "text", "text": words} | more, said, cached)
    user = st.builds(
        lambda content: {"role": "user", "content": content}, said | st.lists(text | picture, min_size=1, max_size=2)
    )
    messages = draw(st.lists(user, min_size=1, max_size=2))
    offered = draw(st.lists(names, max_size=3, unique=True))
    for number, name in enumerate(offered):
        use = {"type": "tool_use", "id": f"t{number}", "name": name, "input": draw(objects)}
        told = draw(
            said | st.lists(said.map(lambda words: {"type": "text", "text": words}) | picture, min_size=1, max_size=2)
        )
        messages.append({"role": "assistant", "content": [use]})
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": told}
        messages.append({"role": "user", "content": [result]})
    tools = [
        {"name": name, "description": draw(texts), "input_schema": {"type": "object"} | draw(objects)}
        for name in offered
    ]
    more: dict[str, Any] = {"tools": tools} if tools else {}
    if draw(st.booleans()):
        more["system"] = draw(said | st.lists(text, min_size=1, max_size=1))
    return {"model": ANTHROPIC, "max_tokens": 10, "messages": messages} | more


def bound_of(provider: ProviderName, path: Path, raw: bytes) -> int:
    size = read_wire_request(path, raw).size
    assert not size.unbounded
    return request_bound(
        provider, text_bytes=size.text_bytes, messages=size.messages, tools=size.tools, images=size.images
    )


def spelt(body: dict[str, Any]) -> list[bytes]:
    """The shortest spelling of a body that JSON has, where UTF-8 can say it, and the usual one."""
    usual = json.dumps(body).encode()
    short = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return [usual, short.encode()] if short.isascii() or "\ud83d" not in short else [usual]


@given(openai_requests())
@settings(max_examples=150, deadline=None)
def test_no_chat_completion_counts_more_than_its_bound(body: dict[str, Any]) -> None:
    for raw in spelt(body):
        counted = openai_prompt.read_prompt(json.loads(raw)).tokens
        assert counted <= bound_of("openai", "/chat/completions", raw)


@given(anthropic_requests())
@settings(max_examples=150, deadline=None)
def test_no_message_counts_more_than_its_bound(body: dict[str, Any]) -> None:
    for raw in spelt(body):
        counted = count_input(anthropic_prompt.read_prompt(json.loads(raw)), PromptCache(), key="k")
        total = counted.fresh + counted.cache_read + counted.written_5m + counted.written_1h
        assert total <= bound_of("anthropic", "/messages", raw)


@given(st.lists(said, min_size=1, max_size=5) | st.lists(st.integers(0, 200_000), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_no_texts_for_vectors_count_more_than_their_bound(texts: list[Any]) -> None:
    raw = json.dumps({"model": "text-embedding-3-small", "input": texts}, separators=(",", ":")).encode()
    # A number is a token of its own; of a text no tokenizer makes more tokens than bytes.
    counted = sum(1 if isinstance(one, int) else len(one.encode("utf-8", "replace")) for one in texts)
    assert counted <= bound_of("openai", "/embeddings", raw)


def test_a_picture_costs_its_most_whatever_it_weighs() -> None:
    for provider in ("openai", "anthropic"):
        plain = request_bound(provider, text_bytes=10, messages=1, tools=0, images=0)
        assert (
            request_bound(provider, text_bytes=10, messages=1, tools=0, images=2) == plain + 2 * IMAGE_TOKENS[provider]
        )
