"""Migrations run on the database of the settings, or on a connection that the caller hands over."""

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import projectloom.accounts.models
import projectloom.assistants.agent_models
import projectloom.billing.models
import projectloom.conversations.models
import projectloom.ledger.models
import projectloom.mails.models
import projectloom.metering.models
import projectloom.operating.models  # noqa: F401 - the models register their tables
from alembic import context
from projectloom.config import settings
from projectloom.db import UtcDateTime, engine
from projectloom.jobs.schema import has_model

# Several servers may start at once; one of them migrates and the others find it done.
_LOCK_ID = 7_305_150_410_081


def _render_item(kind: str, item: object, _context: object) -> str | bool:
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """Migrate over one connection, within one transaction."""
    if connection.dialect.name == "postgresql":
        # A migration may take long, and waiting for another server's is right.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=False,
        render_item=_render_item,
        compare_type=True,
        compare_server_default=True,
        include_name=has_model,
    )
    context.run_migrations()


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    settings()
    with engine().begin() as own:
        run(own)
