"""Where a group commit is written: one statement on Postgres, one writing transaction on SQLite.

A store keeps one connection with the session limits of :mod:`projectloom.db` and writes one flush at a time. What it
writes is an :class:`Operation`'s: judged for each item under its locks, nothing for one that is not done, and
repeatable, since the ids in an item are its maker's.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

import orjson
import psycopg
from psycopg import AsyncConnection, AsyncCursor
from sqlalchemy import Engine

from projectloom import limits
from projectloom.errors import DatabaseUnavailable

Item = TypeVar("Item", bound="HasAccount")


class HasAccount(Protocol):
    """What every item says of itself."""

    @property
    def user_id(self) -> str:
        """Whose books it changes: nobody else's."""
        ...


class Outcome(StrEnum):
    """What became of an item."""

    DONE = "done"
    """It is committed, now or when it was sent before."""
    GONE = "gone"
    """Somebody else had resolved what it was to resolve, otherwise. Nothing was written."""
    BUSY = "busy"
    """Somebody else holds one of its rows at this moment. Nothing was written; it is tried again a few times."""
    NOT_PLAIN = "not_plain"
    """It is for the slower path. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an item, and what its account has after its flush; None where it has no account."""

    outcome: Outcome
    entry_id: str | None = None
    """Of the journal entry that it made."""
    posted_nanos: int | None = None
    held_nanos: int | None = None


NOT_PLAIN = Answer(Outcome.NOT_PLAIN)
BUSY = Answer(Outcome.BUSY)
GONE = Answer(Outcome.GONE)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Item]):
    """One kind of write, on both engines."""

    function: str
    """The Postgres function that takes a JSON array of rows and answers (n, outcome, entry_id, posted_nanos,
    held_nanos) for each."""
    encode: Callable[[int, Item], Mapping[str, Any]]
    """The JSON row of an item, given its number, under which the function answers."""
    on_sqlite: Callable[[sqlite3.Connection, Item], Answer]
    """The same for one item within a transaction that writes. An exception undoes its whole flush."""
    alone: str | None = None
    """The function that does the same for an array of one, at less cost; None where there is none."""


@dataclass(slots=True, eq=False)
class Waiting:
    """An item that waits for its flush, and whoever waits for its answer."""

    number: int
    operation: Operation[Any]
    item: Any
    answer: asyncio.Future[Answer]
    tries: int = 0
    doubtful: bool = False
    """A connection broke while it was sent: whether it was written is not known."""


class Broken(Exception):
    """The connection broke before the answer came: what was sent may have been committed."""


class Refused(Exception):
    """The database refused the statement, and all of it is undone."""


class Store(Protocol):
    """One database, as flushes see it. Belongs to one event loop."""

    async def write(self, batch: Sequence[Waiting]) -> Mapping[int, Answer]:
        """Write and commit what can be; the answers by number.

        Raises:
            Broken, Refused.
            DatabaseUnavailable: nothing was sent.
        """
        ...

    def close(self) -> None:
        """Give the connection back. The next write opens another."""
        ...


@dataclass
class PostgresStore:
    """One connection in the event loop, and one statement for a flush, which commits by itself."""

    conninfo: Mapping[str, Any]
    _connection: AsyncConnection[Any] | None = None
    _cursor: AsyncCursor[Any] | None = None

    async def write(self, batch: Sequence[Waiting]) -> Mapping[int, Answer]:
        """As :class:`Store`."""
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for waiting in batch:
            encoded = waiting.operation.encode(waiting.number, waiting.item)
            rows.setdefault(waiting.operation.function, []).append(encoded)
        alone = {waiting.operation.function: waiting.operation.alone for waiting in batch}
        names = sorted(rows, reverse=True)
        called = [alone[name] or name if len(rows[name]) == 1 else name for name in names]
        # What is settled comes before what is opened, so that what it frees can be held.
        query = " UNION ALL ".join(f"SELECT * FROM {name}(%s)" for name in called)  # noqa: S608 - names of ours
        try:
            parameters = [orjson.dumps(rows[name]).decode() for name in names]
        except TypeError as error:
            # Half a character. Postgres would refuse it too.
            raise Refused from error
        cursor = await self._connected()
        connection = cursor.connection
        try:
            async with asyncio.timeout(limits.POSTGRES_STATEMENT_SECONDS + limits.POSTGRES_LOCK_SECONDS):
                await cursor.execute(query.encode(), parameters, prepare=True)
                found = await cursor.fetchall()
        except (psycopg.Error, TimeoutError) as error:
            if isinstance(error, TimeoutError) or connection.broken or connection.closed:
                self.close()
                raise Broken from error
            raise Refused from error
        except BaseException:
            self.close()
            raise
        return {row[0]: Answer(Outcome(row[1]), *row[2:]) for row in found}

    async def _connected(self) -> AsyncCursor[Any]:
        if self._cursor is not None and not self._cursor.connection.closed:
            return self._cursor
        try:
            connection: AsyncConnection[Any] = await AsyncConnection.connect(
                **self.conninfo, autocommit=True, connect_timeout=limits.POSTGRES_CONNECT_SECONDS
            )
        except psycopg.Error as error:
            raise DatabaseUnavailable from error
        self._connection = connection
        try:
            # What a function reads after its locks must be newer than they are.
            await connection.execute(
                "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false), "
                "set_config('default_transaction_isolation', 'read committed', false)",
                (f"{limits.POSTGRES_LOCK_SECONDS}s", f"{limits.POSTGRES_STATEMENT_SECONDS}s"),
            )
        except psycopg.Error as error:
            self.close()
            raise DatabaseUnavailable from error
        # Made once: it is used by one flush at a time.
        self._cursor = connection.cursor()
        return self._cursor

    def close(self) -> None:
        """Close the connection without waiting for the server."""
        if self._connection is not None:
            self._connection.pgconn.finish()
            self._connection = self._cursor = None


@dataclass
class SqliteStore:
    """One connection in a thread of its own, and one writing transaction for a flush."""

    path: str
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="group-commit")
    )
    _connection: sqlite3.Connection | None = None

    async def write(self, batch: Sequence[Waiting]) -> Mapping[int, Answer]:
        """As :class:`Store`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch)

    def _write(self, batch: Sequence[Waiting]) -> Mapping[int, Answer]:
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            raise DatabaseUnavailable from error
        try:
            answers = {
                waiting.number: waiting.operation.on_sqlite(connection, waiting.item)
                for waiting in sorted(batch, key=lambda waiting: waiting.operation.function, reverse=True)
            }
        except sqlite3.OperationalError as error:
            # Full, or a disk that fails: nothing of it is kept.
            self._undo(connection)
            raise DatabaseUnavailable from error
        except Exception as error:
            self._undo(connection)
            raise Refused from error
        try:
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._undo(connection)
            raise Broken from error
        return answers

    def _undo(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.DatabaseError):
            connection.execute("ROLLBACK")
            return
        connection.close()
        self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self.path, timeout=limits.SQLITE_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # As the engine's own connections have them.
            for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the connection once what it is at is done."""
        with suppress(RuntimeError):
            self._thread.submit(self._forget)
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group-commit")

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def stores_of(engine: Engine) -> list[Store]:
    """The stores for an engine's database: as many as may write at once."""
    if engine.dialect.name == "postgresql":
        _, conninfo = engine.dialect.create_connect_args(engine.url)
        return [PostgresStore(conninfo) for _ in range(limits.QUICK_LANES)]
    return [SqliteStore(engine.url.database or "")]
