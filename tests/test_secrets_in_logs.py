"""With everything logged that can be, no key, token, password or prompt stands in the log."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import fresh_email
from tests.live import LiveServer, buy

PASSWORD = "canary-password-battery"
PROMPT = "canary prompt about a private matter"
OWN_KEYS = {"openai": "sk-proj-canary0123456789", "anthropic": "sk-ant-canary0123456789"}


class Logging(LiveServer):
    """A server that logs all that it can, into a file."""

    def __init__(self, environment: dict[str, str], file: Path) -> None:
        loud = {"LOG_LEVEL": "DEBUG", "OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug", "STRIPE_LOG": "debug"}
        super().__init__({**environment, **loud, "PYTHONASYNCIODEBUG": "1"})
        self.file = file

    def spawn(self) -> None:
        with self.file.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.live"], env=self.environment, stdout=out, stderr=out
            )


@pytest.mark.parametrize("form", ["json", "human"])
def test_no_secret_and_no_prompt_is_in_a_log_at_its_loudest(tmp_path: Path, form: str) -> None:
    environment = {
        "LOOM_DATA_DIR": str(tmp_path / "data"),
        "LOG_FORMAT": form,
        "SECRET_KEY": "canary-secret-" + "x" * 30,
    }
    with Logging(environment, tmp_path / "log") as live:
        client = live.client()
        credentials = {"email": fresh_email(), "password": PASSWORD}
        token = client.post("/api/auth/sign-up", json=credentials).json()["token"]
        client.post("/api/auth/sign-in", json=credentials | {"password": PASSWORD + "!"})
        prompt = {"messages": [{"role": "user", "content": PROMPT}]}
        headers = {f"x-{name}-api-key": key for name, key in OWN_KEYS.items()}
        for model in ("gpt-6-luna", "claude-haiku-5-5"):
            assert "finish" in client.post("/api/chat", json=prompt | {"model": model}, headers=headers).text
        client.put("/api/preferences", json={"apiKeyMode": "credits"})
        buy(client, 10)
        secret = client.post("/api/keys", json={"name": "program"}).json()["key"]
        program = {"authorization": f"Bearer {secret}"}
        for path, model in (("/v1/chat/completions", "gpt-6-luna"), ("/v1/messages", "claude-haiku-5-5")):
            httpx.post(
                f"{live.url}{path}", json={"model": model, "max_tokens": 50, **prompt}, headers=program, timeout=30
            )
        client.post("/v1/messages", content=PROMPT.encode())
        client.post("/api/chat", json={"messages": PROMPT})
        client.post("/api/stripe/webhook", content=json.dumps({"id": PROMPT}), headers={"stripe-signature": "t=1,v1=x"})
    written = (tmp_path / "log").read_text()
    for canary in (PASSWORD, "canary prompt", *OWN_KEYS.values(), token, secret, "canary-secret-", "whsec_"):
        assert canary not in written, canary
    # What Stripe's SDK prints of each request at its loudest.
    assert "post_data" not in written
    assert "Request to Stripe" not in written
    if form == "json":
        lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
        assert lines, written[:500]
        assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
