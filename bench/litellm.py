"""The peer: LiteLLM's proxy in an environment of its own, one worker, with a key whose budget is kept in memory.

It is pinned, installed from the machine's package index at the first run, and asks for nothing of the network when it
runs. It writes nothing durable: that is how it is quickest.
"""

import json
import secrets
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import Server, free_port
from bench.site import MODEL, machine_environment

# The newest of 1.106 whose requirements could be met when this was written.
VERSION = "1.106.0"
KEY = "sk-bench-litellm"
START_SECONDS = 180.0
INSTALL_SECONDS = 1_800.0

# https://docs.litellm.ai/docs/proxy/custom_auth
_AUTH = f'''"""Knows one key, which has a budget."""

from litellm.proxy._types import UserAPIKeyAuth


async def user_api_key_auth(request, api_key: str) -> UserAPIKeyAuth:
    if api_key != "{KEY}":
        raise ValueError("unknown key")
    return UserAPIKeyAuth(api_key=api_key, user_id="bench", max_budget=1_000_000.0)
'''


def install(workdir: Path) -> Path:
    """The environment's Python, installed if it is not there. Raises CalledProcessError."""
    folder = workdir / "litellm"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if stamp.exists() and stamp.read_text() == VERSION:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=INSTALL_SECONDS)
    wanted = [f"litellm[proxy]=={VERSION}"]
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--system-certs", "--python", str(python), *wanted]
    if subprocess.run(uv, check=False, timeout=INSTALL_SECONDS).returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True, timeout=INSTALL_SECONDS)
    stamp.write_text(VERSION)
    return python


@contextmanager
def running_litellm(workdir: Path, *, provider_port: int, core: int) -> Generator[tuple[str, Server]]:
    """The proxy's address and process. Raises NotStarted."""
    python = install(workdir)
    folder, port = workdir / "litellm-proxy", free_port()
    folder.mkdir(parents=True, exist_ok=True)
    model = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://127.0.0.1:{provider_port}/v1",
        "api_key": "sk-bench-openai",
    }
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"custom_auth": "bench_auth.user_api_key_auth"},
        "litellm_settings": {"max_budget": 1_000_000, "budget_duration": "30d", "telemetry": False},
    }
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config, indent=2))
    (folder / "bench_auth.py").write_text(_AUTH)
    # Its command names the interpreter of its own environment.
    command = [str(python.with_name("litellm")), "--config", "config.yaml", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    environment = {
        **machine_environment(),
        "LITELLM_LOG": "ERROR",
        # It does not start without one; nobody uses it.
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DISABLE_ADMIN_UI": "True",
        "NO_DOCS": "True",
    }
    log = workdir / "logs" / "litellm.log"
    with Server(command, core=core, log=log, environment=environment, folder=folder) as server:
        url = f"http://127.0.0.1:{port}"
        server.await_answer(f"{url}/health/liveliness", seconds=START_SECONDS)
        yield url, server
