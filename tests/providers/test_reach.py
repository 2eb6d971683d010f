"""What a provider would be made to fetch is public, after its name was looked up."""

import asyncio
import json
import socket

import pytest

from projectloom.errors import InvalidInput
from projectloom.providers import read_wire_request
from projectloom.providers.reach import check_links


def openai(link: str) -> bytes:
    part = {"type": "image_url", "image_url": {"url": link}}
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": [part]}]}).encode()


def anthropic(link: str) -> bytes:
    part = {"type": "image", "source": {"type": "url", "url": link}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [part]}
    return json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [result]}]}).encode()


async def check(body: bytes, path: str, *, inside: bool = False) -> None:
    await check_links(read_wire_request(path, body, ()), inside=inside)  # pyright: ignore[reportArgumentType]


INSIDE = (
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://127.0.0.1:8080/x.png",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://[::ffff:10.0.0.1]/",
    "http://10.1.2.3/",
    "http://[fe80::1]/",
    "http://localhost/x.png",
    "http://[fd00::1]/x.png",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/x.png",
    "http:///x.png",
    "http://[bad/",
    # Readers do not agree on where these lead.
    "http://169.254.169.254\\@8.8.8.8/x",
    "http://8.8.8.8\\@169.254.169.254/x",
    "http://somebody@8.8.8.8/x",
    "http://8.8.8.8\t/x",
    "http://8.8.8.8/x\n",
    " http://8.8.8.8/x",
    "http://%31%36%39.254.169.254/x",
    "http:169.254.169.254/x",
    "//169.254.169.254/x",
    "",
)


@pytest.mark.parametrize("link", INSIDE)
async def test_an_address_that_points_inside_is_never_passed_on(link: str) -> None:
    with pytest.raises(InvalidInput, match="public"):
        await check(openai(link), "/chat/completions")
    with pytest.raises(InvalidInput, match="public"):
        await check(anthropic(link), "/messages")


async def test_a_name_counts_as_what_it_stands_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def looked_up(_self, host: str, *_: object, **__: object):
        found = {"public.example": ["93.184.216.34"], "rebound.example": ["93.184.216.34", "169.254.169.254"]}
        if host not in found:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0)) for address in found[host]]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", looked_up, raising=False)
    await check(openai("https://public.example/x.png"), "/chat/completions")
    with pytest.raises(InvalidInput):
        await check(openai("https://rebound.example/x.png"), "/chat/completions")
    # What nobody here can look up is left to providers outside.
    await check(openai("https://unknown.example/x.png"), "/chat/completions")


@pytest.mark.parametrize("link", ["https://8.8.8.8/x.png", "http://unknown.example/x.png", "file:///etc/passwd"])
async def test_a_server_of_the_operator_s_is_passed_no_address_at_all(link: str) -> None:
    # It could redirect, or its name stand for something else when it is fetched.
    for body, path in ((openai(link), "/chat/completions"), (anthropic(link), "/messages")):
        with pytest.raises(InvalidInput, match="as data"):
            await check(body, path, inside=True)


METADATA = "http://169.254.169.254/x"
HIDDEN: tuple[dict[str, object], ...] = (
    {"image_url": {"url": METADATA}},
    {"image_url": METADATA},
    {"type": "video_url", "video_url": {"url": METADATA}},
    {"type": "audio_url", "audio_url": {"url": METADATA}},
    {"type": "audio_url", "audio_url": METADATA},
    {"type": "file", "file": {"file_data": METADATA}},
    {"type": "file", "file": {"file_id": METADATA}},
    {"type": "input_file", "file_url": METADATA},
    {"type": "input_audio", "input_audio": {"data": METADATA}},
    {"type": "text", "text": "Look", "image_url": {"url": METADATA}},
    {"type": "image", "image": METADATA},
    {"type": "video", "video": ["data:image/png;base64,AAAA", METADATA]},
    {"type": "anything", "inner": {"deeper": [{"imageUrl": METADATA}]}},
    {"source": {"type": "url", "url": METADATA}},
    {"type": "document", "source": {"type": "content", "content": [{"image_url": {"url": METADATA}}]}},
    {"type": "tool_result", "content": [{"type": "x", "video_url": {"url": METADATA}}]},
)


def holding(part: dict[str, object], *, place: str = "messages") -> bytes:
    message = {"role": "user", "content": [part]}
    body = {"messages": [message]} if place == "messages" else {"messages": [], "system": [part]}
    return json.dumps({"model": "m", "max_tokens": 9, **body}).encode()


@pytest.mark.parametrize("part", HIDDEN)
@pytest.mark.parametrize("path", ["/chat/completions", "/messages"])
async def test_an_address_is_found_wherever_a_part_has_it(path: str, part: dict[str, object]) -> None:
    for place in ("messages", "system"):
        with pytest.raises(InvalidInput, match="public"):
            await check(holding(part, place=place), path)
    with pytest.raises(InvalidInput, match="as data"):
        await check(holding(part), path, inside=True)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": METADATA},
        {"type": "tool_use", "id": "t", "name": "open", "input": {"url": METADATA, "image_url": {"url": METADATA}}},
        {"type": "text", "text": "As it says.", "citations": [{"type": "web_search_result_location", "url": METADATA}]},
        {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "url": METADATA, "title": "x"}]},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": METADATA}},
        {"type": "search_result", "source": METADATA, "title": "x", "content": [{"type": "text", "text": METADATA}]},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ],
)
async def test_what_nobody_fetches_is_passed_on(part: dict[str, object]) -> None:
    await check(holding(part), "/messages", inside=True)


async def test_there_is_an_end_to_the_addresses_of_a_request() -> None:
    parts = [{"type": "image_url", "image_url": {"url": f"https://8.8.8.8/{n}"}} for n in range(1_001)]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()
    with pytest.raises(InvalidInput, match="too many addresses"):
        await check(body, "/chat/completions")


async def test_pictures_that_are_in_the_request_itself_need_no_address() -> None:
    await check(openai("data:image/png;base64,AAAA"), "/chat/completions", inside=True)
