"""Taking the database away for a moment, from outside the process's own connections."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import psycopg

from projectloom import db

TABLES = ("turns", "holds", "ledger_accounts", "journal_entries")


class DatabaseTrouble:
    """On SQLite somebody else writes; on Postgres a table is locked, or every connection is broken off."""

    @asynccontextmanager
    async def away(self, dice: random.Random) -> AsyncIterator[None]:
        """Away while the block runs, and a moment longer."""
        lasting, table, restarts = dice.uniform(0.05, 0.4), dice.choice(TABLES), dice.random() < 0.4
        url = db.engine().url
        if url.drivername.startswith("sqlite"):
            with closing(sqlite3.connect(str(url.database), isolation_level=None, timeout=10)) as other:
                other.execute("BEGIN IMMEDIATE")
                yield
                await asyncio.sleep(lasting)
                other.execute("ROLLBACK")
            return
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        async with await psycopg.AsyncConnection.connect(address) as other:
            if restarts:
                ending = asyncio.create_task(self._break_off(other, lasting))
                yield
                await ending
                return
            await other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")  # pyright: ignore[reportArgumentType]
            yield
            await asyncio.sleep(lasting)
            await other.rollback()

    async def _break_off(self, other: psycopg.AsyncConnection, lasting: float) -> None:
        """Again and again, as a server that restarts and falls over."""
        for _ in range(4):
            await asyncio.sleep(lasting / 4)
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await other.commit()
