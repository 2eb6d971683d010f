"""Bringing the database to this release's schema when a server starts."""

from alembic.config import Config

from alembic import command
from projectloom.config import PROJECT_ROOT


def migrate(revision: str = "head") -> None:
    """Apply every migration that is missing. Servers that start at once wait for each other."""
    command.upgrade(Config(str(PROJECT_ROOT / "alembic.ini")), revision)
