"""One person on one or two real servers: their credit, their replies, and their books read beside the servers."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlmodel import col, select, update

from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.ids import new_id
from projectloom.jobs.audit import report
from projectloom.ledger.accounts import Balances, credits_address, read_balances
from projectloom.ledger.credits import grant
from projectloom.ledger.models import Hold, HoldState
from projectloom.metering.models import OPEN_STATES, Turn, UsageRecord
from projectloom.operating.audit import audit
from tests.conftest import forget_settings, fresh_database
from tests.journeys.held_provider import MODEL
from tests.live import LiveServer
from tests.zygote import Zygote

WAIT_SECONDS = 20


@contextmanager
def shared_database(
    request: pytest.FixtureRequest, engine: str, folder: Path, more: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """A fresh database that this process reads beside the servers; the environment for a server on it."""
    with fresh_database(request, engine, folder) as environment, pytest.MonkeyPatch.context() as patch:
        # Without the sandbox SQLite's file has another name.
        file = f"sqlite:///{folder / 'projectloom-sandbox.db'}"
        whole = {"DATABASE_URL": file, **environment, **more}
        for name, value in whole.items():
            patch.setenv(name, value)
        forget_settings()
        yield whole
        forget_settings()


class Chatter:
    """Somebody with some credit, signed in at every server."""

    def __init__(self, *servers: LiveServer, nanos: int) -> None:
        self.servers = servers
        email = f"{new_id('p').lower()}@example.org"
        first = servers[0].sign_up(email, mode="credits")
        self.clients = [first, *(server.client(cookies=first.cookies) for server in servers[1:])]
        with transaction() as session:
            user = find_user(session, email=email)
            assert user is not None
            self.id, self.given = user.id, nanos
            grant(session, user_id=user.id, reason=new_id("gift"), amount_nanos=nanos)

    def ask(self, client: httpx.Client | None = None, **more: Any) -> httpx.Response:
        """Begin a reply and read nothing of it: the refusal, or a stream that is left at once."""
        body = {"messages": [{"role": "user", "content": "Hello there"}], "model": MODEL, **more}
        with (client or self.clients[0]).stream("POST", "/api/chat", json=body) as answer:
            if answer.status_code != 200:
                answer.read()
            return answer

    def turn(self) -> Turn:
        """The only turn there is."""
        with reading() as session:
            return session.exec(select(Turn).where(Turn.user_id == self.id)).one()

    def await_turn(self, what: str, condition: Any) -> Turn:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            turn = self.turn()
            if condition(turn):
                return turn
            assert time.monotonic() < deadline, f"{what}: {turn!r}"
            time.sleep(0.02)

    def await_checkpoint(self, text: str) -> Turn:
        """Wait until the turn's row has this text."""
        return self.await_turn("no checkpoint", lambda turn: turn.text == text)

    def await_end(self) -> Turn:
        return self.await_turn("the turn does not end", lambda turn: turn.state not in OPEN_STATES)

    def let_the_lease_run_out(self) -> None:
        """What waiting would do."""
        with transaction() as session:
            session.connection().execute(update(Turn).where(col(Turn.user_id) == self.id).values(lease_until=now()))

    def watch(self) -> tuple[str, dict[str, Any]]:
        """The reply's text and its receipt, as a tab that is opened now gets them."""
        stream = self.clients[0].get(f"/api/turns/{self.turn().id}/stream", timeout=WAIT_SECONDS).raise_for_status()
        parts = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
        text = "".join(part["delta"] for part in parts if part["type"] == "text-delta")
        return text, parts[-1]["messageMetadata"]

    @property
    def balances(self) -> Balances:
        with reading() as session:
            found = read_balances(session, user_id=self.id)
        assert found is not None
        return found

    def check_books(self) -> int:
        """No credit below nothing, all holds resolved, every charge accounted for; what was charged."""
        with reading() as session:
            records = session.exec(select(UsageRecord).where(UsageRecord.user_id == self.id)).all()
            query = select(Hold.state, Hold.captured_nanos).where(Hold.account_id == credits_address(self.id))
            states = session.exec(query).all()
        charged = sum(record.charged_nanos for record in records)
        assert all(state in (HoldState.CAPTURED, HoldState.VOIDED) for state, _ in states)
        assert sum(captured for _, captured in states) == charged
        found = self.balances
        assert (found.posted_nanos, found.held_nanos) == (self.given - charged, 0)
        proven = audit(full=True)
        assert proven.holds, report(proven.checks)
        return charged


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Keep everybody from writing (SQLite), or from changing the rows of one table (Postgres), while the block runs."""
    url = db.engine().url
    if url.drivername.startswith("sqlite"):
        with closing(sqlite3.connect(str(url.database), isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(_address()) as other:
        other.execute(f"SELECT id FROM {what} FOR UPDATE")  # pyright: ignore[reportArgumentType]
        yield
        other.rollback()


def await_waiter() -> None:
    """Wait until somebody waits for a lock. SQLite cannot tell; there it is waited as long as a writer needs."""
    url = db.engine().url
    if url.drivername.startswith("sqlite"):
        time.sleep(1.3)
        return
    deadline = time.monotonic() + WAIT_SECONDS
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(_address(), autocommit=True) as other:
        while not (other.execute(query).fetchone() or (0,))[0]:
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)


def _address() -> str:
    return db.engine().url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def servers(environment: dict[str, str], zygote: Zygote, count: int = 1) -> Iterator[list[LiveServer]]:
    """So many processes on one database."""
    started: list[LiveServer] = []
    try:
        for _ in range(count):
            started.append(LiveServer(environment, zygote))
            started[-1].start()
        yield started
    finally:
        for server in started:
            server.__exit__()
