"""The database: engines, and the only place that commits.

SQLite (WAL, one writer at a time, ``BEGIN IMMEDIATE``) and Postgres (psycopg, ``READ COMMITTED``) serve the same
models. :func:`transaction` is for floor 2, which opens one per decision and never holds it across a network call;
floor 1 takes its ``session`` and commits nothing. Trouble with the database itself becomes ``DatabaseUnavailable``.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, ParamSpec, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Index,
    Integer,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from projectloom import limits
from projectloom.clock import now
from projectloom.config import settings
from projectloom.errors import DatabaseUnavailable
from projectloom.instruments import DATABASE_TROUBLE

P = ParamSpec("P")
T = TypeVar("T")

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

NanosColumn = BigInteger
# SQLite numbers rows by itself only in a column declared INTEGER.
SerialColumn = BigInteger().with_variant(Integer, "sqlite")

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_UNDEFINED_TABLE = "42P01"

_doors = ThreadPoolExecutor(max_workers=limits.DOOR_THREADS, thread_name_prefix="door")
_meter = ThreadPoolExecutor(max_workers=limits.METER_THREADS, thread_name_prefix="meter")
_watch = ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch")
_sign_in = ThreadPoolExecutor(max_workers=limits.SIGN_IN_THREADS, thread_name_prefix="sign-in")


def partial_index(name: str, *columns: str, where: str) -> Index:
    """An index of the rows for which ``where`` holds, on both engines. A query says the same words to be served by it.

    SQLite believes literals only, so such a query binds no parameters for them.
    """
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC on both engines. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; store UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """An aware UTC time, whatever the engine returned."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> Engine:
    """An engine for one database with every setting that the books rely on.

    Parameters are hidden: an error of a statement is logged, and prompts, hashes and sealed keys are parameters.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url,
            pool_size=limits.POOL_SIZE,
            max_overflow=0,
            pool_timeout=limits.POOL_TIMEOUT_SECONDS,
            connect_args={"timeout": limits.SQLITE_BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_size=limits.POOL_SIZE,
        max_overflow=0,
        pool_timeout=limits.POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": limits.POSTGRES_CONNECT_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: Any) -> None:
    # Nothing may wait without an end: one stuck lock would otherwise take every thread with it.
    waits = {
        "lock_timeout": limits.POSTGRES_LOCK_SECONDS,
        "statement_timeout": limits.POSTGRES_STATEMENT_SECONDS,
        "idle_in_transaction_session_timeout": limits.POSTGRES_IDLE_SECONDS,
    }
    for name, seconds in waits.items():
        connection.execute(f"SET {name} = '{seconds}s'")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: whether one may write is decided in _begin_sqlite.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # A transaction that reads first and writes later would fail with SQLITE_BUSY when another wrote in between.
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this process."""
    config_url = settings().sql_url
    if config_url.startswith("sqlite"):
        settings().data_dir.mkdir(parents=True, exist_ok=True)
    return make_engine(config_url)


def pool_use() -> tuple[int, int]:
    """How many of this process's connections are in use, and how many there may be."""
    pool = cast(QueuePool, engine().pool)
    return pool.checkedout(), limits.POOL_SIZE


@contextmanager
def transaction() -> Generator[Session]:
    """One database transaction that commits when the block ends and rolls back when it raises.

    Raises:
        DatabaseUnavailable: locked, full, restarting, or no connection within the pool's time.
    """
    with _translated(), Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading() -> Generator[Session]:
    """A transaction that only reads, on one snapshot; on SQLite it waits for no writer.

    Raises:
        DatabaseUnavailable: as :func:`transaction`.
    """
    options: dict[str, Any] = {"read_only": True}
    if engine().dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with (
        _translated(),
        engine().connect().execution_options(**options) as connection,
        Session(connection, expire_on_commit=False, autoflush=False) as session,
    ):
        yield session


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        DATABASE_TROUBLE.labels("pool" if isinstance(error, PoolTimeoutError) else "database").inc()
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_broken(error):
            DATABASE_TROUBLE.labels("database").inc()
            raise DatabaseUnavailable from error
        raise


def _is_broken(error: DBAPIError) -> bool:
    # SQLite says of a missing table that it is an operational error, and of a file that is no database just "error".
    return type(error) is DatabaseError or getattr(error.orig, "sqlstate", None) == _UNDEFINED_TABLE


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a door's use case, which talks to the database, without blocking the event loop.

    Once it has begun it runs to its end, even if the awaiting task is cancelled.

    Raises:
        DatabaseUnavailable: no thread was free within the named time; the function was not called.
    """
    return await _run(_doors, partial(function, *args, **kwargs))


async def in_meter_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As :func:`in_thread`, in the threads that are kept for running replies."""
    return await _run(_meter, partial(function, *args, **kwargs))


async def in_watch_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As :func:`in_thread`, in the one thread that looks how this server is: a crowd at the doors does not blind it."""
    return await _run(_watch, partial(function, *args, **kwargs))


async def in_sign_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As :func:`in_thread`, in the few threads that hash passwords: a crowd at the sign-in holds up nobody else."""
    return await _run(_sign_in, partial(function, *args, **kwargs))


async def _run(executor: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    future = executor.submit(call)
    # Cancelling does nothing once the call has begun.
    timer = asyncio.get_running_loop().call_later(limits.THREAD_WAIT_SECONDS, future.cancel)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if future.cancelled() and task is not None and not task.cancelling():
            DATABASE_TROUBLE.labels("thread").inc()
            raise DatabaseUnavailable from None
        raise
    finally:
        timer.cancel()


def database_now(session: Session) -> datetime:
    """The database's own clock, which decides what has run out where several machines share it."""
    if session.get_bind().dialect.name == "postgresql":
        return session.connection().execute(select(func.clock_timestamp())).scalar_one()
    return now()


def lock_name(session: Session, name: str) -> None:
    """Until the caller's transaction ends, nobody else gets past this with the same name: for what has no row yet.

    Take it before any row. On SQLite a writing transaction is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def insert_once(session: Session, model: type[SQLModel], values: Mapping[str, Any], *, key: Sequence[str]) -> bool:
    """Insert one row unless a row with the same ``key`` columns exists; whether it was inserted.

    On Postgres this waits for a concurrent insert of the same key to commit or roll back: after ``False`` the other row
    can be read.
    """
    dialect = session.get_bind().dialect.name
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    table = cast(Table, inspect(model).local_table)
    statement = make(table).values(**values).on_conflict_do_nothing(index_elements=list(key))
    # Drivers do not agree on the row count of such an insert; what it returned says whether there was one.
    return session.connection().execute(statement.returning(table.c[key[0]])).first() is not None
