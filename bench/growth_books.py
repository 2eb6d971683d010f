"""Books with a long history, made by SQL over whole sets: rows as the product writes them, which its audit proves.

Every reply costs the same, and who asked for it follows from its number, so that each running balance is known without
reading what came before. One person in it has a tenth of all replies; the others share the rest.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

PEOPLE = 1_000
HEAVY_EVERY = 10
BATCH = 100_000
YEARS = 2
CHARGE_NANOS = 200_000
HELD_NANOS = 2_000_000
GRANT_NANOS = 10**16

# Ids sort by time: the first ten characters are its milliseconds in Crockford's base 32 (projectloom/ids.py).
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION pg_temp.stamp(ms bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT {" || ".join(f"substr('{_DIGITS}', ((ms >> {shift}) & 31)::int + 1, 1)" for shift in range(45, -1, -5))} $$;
CREATE OR REPLACE FUNCTION pg_temp.id_of(prefix text, at timestamptz, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT prefix || '_' || pg_temp.stamp(floor(extract(epoch FROM at) * 1000)::bigint) || lpad(n::text, 16, '0') $$;
CREATE OR REPLACE FUNCTION pg_temp.person(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT 'usr_' || lpad(n::text, 26, '0') $$;
"""  # noqa: E501 - one line for each function's head

_PEOPLE = Path(__file__).with_name("growth_people.sql").read_bytes()
_REPLIES = Path(__file__).with_name("growth_replies.sql").read_bytes()


@dataclass(frozen=True, slots=True)
class History:
    """Where a history lies in time; its replies are numbered from 0."""

    begun: datetime
    ended: datetime
    replies: int


def heavy_person() -> str:
    """The id of the person with a tenth of all replies."""
    return "usr_" + "1".rjust(26, "0")


def write_history(url: str, *, postings: int, ended: datetime) -> History:
    """Fill empty, migrated books of one's own with so many postings, two for each reply."""
    history = History(ended - timedelta(days=365 * YEARS), ended, replies=postings // 2)
    step = (history.ended - history.begun) / history.replies
    with _owner(url) as connection:
        with connection.transaction():
            connection.execute(_PEOPLE, {"start": history.begun, "people": PEOPLE, "grant": GRANT_NANOS})
        for first in range(0, history.replies, BATCH):
            last = min(first + BATCH, history.replies) - 1
            _write(connection, history, first=first, last=last, origin=0, start=history.begun, step=step)
        connection.execute("VACUUM (ANALYZE)")
    return history


def add_replies(url: str, history: History, *, count: int, ended: datetime) -> None:
    """So many replies after a history, the last of them just before ``ended``."""
    step = timedelta(milliseconds=100)
    last = history.replies + count - 1
    with _owner(url) as connection:
        start = ended - count * step
        _write(connection, history, first=history.replies, last=last, origin=history.replies, start=start, step=step)


def _write(
    connection: psycopg.Connection,
    history: History,
    *,
    first: int,
    last: int,
    origin: int,
    start: datetime,
    step: timedelta,
) -> None:
    values: dict[str, object] = {
        "first": first,
        "last": last,
        "origin": origin,
        "start": start,
        "step": step,
        "begun": history.begun,
        "people": PEOPLE,
        "every": HEAVY_EVERY,
        "charge": CHARGE_NANOS,
        "held": HELD_NANOS,
        "grant": GRANT_NANOS,
    }
    with connection.transaction():
        connection.execute(_REPLIES, values)


def _owner(url: str) -> psycopg.Connection:
    """A connection on which nothing but the indexes and checks is looked at, and no commit waits for the disk."""
    connection = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)
    # As a replica a server runs no triggers, and foreign keys are triggers; the audit proves what they would refuse.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    connection.execute(_FUNCTIONS.encode())
    return connection
