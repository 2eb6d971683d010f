"""Bringing the database to this release's schema when a server starts."""

import subprocess
import sys

from projectloom.config import PROJECT_ROOT
from projectloom.operating.readiness import newest_revision, schema_revision


def has_model(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table is described by a model. The index of words is not: the migrations alone make it."""
    return kind != "table" or not (name or "").startswith("message_words")


def bring_up_to_date() -> None:
    """Apply every migration that is missing, in a process of its own: what that takes, a server never needs again.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
        subprocess.CalledProcessError: a migration failed, as that process has said. Nothing of it is kept.
    """
    if schema_revision() != newest_revision():
        subprocess.run([sys.executable, "-m", __name__], cwd=PROJECT_ROOT, check=True)  # noqa: S603 - a module of ours


def migrate(revision: str = "head") -> None:
    """Apply every migration that is missing. Servers that start at once wait for each other."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    from alembic import command  # noqa: PLC0415 - see above

    command.upgrade(Config(str(PROJECT_ROOT / "alembic.ini")), revision)


if __name__ == "__main__":
    migrate()
