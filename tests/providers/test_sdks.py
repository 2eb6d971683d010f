"""Anthropic's SDK is loaded by the first call that needs it, and by nothing before."""

import subprocess
import sys

SERVER = """
import sys
import projectloom.service, projectloom.pages
assert "anthropic" not in sys.modules, "loaded as the server starts"
"""

FIRST_CALL = """
import asyncio, sys
from projectloom.errors import ProviderError
from projectloom.providers import ChatCall, ChatMessage, stream_chat

async def call():
    asked = ChatCall(model="m", messages=(ChatMessage("user", "Hi"),), max_tokens=9, api_key="sk-ant-0123456789",
        base_url="http://127.0.0.1:9")
    try:
        async for _ in stream_chat("anthropic", asked):
            pass
    except ProviderError as error:
        assert error.data["kind"] == "unavailable", error.data
        assert "anthropic" in sys.modules
        return
    raise AssertionError("nobody listens there")

asyncio.run(call())
"""


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


def test_a_server_starts_without_it():
    run(SERVER)


def test_the_first_call_loads_it_and_its_errors_are_understood():
    run(FIRST_CALL)
