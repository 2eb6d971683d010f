"""The one place that commits: all or nothing, trouble told as such, and no parameter in any message."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, InternalError, StatementError
from sqlmodel import col, select

from projectloom import db, limits
from projectloom.accounts.models import User
from projectloom.accounts.users import create_user
from projectloom.config import settings
from projectloom.db import insert_once, reading, transaction
from projectloom.errors import DatabaseUnavailable
from projectloom.ledger.models import JournalEntry

PRIVATE = "a-private-prompt"


def emails() -> list[str]:
    with reading() as session:
        return list(session.exec(select(User.email)).all())


def test_a_block_that_raises_writes_nothing(books: Engine):
    def fail_halfway() -> None:
        with transaction() as session:
            create_user(session, email="ada@example.org", password_hash=None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert emails() == []


def test_what_is_only_read_is_never_committed(books: Engine):
    def write_while_reading() -> None:
        with reading() as session:
            create_user(session, email="ada@example.org", password_hash=None)

    # Postgres refuses; SQLite takes the row and gives it back at the end.
    with suppress(InternalError):
        write_while_reading()
    assert emails() == []


def test_a_broken_invariant_raises_loudly_but_tells_no_parameter(books: Engine):
    with pytest.raises(IntegrityError) as raised, transaction() as session:
        session.connection().execute(
            text("INSERT INTO messages (id, text, conversation_id) VALUES ('m', :text, 'none')"), {"text": PRIVATE}
        )
    assert PRIVATE not in str(raised.value).partition("DETAIL")[0]
    assert raised.value.hide_parameters


def test_a_missing_table_is_a_database_that_is_not_there(books: Engine):
    with pytest.raises(DatabaseUnavailable), reading() as session:
        session.connection().execute(text("SELECT * FROM nowhere"))


def test_a_file_that_is_no_database_is_told_as_unavailable():
    settings().data_dir.mkdir(parents=True)
    Path(settings().sql_url.removeprefix("sqlite:///")).write_bytes(b"not a database " * 1_000)
    with pytest.raises(DatabaseUnavailable), transaction() as session:
        session.connection().execute(text("SELECT 1"))


def test_a_database_where_nobody_listens_is_told_as_unavailable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.cache_clear()
    with pytest.raises(DatabaseUnavailable), transaction() as session:
        session.connection()
    with pytest.raises(DatabaseUnavailable), reading() as session:
        session.connection()


def test_a_pool_without_a_free_connection_is_told_in_time(books: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "POOL_SIZE", 1)
    monkeypatch.setattr(limits, "POOL_TIMEOUT_SECONDS", 0.2)
    books.dispose()
    db.engine.cache_clear()
    with reading() as outer:
        outer.connection()
        with pytest.raises(DatabaseUnavailable), reading() as inner:
            inner.connection()


@pytest.mark.parametrize("books", ["sqlite"], indirect=True)
def test_a_sqlite_that_somebody_else_writes_to_is_told_as_unavailable_and_can_still_be_read(
    books: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "SQLITE_BUSY_SECONDS", 0.2)
    db.engine.cache_clear()
    with books.begin():
        with pytest.raises(DatabaseUnavailable), transaction() as session:
            session.connection()
        with reading() as session:
            assert session.connection().execute(text("SELECT 1")).scalar() == 1
    books.dispose()


def test_of_ten_inserts_of_one_key_at_once_one_happens(books: Engine):
    def insert(number: int) -> bool:
        values = JournalEntry(id=f"je_{number}", kind="grant", idempotency_key="k", input_hash="h", cause="c")
        with transaction() as session:
            return insert_once(session, JournalEntry, values.model_dump(), key=["idempotency_key"])

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(insert, range(10))) == 1


def test_times_come_back_aware_and_the_same_and_naive_ones_are_refused(books: Engine):
    moment = datetime(2028, 2, 29, 23, 59, 59, 123_456, tzinfo=timezone(timedelta(hours=-11)))
    with transaction() as session:
        user = create_user(session, email="ada@example.org", password_hash=None)
        session.get_one(User, user.id).created_at = moment
    with reading() as session:
        (found,) = session.exec(select(User).where(col(User.created_at) == moment)).all()
    assert found.created_at == moment
    assert found.created_at.tzinfo is UTC
    with pytest.raises(StatementError), transaction() as session:
        session.get_one(User, user.id).created_at = moment.replace(tzinfo=None)
