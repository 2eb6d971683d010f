"""Conversations over HTTP: read by their owner and by keys that may, taken along, brought in, and nobody else's."""

import io
import zipfile

import httpx

from tests.api.conftest import fresh_email
from tests.live import LiveServer

FILE = {
    "format": "projectloom.conversation",
    "version": 1,
    "title": "=Rivers <b>",
    "createdAt": "2026-01-02T03:04:05+00:00",
    "messages": [
        {"id": "a", "parentId": None, "role": "user", "text": "What is a <river>?"},
        {"id": "b", "parentId": "a", "role": "assistant", "text": "It flows."},
    ],
}


def brought_in(client: httpx.Client) -> str:
    answer = client.post("/api/conversations/import", json=FILE)
    assert answer.status_code == 201, answer.text
    (conversation_id,) = answer.json()["ids"]
    return conversation_id


def test_what_is_brought_in_is_listed_read_and_taken_along_as_it_was(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="own")
    first, second = brought_in(client), brought_in(client)
    page = client.get("/api/conversations", params={"limit": 1}).json()
    assert [one["id"] for one in page["conversations"]] == [second]
    rest = client.get("/api/conversations", params={"limit": 1, "before": page["next"]}).json()
    assert [one["id"] for one in rest["conversations"]] == [first]
    assert client.get("/api/conversations", params={"q": "RIVERS <"}).json()["next"] is None
    assert len(client.get("/api/conversations", params={"q": "RIVERS <"}).json()["conversations"]) == 2
    assert client.get("/api/conversations", params={"q": "sea"}).json()["conversations"] == []

    read = client.get(f"/api/conversations/{first}").json()
    assert (read["title"], read["createdAt"], read["next"]) == (FILE["title"], FILE["createdAt"], None)
    assert [(one["role"], one["text"]) for one in read["messages"]] == [
        (one["role"], one["text"]) for one in FILE["messages"]
    ]
    assert read["messages"][1]["parentId"] == read["messages"][0]["id"]

    markdown = client.get(f"/api/conversations/{first}/export")
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert markdown.headers["content-disposition"] == 'attachment; filename="Rivers-b.md"'
    assert markdown.headers["x-content-type-options"] == "nosniff"
    assert "<b>" not in markdown.text
    assert "&lt;river>" in markdown.text
    as_json = client.get(f"/api/conversations/{first}/export", params={"format": "json"})
    assert client.post("/api/conversations/import", content=as_json.content).status_code == 201

    everything = client.get("/api/export")
    with zipfile.ZipFile(io.BytesIO(everything.content)) as made:
        assert sum(name.endswith(".json") and name.startswith("conversations/") for name in made.namelist()) == 3
    assert client.post("/api/conversations/import", content=everything.content).json()["messages"] == 6


def test_what_is_wrong_is_said_and_nothing_is_anybody_elses(server: LiveServer):
    client, stranger = (server.sign_up(fresh_email(), mode="own") for _ in range(2))
    conversation_id = brought_in(client)
    for path in (f"/api/conversations/{conversation_id}", f"/api/conversations/{conversation_id}/export"):
        assert stranger.get(path).status_code == 404
        assert httpx.get(f"{server.url}{path}").status_code == 401
    assert stranger.get("/api/conversations").json()["conversations"] == []
    for path in ("/api/conversations", "/api/export"):
        assert httpx.get(f"{server.url}{path}").status_code == 401
    for query in ("limit=0", "limit=101", "limit=x", "limit=٣", "before=x", "before=~"):
        assert client.get(f"/api/conversations?{query}").status_code == 400, query
    assert client.get(f"/api/conversations/{conversation_id}/export?format=exe").status_code == 400
    assert client.get("/api/conversations/conv_%00/export").status_code == 404
    refused = client.post("/api/conversations/import", content=b"{}")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
    assert client.post("/api/conversations/import", content=b"x" * 32_000_001).status_code == 413


def test_a_key_that_may_read_reads_and_brings_nothing_in(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="own")
    conversation_id = brought_in(client)
    keys = {
        scope: client.post("/api/keys", json={"name": scope, "scopes": [scope]}).json()["key"]
        for scope in ("read", "generate")
    }
    for path in ("/api/conversations", f"/api/conversations/{conversation_id}"):
        assert httpx.get(f"{server.url}{path}", headers={"x-api-key": keys["read"]}).status_code == 200
        assert httpx.get(f"{server.url}{path}", headers={"x-api-key": keys["generate"]}).status_code == 403
    bearer = {"authorization": f"Bearer {keys['read']}"}
    assert httpx.post(f"{server.url}/api/conversations/import", json=FILE, headers=bearer).status_code == 403
    assert httpx.get(f"{server.url}/api/export", headers=bearer).status_code == 403
