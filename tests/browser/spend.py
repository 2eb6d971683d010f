"""Lets a person have spent credit on replies: ``python -m tests.browser.spend EMAIL CENTS TIMES``, with all rows."""

import sys

# A turn names a conversation, whose table must be known here.
import projectloom.conversations.models  # noqa: F401
from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.money import from_cents
from tests.spending import spend


def main(email: str, cents: str, times: str) -> None:
    with db.reading() as session:
        user = find_user(session, email=email)
    assert user is not None, email
    for _ in range(int(times)):
        spend(user.id, from_cents(int(cents)))


if __name__ == "__main__":
    main(*sys.argv[1:])
