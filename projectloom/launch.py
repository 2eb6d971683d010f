"""Starts the server for production: ``python -m projectloom.launch``, which is what run.sh ends with.

It refuses a half configuration or a taken port before anything is built, builds the pages only when something they are
made of has changed, and then becomes the server process itself, so that signals reach it. Building and serving are done
by Reflex's own commands and its own server; only the decision whether to build is ours. The database is brought to the
newest schema by the server as it starts.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from reflex_base.constants import Env
from reflex_base.environment import environment

from projectloom.config import PROJECT_ROOT, ConfigurationError, Settings, settings

# What the built pages are made of. The lock is listed apart because a build may itself refresh it.
SOURCES = ("projectloom", "assets", "rxconfig.py", "requirements.txt", "bunfig.toml", ".npmrc")
LOCK = ("reflex.lock",)

# Settings that no page shows: changing one of these alone needs no new build.
SERVER_ONLY_SETTINGS = {
    "base_url", "host", "port", "backend_port", "data_dir", "secret_key", "redis_url", "database_url",
    "secret_key_previous", "log_format", "log_level",
    "stripe_webhook_secret", "stripe_api_base", "anthropic_base_url", "openai_base_url", "sandbox_speed",
    "alert_email", "smtp_host", "smtp_port", "smtp_username", "smtp_password", "smtp_from", "smtp_starttls",
    "stripe_promotion_codes", "stripe_tax", "stripe_invoices", "refund_days", "automatic_titles", "sign_up_bonus_days",
    "price_markup_percent", "metrics_token", "trusted_proxies", "daily_spend_usd", "rate_chat", "rate_agent",
    "rate_checkout", "rate_upload", "rate_program", "rate_sign_in", "rate_sign_up", "rate_sign_up_all",
    "clerk_webhook_signing_secret", "clerk_jwt_key", "clerk_jwks_url", "clerk_api_url",
    "alert_webhook_url", "alert_webhook_secret", "stop_grace_seconds",
}  # fmt: skip

NPM_CONFIG_SECONDS = 15
STOP_SECONDS = 5


def main() -> None:
    """Check, build if needed, and become the server. Ends the process with a plain message on any refusal.

    With ``--build-only`` it ends once the pages are built, as for an image.
    """
    os.chdir(PROJECT_ROOT)
    for development_only in ("LOOM_BACKEND_PORT", "REFLEX_BACKEND_PORT", "REFLEX_FRONTEND_PORT"):
        os.environ.pop(development_only, None)
    current, build_only = settings(), "--build-only" in sys.argv[1:]
    if not build_only:
        refuse_taken_port(current.host, current.port)
    environment.REFLEX_ENV_MODE.set(Env.PROD)
    build_pages(current)
    if not build_only:
        serve(current)


def refuse_taken_port(host: str, port: int) -> None:
    """Raise :class:`ConfigurationError` if another program listens on the port, or the address cannot be bound."""
    try:
        # A program that listens on the other loopback address only would still catch visitors of http://localhost.
        socket.create_connection(("localhost", port), timeout=1).close()
    except OSError:
        pass
    else:
        raise ConfigurationError(_taken(port))
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"ProjectLoom cannot listen on {host}, port {port}: {reason}.") from None


def _taken(port: int) -> str:
    return (
        f"Port {port} is already in use. Stop the program that uses it, or choose another port: "
        f"PORT={port + 1} ./run.sh"
    )


def build_pages(current: Settings) -> None:
    """Build the pages unless the last build was made of the same files and settings."""
    web = environment.REFLEX_WEB_WORKDIR.get()
    stamp = web / "projectloom-build.sha256"
    sources = digest_of(SOURCES) + visible_settings(current)
    built = web / "build" / "client" / "index.html"
    if built.exists() and stamp.exists() and stamp.read_text() == sources + digest_of(LOCK):
        return
    print("Building the pages: this is the first start, or something they are made of has changed.", flush=True)
    stamp.unlink(missing_ok=True)
    if registry := npm_registry():
        os.environ["NPM_CONFIG_REGISTRY"] = registry
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip", "--loglevel", "warning"]
    finished = subprocess.run(command, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)
    stamp.write_text(sources + digest_of(LOCK))


def digest_of(names: Iterable[str]) -> str:
    """SHA-256 over the names and bytes of files, folders walked in a fixed order; what is missing counts as absent."""
    digest = hashlib.sha256()
    for path in sorted(file for name in names for file in _files(PROJECT_ROOT / name)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PROJECT_ROOT)}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path] if path.exists() else []
    return (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def visible_settings(current: Settings) -> str:
    """SHA-256 of the settings that a page may show. Of secrets only whether they are set goes in."""
    shown = f"{current.sandbox_on} {current.model_dump_json(exclude=SERVER_ONLY_SETTINGS)}"
    return hashlib.sha256(shown.encode()).hexdigest()


def npm_registry() -> str | None:
    """The npm registry of the user's npm configuration, or None to leave the choice to bun.

    bun reads the environment and ``~/.npmrc`` itself, but not the files npm keeps for a whole machine.
    """
    set_already = os.environ.get("NPM_CONFIG_REGISTRY") or os.environ.get("npm_config_registry")  # noqa: SIM112
    npm = shutil.which("npm")
    if set_already or npm is None:
        return set_already
    try:
        answer = subprocess.run(
            [npm, "config", "get", "registry"],
            capture_output=True,
            text=True,
            timeout=NPM_CONFIG_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    registry = answer.stdout.strip()
    return registry if registry.startswith(("http://", "https://")) else None


def serve(current: Settings) -> None:
    """Become the server: Granian, which is what Reflex itself starts, with the built pages mounted."""
    environment.REFLEX_SKIP_COMPILE.set(True)
    environment.REFLEX_MOUNT_FRONTEND_COMPILED_APP.set(True)
    print(f"ProjectLoom is starting on {current.public_url} (listening on {current.host}, port {current.port})")
    sys.stdout.flush()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory"]
    command += ["--host", current.host, "--port", str(current.port), "--log-level", "warning"]
    kill_after = STOP_SECONDS + current.stop_grace_seconds
    command += ["--workers-kill-timeout", str(kill_after), "projectloom.projectloom:served"]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
