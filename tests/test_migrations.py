"""The schema of the migrations is the schema of the models, on both engines, and every step can be taken back."""

import subprocess

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from alembic import command
from projectloom.config import PROJECT_ROOT
from projectloom.db import transaction
from projectloom.jobs.schema import bring_up_to_date, has_model, migrate
from projectloom.operating.readiness import newest_revision, schema_revision

ALEMBIC = Config(str(PROJECT_ROOT / "alembic.ini"))


def schema(engine: Engine) -> dict[str, list[str]]:
    found = inspect(engine)
    return {name: sorted(column["name"] for column in found.get_columns(name)) for name in found.get_table_names()}


def triggers(engine: Engine) -> set[str]:
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        if engine.dialect.name == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with engine.connect() as connection:
        return {row[0] for row in connection.execute(text(query))}


def platform_accounts(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id FROM ledger_accounts WHERE kind = 'platform' ORDER BY id"))
        return [row[0] for row in rows]


def test_down_to_nothing_and_up_again_ends_where_it_began(books: Engine):
    tables, guards, accounts = schema(books), triggers(books), platform_accounts(books)
    assert guards
    assert accounts == ["platform:breakage", "platform:earnings", "platform:promotions", "stripe:clearing"]
    command.downgrade(ALEMBIC, "base")
    assert set(schema(books)) <= {"alembic_version"}
    assert triggers(books) == set()
    migrate()
    assert (schema(books), triggers(books), platform_accounts(books)) == (tables, guards, accounts)


def test_a_second_migration_changes_nothing(books: Engine):
    tables = schema(books)
    migrate()
    assert schema(books) == tables


def test_a_server_brings_its_database_up_to_date_in_another_process_and_only_where_it_is_not(
    books: Engine, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    tables = schema(books)
    assert newest_revision() == ScriptDirectory.from_config(ALEMBIC).get_current_head() == schema_revision()
    command.downgrade(ALEMBIC, "base")
    bring_up_to_date()
    assert schema(books) == tables
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", None)
        bring_up_to_date()
    with transaction() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(subprocess.CalledProcessError):
        bring_up_to_date()
    assert "9999" in capfd.readouterr().err


def test_the_models_and_the_migrations_have_not_drifted_apart(books: Engine):
    with books.connect() as connection:
        told = {"compare_type": True, "compare_server_default": True, "include_name": has_model}
        context = MigrationContext.configure(connection, opts=told)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_there_is_one_newest_migration():
    assert len(ScriptDirectory.from_config(ALEMBIC).get_heads()) == 1
