"""A long history of conversations, and its reads timed in a process of its own: ``python -m bench.lists_reads COUNT``.

The database is named by the environment, as for the server. Prints times in milliseconds as JSON.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from projectloom import limits
from projectloom.accounts.users import create_user
from projectloom.conversations.models import Conversation, Message
from projectloom.db import engine, transaction
from projectloom.ids import new_id
from projectloom.jobs.schema import migrate
from projectloom.workspace.chats import read_page, search

READS = 21
MESSAGES = 10
MESSAGE_BYTES = 600

_WORDS = 6_000
_RARE_EVERY = 4_000
_AT_ONCE = 500


def main() -> None:
    """Write and read in the database that the environment names; prints times in milliseconds as JSON."""
    count = int(sys.argv[1])
    migrate()
    person = _history(count)
    _history(count // 2)
    second = read_page(person).more
    far = _far_down(person, count // 2)
    json.dump(
        {
            "first page of the list": _times(lambda: read_page(person)),
            "next page": _times(lambda: read_page(person, after=second)),
            "page in the middle": _times(lambda: read_page(person, after=far)),
            "search of a rare word": _times(lambda: search(person, "xylophone")),
            "search of a common word": _times(lambda: search(person, "common")),
            "search of a word in every second message": _times(lambda: search(person, "often")),
            "search of a beginning": _times(lambda: search(person, "wo")),
            "search of three words": _times(lambda: search(person, "common often word12")),
            "search of a word that nobody wrote": _times(lambda: search(person, "quetzal")),
            "search of a word that only others wrote": _times(lambda: search(person, _mark(count // 2))),
            "search of signs": _times(lambda: search(person, "(%)")),
        },
        sys.stdout,
    )


def _far_down(person: str, lines: int) -> str:
    page = read_page(person)
    for _ in range(lines // limits.CONVERSATIONS_PAGE - 1):
        page = read_page(person, after=page.more)
    return page.more


def _mark(count: int) -> str:
    """A word in every message of the history that is so long."""
    return f"mark{count}x"


def _history(count: int) -> str:
    """A person with so many conversations, the latest of now; their id."""
    chance = random.Random(count)
    with transaction() as session:
        person = create_user(session, email=f"{new_id('p').lower()}@bench.example", password_hash=None).id
    begun = datetime.now(UTC) - timedelta(minutes=10 * count)
    for first in range(0, count, _AT_ONCE):
        talks = [_talk(chance, person, number, begun) for number in range(first, min(first + _AT_ONCE, count))]
        said = [_message(chance, talk, place, count) for talk in talks for place in range(MESSAGES)]
        with transaction() as session:
            session.connection().execute(insert(Conversation), talks)
            session.connection().execute(insert(Message), said)
    if engine().dialect.name == "postgresql":
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return person


def _talk(chance: random.Random, person: str, number: int, begun: datetime) -> dict[str, Any]:
    moment = begun + timedelta(minutes=10 * number)
    title = f"Talk {number} on {_word(chance)}"
    named = {"id": new_id("conv"), "user_id": person, "title": title, "title_by": "person"}
    return named | {"created_at": moment, "updated_at": moment}


def _message(chance: random.Random, talk: dict[str, Any], place: int, count: int) -> dict[str, Any]:
    role, words = ("assistant" if place % 2 else "user"), _said(chance, count)
    return {
        "id": new_id("msg"),
        "conversation_id": talk["id"],
        "role": role,
        "text": words,
        "created_at": talk["created_at"],
    }


def _word(chance: random.Random) -> str:
    # Some words are said far more often than others, as in any language.
    return f"word{int(_WORDS * chance.random() ** 3)}"


def _said(chance: random.Random, count: int) -> str:
    words = ["common", _mark(count)]
    if chance.random() < 0.5:
        words.append("often")
    if chance.randrange(_RARE_EVERY) == 0:
        words.append("xylophone")
    size = sum(len(word) + 1 for word in words)
    while size < MESSAGE_BYTES:
        words.append(_word(chance))
        size += len(words[-1]) + 1
    return " ".join(words)


def _times(act: Callable[[], object]) -> list[float]:
    times: list[float] = []
    for _ in range(READS):
        begun = time.perf_counter()
        act()
        times.append((time.perf_counter() - begun) * 1_000)
    return times


if __name__ == "__main__":
    main()
