"""Lets a person have had conversations: ``python -m tests.browser.talk EMAIL``, which reads ``{title: [texts]}``."""

import json
import sys

from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.conversations.chats import add_message, create_conversation
from projectloom.conversations.models import Role, TitleBy


def main(email: str) -> None:
    talks: dict[str, list[str]] = json.load(sys.stdin)
    with db.transaction() as session:
        user = find_user(session, email=email)
        assert user is not None, email
        for title, texts in talks.items():
            row = create_conversation(session, user_id=user.id, first_text=title)
            row.title_by = TitleBy.PERSON
            for place, text in enumerate(texts):
                role = Role.ASSISTANT if place % 2 else Role.USER
                add_message(session, conversation=row, role=role, text=text)


if __name__ == "__main__":
    main(*sys.argv[1:])
