"""Files over HTTP: taken in within their limits, given out to their owner alone and never as anything that runs."""

import base64
import json
import secrets

import httpx
import pytest

from projectloom import limits
from tests.api.conftest import fresh_email
from tests.api.test_bad_input import error_of
from tests.live import LiveServer, await_balance, buy
from tests.pictures import KINDS, jpeg, png

MODELS = ("claude-haiku-5-5", "gpt-6-luna")


@pytest.fixture(scope="module")
def buyer(server: LiveServer) -> httpx.Client:
    client = server.sign_up(fresh_email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    return client


def upload(client: httpx.Client, data: bytes, name: str = "map.png") -> dict:
    answer = client.post("/api/attachments", params={"name": name}, content=data)
    assert answer.status_code == 201, answer.text
    return answer.json()


def data_url(data: bytes, media_type: str = "application/octet-stream") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def chat(client: httpx.Client, parts: list[dict], **more) -> tuple[str, dict]:
    """A reply's text and its metadata."""
    body = {"messages": [{"role": "user", "parts": parts}], **more}
    with client.stream("POST", "/api/chat", json=body, timeout=30) as answer:
        assert answer.status_code == 200, answer.read()
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: {")]
    events = [json.loads(line) for line in lines]
    text = "".join(event.get("delta", "") for event in events if event["type"] == "text-delta")
    metadata = {}
    for event in events:
        metadata |= event.get("messageMetadata", {})
    return text, metadata


def test_a_file_is_given_back_as_it_was_with_headers_under_which_nothing_runs(buyer: httpx.Client):
    for media_type, make in KINDS.items():
        told = upload(buyer, make(40, 30), "../Weg & Ziel.html")
        assert (told["name"], told["mediaType"]) == ("Weg _ Ziel.html", media_type)
        assert (told["width"], told["height"]) == (40, 30)
        answer = buyer.get(f"/api/attachments/{told['id']}")
        assert (answer.content, answer.headers["content-type"]) == (make(40, 30), media_type)
        assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''Weg%20_%20Ziel.html"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["cache-control"] == "private, no-cache"
        again = buyer.get(f"/api/attachments/{told['id']}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("data", [b"<svg onload='alert(1)'/>", b"<!doctype html><script>alert(1)</script>"])
def test_markup_is_a_plain_download_whatever_it_is_called(buyer: httpx.Client, data: bytes):
    told = upload(buyer, data, "x.svg")
    answer = buyer.get(f"/api/attachments/{told['id']}", headers={"accept": "text/html,image/svg+xml"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_anothers_file_is_one_that_does_not_exist(server: LiveServer, buyer: httpx.Client):
    told = upload(buyer, png())
    stranger, nobody = server.sign_up(fresh_email()), server.client()
    missing = stranger.get("/api/attachments/att_unknown")
    theirs = stranger.get(f"/api/attachments/{told['id']}")
    assert (theirs.status_code, theirs.json()) == (404, missing.json())
    assert stranger.delete(f"/api/attachments/{told['id']}").status_code == 404
    assert nobody.get(f"/api/attachments/{told['id']}").status_code == 401
    assert nobody.post("/api/attachments", content=png()).status_code == 401
    cross = {"origin": "https://elsewhere.example"}
    assert buyer.post("/api/attachments", content=png(), headers=cross).status_code == 403
    assert buyer.get(f"/api/attachments/{told['id']}").status_code == 200
    assert buyer.delete(f"/api/attachments/{told['id']}").status_code == 204
    assert buyer.get(f"/api/attachments/{told['id']}").status_code == 404


def test_what_is_too_large_or_no_file_is_told_as_it_comes(buyer: httpx.Client):
    for data, status in (
        (b"", 400),
        (b" \n", 400),
        (b"%PDF-1.7", 400),
        (b"\x00\x01", 400),
        (png()[:-4], 400),
        (b"x" * (limits.MAX_TEXT_FILE_BYTES + 1), 413),
        (b"x" * (limits.MAX_PICTURE_BYTES + 1), 413),
        (png(limits.MAX_PICTURE_SIDE + 1, 1), 413),
    ):
        error_of(buyer.post("/api/attachments", params={"name": "a.png"}, content=data), status)
    error_of(buyer.post("/api/attachments?name=a%00b", content=png()), 400)
    error_of(buyer.get("/api/attachments/a%00b"), 404)
    chunks = iter([b"x" * 1_000_000] * 5)
    error_of(buyer.post("/api/attachments", content=chunks), 413)


@pytest.mark.parametrize("model", MODELS)
def test_a_client_of_the_chat_sends_files_and_pays_no_more_than_was_held(buyer: httpx.Client, model: str):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "file", "mediaType": "image/png", "filename": "a.png", "url": data_url(png(900, 700), "image/png")},
        {"type": "file", "mediaType": "image/png", "filename": "b.jpg", "url": data_url(jpeg(), "image/png")},
        {"type": "file", "mediaType": "text/csv", "filename": "c.csv", "url": "data:text/csv,a%2Cb"},
    ]
    text, told = chat(buyer, parts, model=model, id=f"chat-{secrets.token_hex(4)}")
    assert text.startswith("I was shown 2 images.")
    receipt = buyer.get(f"/api/usage/{told['usageId']}").json()
    assert 0 < receipt["charged"] <= receipt["held"]
    kept = buyer.get(f"/api/conversations/{told['conversationId']}").json()["messages"][0]
    assert [(one["name"], one["mediaType"]) for one in kept["attachments"]] == [
        ("a.png", "image/png"), ("b.jpg", "image/jpeg"), ("c.csv", "text/plain"),
    ]  # fmt: skip
    assert buyer.get(f"/api/attachments/{kept['attachments'][0]['id']}").content == png(900, 700)


def test_asking_again_keeps_the_files_once(buyer: httpx.Client):
    parts = [{"type": "file", "url": data_url(png(50, 50))}]
    other = [{"type": "file", "url": data_url(png(60, 50))}]
    chat_id = f"chat-{secrets.token_hex(4)}"
    _, told = chat(buyer, parts, model=MODELS[1], id=chat_id)
    chat(buyer, other, model=MODELS[1], id=chat_id)
    chat(buyer, parts, model=MODELS[1], id=chat_id, trigger="regenerate-message")
    messages = buyer.get(f"/api/conversations/{told['conversationId']}").json()["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "assistant"]
    assert messages[4]["parentId"] == messages[0]["id"]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file"},
        {"type": "file", "url": 7},
        {"type": "file", "url": "https://example.com/a.png"},
        {"type": "file", "url": "http://169.254.169.254/latest"},
        {"type": "file", "url": "file:///etc/passwd"},
        {"type": "file", "url": "data:image/png;base64"},
        {"type": "file", "url": "data:image/png;base64,!!"},
        {"type": "file", "url": "data:image/png;base64,AA=="},
        {"type": "file", "url": "data:,"},
        {"type": "file", "url": data_url(b"%PDF-1.7"), "mediaType": "image/png"},
        {"type": "file", "url": data_url(png()), "filename": 7},
        {"type": "file", "url": data_url(png()), "filename": "a\x00"},
        {"type": "image", "image": data_url(png())},
    ],
    ids=str,
)
def test_a_file_part_that_cannot_be_sent_is_told_and_nothing_is_fetched(buyer: httpx.Client, part: dict):
    error_of(buyer.post("/api/chat", json={"messages": [{"role": "user", "parts": [part]}]}), 400)


def test_more_than_a_message_can_have_is_told(buyer: httpx.Client):
    parts = [{"type": "file", "url": data_url(png())}] * (limits.MAX_ATTACHED + 1)
    error_of(buyer.post("/api/chat", json={"messages": [{"role": "user", "parts": parts}]}), 413)
    large = [{"type": "file", "url": data_url(jpeg() + b"\0" * limits.MAX_PICTURE_BYTES)}]
    error_of(buyer.post("/api/chat", json={"messages": [{"role": "user", "parts": large}]}), 413)
    error_of(buyer.post("/api/chat", content=b"[" * (limits.MAX_WIRE_MARKS + 1)), 413)


def test_files_and_instructions_come_back_from_an_export(server: LiveServer, buyer: httpx.Client):
    parts = [
        {"type": "text", "text": "Keep this."},
        {"type": "file", "filename": "a.png", "url": data_url(png(70, 50))},
        {"type": "file", "filename": "b.txt", "url": "data:,words"},
    ]
    _, told = chat(buyer, parts, model=MODELS[1])
    address = f"/api/conversations/{told['conversationId']}/export"
    assert "Attached: a.png" in buyer.get(address, params={"format": "md"}).text
    file = buyer.get(address, params={"format": "json"}).json()
    file["instructions"] = "Speak plainly."
    other = server.sign_up(fresh_email())
    made = other.post("/api/conversations/import", content=json.dumps(file)).json()
    kept = other.get(f"/api/conversations/{made['ids'][0]}").json()
    assert kept["instructions"] == "Speak plainly."
    files = kept["messages"][0]["attachments"]
    assert [other.get(f"/api/attachments/{one['id']}").content for one in files] == [png(70, 50), b"words"]
    unkept = ({"name": "a", "data": "!"}, {"name": "a\x00", "data": "eA=="}, {"name": "a", "data": ""}, {})
    for wrong in ("x", *([one] for one in unkept)):
        file["messages"][0]["attachments"] = wrong
        error_of(other.post("/api/conversations/import", content=json.dumps(file)), 400)
    file["messages"][0]["attachments"] = []
    file["instructions"] = "x" * (limits.MAX_INSTRUCTIONS_CHARS + 1)
    error_of(other.post("/api/conversations/import", content=json.dumps(file)), 400)
