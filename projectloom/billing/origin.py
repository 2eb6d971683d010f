"""Whose money the books are about: play money must never meet live keys, in either direction.

The first start stamps the database. A server that would bring the other kind of money to it refuses to start: credit
that the sandbox sold is worth nothing, and a sandbox on real books would sell credit for nothing.
"""

from sqlmodel import select

from projectloom.billing.models import BooksStamp
from projectloom.config import ConfigurationError, settings
from projectloom.db import insert_once, transaction

_ONLY = 1


def stamp_books() -> None:
    """Stamp new books, and check the stamp of known ones.

    Raises:
        ConfigurationError: the books are about the other kind of money.
    """
    money = "play" if settings().sandbox_on else "real"
    with transaction() as session:
        insert_once(session, BooksStamp, BooksStamp(id=_ONLY, money=money).model_dump(), key=["id"])
        stamped = session.exec(select(BooksStamp.money).where(BooksStamp.id == _ONLY)).one()
    if stamped == money:
        return
    if stamped == "play":
        raise ConfigurationError(
            "ProjectLoom cannot start with the sandbox off on this database: the credit in it was sold for play money. "
            "Use another database (DATABASE_URL or LOOM_DATA_DIR), or unset the live keys."
        )
    raise ConfigurationError(
        "ProjectLoom cannot start as a sandbox on this database: the credit in it is real, and the sandbox would sell "
        "more of it for play money. Is .env missing? Set the live keys again, or LOOM_SANDBOX=off."
    )
