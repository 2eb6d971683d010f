"""What the doctor checks of the house itself: configuration, address, database, clock, disk, jobs, books."""

import asyncio
import os
import shutil
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from sqlalchemy import text
from sqlmodel import Session

from projectloom import limits
from projectloom.clock import now
from projectloom.config import Settings, settings
from projectloom.db import database_now, engine, in_watch_thread, reading
from projectloom.errors import DatabaseUnavailable
from projectloom.ledger.audit_marks import read_mark
from projectloom.operating.doctor import Finding, failed, note, ok, unused
from projectloom.operating.figures import read_figures
from projectloom.operating.readiness import newest_revision, schema_revision
from projectloom.operating.watch import is_late

_GB = 1_000_000_000


def refused_configuration(message: str) -> list[Finding]:
    """What keeps the server from starting, a finding each."""
    problems = [line.removeprefix("  - ") for line in message.splitlines() if line.startswith("  - ")]
    mend = "Set or unset it in the environment or in .env (.env.example lists all), then ask again."
    return [failed("configuration", problem, mend) for problem in problems or [message]]


async def check_configuration() -> list[Finding]:
    """What is configured, and what of it is unwise."""
    known = settings()
    mode = "the sandbox stands in for Stripe and the models" if known.sandbox_on else "real"
    found = [ok("configuration", f"whole; {mode}")]
    if not known.secret_key and not known.sandbox_on:
        words = f"SECRET_KEY is not set: people's keys open only with the one that was made in {known.data_dir}"
        found.append(note("configuration", words, "Set SECRET_KEY (openssl rand -hex 32), or back that folder up."))
    if not known.sandbox_on and not known.alert_email and not known.alert_webhook_url:
        words = "nobody is told when somebody must look: neither ALERT_EMAIL nor ALERT_WEBHOOK_URL is set"
        found.append(note("alerts", words, "Set ALERT_EMAIL (with SMTP_HOST), ALERT_WEBHOOK_URL, or both."))
    if known.cookie_secure and not known.metrics_token:
        words = "METRICS_TOKEN is not set, so /metrics is for programs on this machine"
        found.append(note("metrics", words, "Set METRICS_TOKEN where Prometheus or a proxy is elsewhere or unnamed."))
    return found


async def check_address() -> list[Finding]:
    """Whether people reach the server where it says that they do."""
    known = settings()
    if not known.cookie_secure and known.stripe()[0].startswith(("sk_live_", "rk_live_")):
        words = f"people pay here, and {known.public_url} is not https: passwords and sessions go in the clear"
        return [failed("address", words, "Put a proxy with TLS in front and set BASE_URL=https://…")]
    try:
        async with httpx.AsyncClient(timeout=limits.DOCTOR_HTTP_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{known.public_url}/healthz")
    except httpx.HTTPError as error:
        words = f"{known.public_url} does not answer ({type(error).__name__})"
        return [note("address", words, "Start the server. If it runs: is BASE_URL right, and does its proxy pass on?")]
    if not answer.is_success or "alive" not in answer.text:
        words = f"{known.public_url}/healthz answers {answer.status_code}, not as this server does"
        return [failed("address", words, "Let the proxy pass every path to ProjectLoom, or correct BASE_URL.")]
    return [ok("address", f"{known.public_url} answers")]


async def check_database() -> list[Finding]:
    """The database, its schema, its settings, and its clock."""
    url = engine().url.render_as_string(hide_password=True)
    if _has_no_file():
        return [note("database", f"{url} is not there yet", "The first start of the server makes it.")]
    try:
        return await in_watch_thread(_look_at_database, url)
    except DatabaseUnavailable as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        mend = "Does it run, is DATABASE_URL right, and may this machine reach it?"
        return [failed("database", f"{url} cannot be read: {reason}", mend)]


def _has_no_file() -> bool:
    path = engine().url.database
    return engine().dialect.name == "sqlite" and bool(path) and not Path(path or "").exists()


def _look_at_database(url: str) -> list[Finding]:
    current, newest = schema_revision(), newest_revision()
    found = [ok("database", url)]
    if current != newest:
        words = f"the schema is at {current or 'nothing'}, and this release needs {newest}"
        mend = "Start this release's server, which migrates; a newer schema needs the newer release."
        found.append(note("migrations", words, mend) if current is None else failed("migrations", words, mend))
        return found
    found.append(ok("migrations", f"at {current}, the newest"))
    with reading() as session:
        found += _settings_of_postgres(session) if engine().dialect.name == "postgresql" else _settings_of_sqlite()
        ahead = (now() - database_now(session)).total_seconds()
        found.append(_clock("the database's", ahead))
        found.append(_books(session))
    return found


def _settings_of_postgres(session: Session) -> list[Finding]:
    def show(name: str) -> str:
        return str(session.connection().execute(text(f"SHOW {name}")).scalar_one())

    found: list[Finding] = []
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if show(name) == "off":
            words = f"{name} is off: a power cut may lose what was answered as done"
            found.append(note("database", words, f"Set {name} = on in postgresql.conf."))
    most = int(show("max_connections"))
    of_process = limits.POOL_SIZE + limits.QUICK_LANES
    if most < 2 * of_process:
        words = f"it takes {most} connections, and each server process may open {of_process}"
        found.append(note("database", words, "Raise max_connections, or run fewer processes."))
    return found


def _settings_of_sqlite() -> list[Finding]:
    if not settings().redis_url:
        return []
    words = "REDIS_URL is set for several servers, and SQLite serves one machine"
    return [failed("database", words, "Set DATABASE_URL to a Postgres, or unset REDIS_URL.")]


def _books(session: Session) -> Finding:
    mark = read_mark(session)
    if mark is None:
        return note("books", "they were never proven", "Run: python -m projectloom audit")
    age = now() - mark.checked_at
    if age.days >= limits.AUDIT_OLD_DAYS:
        return note("books", f"last proven {age.days} days ago", "Run: python -m projectloom audit (daily, from cron)")
    return ok("books", f"proven {mark.checked_at:%Y-%m-%d %H:%M} UTC")


async def check_clock() -> list[Finding]:
    """This machine's clock against those of the services that it speaks to, as their answers' Date has it."""
    known = settings()
    addresses = ["https://api.stripe.com"] if known.stripe_secret_key else []
    if known.sandbox_on or known.stripe_api_base:
        addresses = [known.stripe()[1] or ""]
    elif known.operator_key("anthropic"):
        addresses.append(known.provider_base("anthropic") or "https://api.anthropic.com")
    if not addresses:
        return [unused("clock", "nothing is configured that could tell the time")]
    return [await _ask_time(addresses[0])]


async def _ask_time(address: str) -> Finding:
    try:
        async with httpx.AsyncClient(timeout=limits.DOCTOR_HTTP_SECONDS, follow_redirects=False) as client:
            answer = await client.head(address)
        told = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, ValueError) as error:
        words = f"{address} did not tell the time ({type(error).__name__})"
        return note("clock", words, "Is it reachable from here? Its own check says more.")
    # A date is told in whole seconds.
    return _clock(f"{httpx.URL(address).host}'s", (datetime.now(UTC) - told).total_seconds() - 0.5)


