"""The addresses of the pages, in one place, so that no page spells another's."""

CHAT = "/"
CONVERSATION = "/c/[chat_id]"
SETTINGS = "/settings"
CREDITS = "/credits"
STATEMENT = "/statement"
SIGN_IN = "/sign-in"

_CONVERSATION_PREFIX = "/c/"


def conversation(conversation_id: str) -> str:
    """The deep link of a conversation."""
    return _CONVERSATION_PREFIX + conversation_id


def conversation_in(path: str) -> str:
    """The conversation that a path of the chat page names, or an empty string for a new chat."""
    _, found, rest = path.partition(_CONVERSATION_PREFIX)
    return rest.strip("/") if found else ""


def statement(part: str = "") -> str:
    """The statement, whole or one part of it."""
    return f"{STATEMENT}?kind={part}" if part else STATEMENT


def statement_csv(kind: str = "") -> str:
    """The file of the statement, which the HTTP door answers: all movements, or those of one kind."""
    return f"/api/statement.csv?kind={kind}" if kind else "/api/statement.csv"
