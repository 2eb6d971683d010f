"""A reply's text as the page follows it."""

import json

from tests.api.conftest import fresh_email
from tests.live import LiveServer, await_balance, buy


def test_the_page_s_stream_is_the_text_and_almost_nothing_else(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    asked = {"messages": [{"role": "user", "content": "Hello, naïve 織機"}]}
    lines = client.post("/api/chat", json=asked).text.splitlines()
    parts = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    text = "".join(part["delta"] for part in parts if part["type"] == "text-delta")
    answer = client.get(f"/api/turns/{parts[0]['messageMetadata']['turnId']}/text")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *frames, end, nothing = answer.text.split("\n\n")
    assert (end, nothing) == ("event:end\ndata:1", "")
    assert "".join(json.loads(frame.removeprefix("data:")) for frame in frames) == text
    # A new line and a quotation mark are two characters in JSON, and some ten stand around each frame.
    assert len(answer.content) < len(text.encode()) + text.count("\n") + text.count('"') + 12 * len(frames) + 20
