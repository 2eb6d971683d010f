"""Lets a person have spent credit on one reply, with all its rows: ``python -m tests.browser.spend EMAIL CENTS``."""

import sys

# A turn names a conversation, whose table must be known here.
import projectloom.conversations.models  # noqa: F401
from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.money import from_cents
from tests.spending import spend


def main(email: str, cents: str) -> None:
    with db.reading() as session:
        user = find_user(session, email=email)
    assert user is not None, email
    spend(user.id, from_cents(int(cents)))


if __name__ == "__main__":
    main(*sys.argv[1:])