def _clock(whose: str, ahead: float) -> Finding:
    off = abs(ahead)
    words = f"this machine's is {off:.0f} seconds {'ahead of' if ahead > 0 else 'behind'} {whose}"
    mend = "Let it follow a time server (timedatectl set-ntp true)."
    if off > limits.CLOCK_WRONG_SECONDS:
        return failed("clock", f"{words}: signatures, sessions and expiry go wrong", mend)
    return note("clock", words, mend) if off > limits.CLOCK_OFF_SECONDS else ok("clock", f"agrees with {whose}")


async def check_disk() -> list[Finding]:
    """Room, and who may read what is kept there."""
    return await asyncio.to_thread(_look_at_disk, settings())


def _look_at_disk(known: Settings) -> list[Finding]:
    folder = _existing(known.data_dir)
    if not os.access(folder, os.W_OK):
        return [failed("disk", f"{folder} cannot be written", "Give it to the user that the server runs as.")]
    free = shutil.disk_usage(folder).free
    words, mend = f"{free / _GB:.1f} GB are free in {known.data_dir}", "Make room, or give it a larger disk."
    found = [ok("disk", words)]
    if free < limits.DISK_FULL_BYTES:
        found = [failed("disk", words, mend)]
    elif free < limits.DISK_SMALL_BYTES:
        found = [note("disk", words, mend)]
    for kept in known.data_dir.glob("*secret_key"):
        if kept.stat().st_mode & 0o077:
            found.append(failed("disk", f"others may read {kept}", f"chmod 600 {kept}"))
    return found


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)


async def check_jobs() -> list[Finding]:
    """Whether some server does what one does for all."""
    if _has_no_file():
        return [unused("jobs", "no server has run here yet")]
    try:
        jobs = (await in_watch_thread(read_figures)).jobs
    except DatabaseUnavailable:
        return [unused("jobs", "the database cannot be read")]
    late = [job for job in jobs if is_late(job)]
    if not jobs:
        return [note("jobs", "no server has run on these books yet", "Start the server.")]
    if not late:
        return [ok("jobs", f"{len(jobs)} are done in time")]
    named = ", ".join(f"{job.name} ({job.error or 'no server does it'})" for job in late)
    return [note("jobs", f"late: {named}", "Does a server run? Its log says why a job fails.")]
