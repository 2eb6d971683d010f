"""Bringing the database to this release's schema when a server starts."""

from alembic.config import Config

from alembic import command
from projectloom.config import PROJECT_ROOT


def has_model(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table is described by a model. The index of words is not: the migrations alone make it."""
    return kind != "table" or not (name or "").startswith("message_words")


def migrate(revision: str = "head") -> None:
    """Apply every migration that is missing. Servers that start at once wait for each other."""
    command.upgrade(Config(str(PROJECT_ROOT / "alembic.ini")), revision)
