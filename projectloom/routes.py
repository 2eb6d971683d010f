"""The addresses of the pages, in one place, so that no page spells another's."""

from collections.abc import Iterable
from urllib.parse import urlencode

CHAT = "/"
CONVERSATION = "/c/[chat_id]"
SETTINGS = "/settings"
CREDITS = "/credits"
STATEMENT = "/statement"
PRICING = "/pricing"
SIGN_IN = "/sign-in"

_CONVERSATION_PREFIX = "/c/"


def conversation(conversation_id: str) -> str:
    """The deep link of a conversation."""
    return _CONVERSATION_PREFIX + conversation_id


def conversation_in(path: str) -> str:
    """The conversation that a path of the chat page names, or an empty string for a new chat."""
    _, found, rest = path.partition(_CONVERSATION_PREFIX)
    return rest.strip("/") if found else ""


def purchase(order_id: str) -> str:
    """The credits page at one purchase."""
    return f"{CREDITS}?order={order_id}"


def statement(part: str = "", span: str = "", since: str = "", until: str = "") -> str:
    """The statement: all of it, or one part and one span of time, whose days are named when it is a free one."""
    return _asking(STATEMENT, kind=part, range=span, since=since, until=until)


def statement_csv(kinds: Iterable[str] = (), since: str = "", until: str = "") -> str:
    """The file of the statement, which the HTTP door answers: all movements, or those of these kinds and days."""
    return _asking("/api/statement.csv", kind=",".join(kinds), since=since, until=until)


def _asking(path: str, **asked: str) -> str:
    query = urlencode({name: value for name, value in asked.items() if value}, safe=",")
    return f"{path}?{query}" if query else path
