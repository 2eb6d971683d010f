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
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (json_extract(body, '$.payment_intent'))
    WHERE json_extract(body, '$.payment_intent') IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (json_extract(body, '$.customer'))
    WHERE json_extract(body, '$.customer') IS NOT NULL;
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
CREATE TABLE IF NOT EXISTS refund_answers (
    refund_id TEXT PRIMARY KEY REFERENCES objects (id),
    confirmed INTEGER NOT NULL,
    due_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY,
    input_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    status INTEGER NOT NULL DEFAULT 200
);
CREATE TABLE IF NOT EXISTS control (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS api_faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    seconds REAL NOT NULL,
    remaining INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS provider_faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    asked TEXT NOT NULL,
    remaining INTEGER NOT NULL
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

    def __init__(self, path: Path, site: str = "") -> None:
        self.path = path
        self._site = site
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
            _catch_up(db)
            db.execute("INSERT OR REPLACE INTO control VALUES ('site', ?)", (self._site,))
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


def update_private(db: sqlite3.Connection, object_id: str, private: Mapping[str, Any]) -> None:
    """Replace what Stripe knows of an object and does not show."""
    db.execute("UPDATE objects SET private = ? WHERE id = ?", (json.dumps(private), object_id))


def find(db: sqlite3.Connection, kind: str, object_id: str) -> Kept | None:
    """The object of that kind and id."""
    row = db.execute("SELECT * FROM objects WHERE id = ? AND kind = ?", (object_id, kind)).fetchone()
    return _kept(row) if row else None


def newest(
    db: sqlite3.Connection,
    kind: str,
    *,
    where: str,
    values: tuple[object, ...],
    before: int | None,
    limit: int,
    after: int | None = None,
) -> list[Kept]:
    """Objects of a kind, newest first, older than the sequence number ``before``; or the next ones after ``after``.

    ``where`` is a condition in SQL written by the caller, never by a client; its values come apart.
    """
    order = "DESC" if after is None else "ASC"
    rows = db.execute(
        f"SELECT * FROM objects WHERE kind = ? AND seq < ? AND seq > ? AND ({where}) ORDER BY seq {order} LIMIT ?",  # noqa: S608
        (kind, before if before is not None else NEWER_THAN_ALL, after or 0, *values, limit),
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


def site(db: sqlite3.Connection) -> str:
    """Where a browser reaches the sandbox, without a trailing slash: the beginning of receipts' addresses."""
    return str(db.execute("SELECT value FROM control WHERE name = 'site'").fetchone()["value"])


def _catch_up(db: sqlite3.Connection) -> None:
    """Bring a file of an earlier version up to date."""
    columns = {row["name"] for row in db.execute("PRAGMA table_info(idempotency_keys)")}
    if "status" not in columns:
        db.execute("ALTER TABLE idempotency_keys ADD COLUMN status INTEGER NOT NULL DEFAULT 200")
        db.execute(
            "UPDATE objects SET body = json_set(body, '$.invoice_creation', json('{\"enabled\": false}'))"
            " WHERE kind = 'checkout.session'"
        )


def _kept(row: sqlite3.Row) -> Kept:
    return Kept(row["seq"], json.loads(row["body"]), json.loads(row["private"]))
