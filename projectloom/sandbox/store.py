"""What the Stripe stand-in remembers: one SQLite file of its own, beside the product's database.

A service outside would survive ``kill -9`` of this server, so its stand-in commits every answer before giving it.
Objects are kept as the JSON that Stripe would show, beside what Stripe knows but does not show (``private``); new kinds
of object need no new table.
"""

import json
import secrets
import sqlite3
import string
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projectloom.clock import now

BUSY_SECONDS = 10.0
IDEMPOTENCY_SECONDS = 24 * 3_600

NEWER_THAN_ALL = 1 << 62

_BASE62 = string.digits + string.ascii_letters

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    private TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS open_sessions ON objects (json_extract(body, '$.expires_at'))
    WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open';
CREATE TABLE IF NOT EXISTS deliveries (
    event_id TEXT PRIMARY KEY REFERENCES objects (id),
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given_up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL,
    claimed_until REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS pending_deliveries ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS delivery_attempts (
    event_id TEXT NOT NULL REFERENCES deliveries (event_id),
    attempted_at REAL NOT NULL,
    status_code INTEGER,
    problem TEXT
);
CREATE TABLE IF NOT EXISTS bank_answers (
    session_id TEXT PRIMARY KEY REFERENCES objects (id),
    confirmed INTEGER NOT NULL,
    due_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY,
    input_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One stored object: what Stripe shows of it, and what it does not."""

    seq: int
    body: dict[str, Any]
    private: dict[str, Any]


class Store:
    """The open file. Connects at first use, so that a process which only builds pages touches no disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """One writer at a time, in this process and any other: all of it is committed, or none."""
        with self._lock:
            db = self._connected()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def close(self) -> None:
        """Close the file. The next transaction opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.executescript(_SCHEMA)
            self._connection = db
        return self._connection


def timestamp() -> float:
    """The current moment in seconds since 1970, as Stripe counts."""
    return now().timestamp()


def stripe_id(prefix: str, length: int = 24) -> str:
    """A fresh id as Stripe's look, such as ``evt_`` and 24 letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(_BASE62) for _ in range(length))


def insert(db: sqlite3.Connection, body: Mapping[str, Any], private: Mapping[str, Any] | None = None) -> None:
    """Keep a new object; its ``id``, ``object`` and ``created`` are read from the body."""
    db.execute(
        "INSERT INTO objects (id, kind, created, body, private) VALUES (?, ?, ?, ?, ?)",
        (body["id"], body["object"], body["created"], json.dumps(body), json.dumps(private or {})),
    )


def update(db: sqlite3.Connection, body: Mapping[str, Any]) -> None:
    """Replace what Stripe shows of an object."""
    db.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))


def find(db: sqlite3.Connection, kind: str, object_id: str) -> Kept | None:
    """The object of that kind and id."""
    row = db.execute("SELECT * FROM objects WHERE id = ? AND kind = ?", (object_id, kind)).fetchone()
    return _kept(row) if row else None


def newest(
    db: sqlite3.Connection, kind: str, *, where: str, values: tuple[object, ...], before: int | None, limit: int
) -> list[Kept]:
    """Objects of a kind, newest first, older than the sequence number ``before``.

    ``where`` is a condition in SQL written by the caller, never by a client; its values come apart.
    """
    rows = db.execute(
        f"SELECT * FROM objects WHERE kind = ? AND seq < ? AND ({where}) ORDER BY seq DESC LIMIT ?",  # noqa: S608
        (kind, before if before is not None else NEWER_THAN_ALL, *values, limit),
    )
    return [_kept(row) for row in rows]


def expired_sessions(db: sqlite3.Connection, moment: float) -> list[Kept]:
    """Open checkout sessions past their time."""
    rows = db.execute(
        "SELECT * FROM objects WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open'"
        " AND json_extract(body, '$.expires_at') <= ?",
        (moment,),
    )
    return [_kept(row) for row in rows.fetchall()]


@dataclass(frozen=True, slots=True)
class Replay:
    """The first answer to an idempotency key."""

    input_hash: str
    answer: dict[str, Any]
    request_id: str


def replay(db: sqlite3.Connection, key: str) -> Replay | None:
    """What was answered to this idempotency key in the last 24 hours."""
    db.execute("DELETE FROM idempotency_keys WHERE created_at < ?", (timestamp() - IDEMPOTENCY_SECONDS,))
    row = db.execute("SELECT * FROM idempotency_keys WHERE key = ?", (key,)).fetchone()
    return Replay(row["input_hash"], json.loads(row["answer"]), row["request_id"]) if row else None


def remember(db: sqlite3.Connection, key: str, first: Replay) -> None:
    """Keep the first answer to an idempotency key."""
    db.execute(
        "INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?)",
        (key, first.input_hash, json.dumps(first.answer), first.request_id, timestamp()),
    )


def _kept(row: sqlite3.Row) -> Kept:
    return Kept(row["seq"], json.loads(row["body"]), json.loads(row["private"]))
