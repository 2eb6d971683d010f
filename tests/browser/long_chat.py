"""Gives a person a long chat that is settled and free: ``python -m tests.browser.long_chat EMAIL MESSAGES TITLE``."""

import sys

from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.conversations.chats import add_message, create_conversation

_REPLY = """Reply {number}. Rivers **carry** what falls on hills.

1. Water gathers in the hills.
2. It follows the valleys.

```python
def river(length: int) -> str:
    return f"{{length}} km"
```

| River | Length |
|---|---|
| Rhine | 1,230 km |
"""


def main(email: str, messages: str, title: str) -> None:
    with db.transaction() as session:
        user = find_user(session, email=email)
        assert user is not None, email
        conversation = create_conversation(session, user_id=user.id, first_text=title)
        parent = None
        for number in range(int(messages)):
            asks = number % 2 == 0
            text = f"Question {number}: tell me of rivers." if asks else _REPLY.format(number=number)
            role = "user" if asks else "assistant"
            parent = add_message(session, conversation=conversation, role=role, text=text, parent_id=parent).id


if __name__ == "__main__":
    main(*sys.argv[1:])
