"""Gives a person credit, as an operator would: ``python -m tests.browser.grant EMAIL CENTS TIMES``."""

import sys

from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.ids import new_id
from projectloom.ledger.credits import grant
from projectloom.money import from_cents


def main(email: str, cents: str, times: str) -> None:
    with db.transaction() as session:
        user = find_user(session, email=email)
        assert user is not None, email
        for _ in range(int(times)):
            grant(session, user_id=user.id, reason=new_id("gift"), amount_nanos=from_cents(int(cents)))


if __name__ == "__main__":
    main(*sys.argv[1:])
