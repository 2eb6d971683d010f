"""The addresses of the pages, in one place, so that no page spells another's."""

from collections.abc import Iterable
from urllib.parse import urlencode

CHAT = "/"
CONVERSATION = "/c/[chat_id]"
SETTINGS = "/settings"
CREDITS = "/credits"
STATEMENT = "/statement"
ACTIVITY = "/activity"
PRICING = "/pricing"
AGENT = "/agent"
AGENT_RUN = "/agent/[run_id]"
SIGN_IN = "/sign-in"
SIGN_UP = "/sign-up"
FORGOT_PASSWORD = "/forgot-password"  # noqa: S105 - an address
RESET_PASSWORD = "/reset-password"  # noqa: S105 - an address
CONFIRM_EMAIL = "/confirm-email"
OPERATOR = "/operator"
OPERATOR_PERSON = "/operator/person"
OPERATOR_TROUBLES = "/operator/waiting"
OPERATOR_MARGINS = "/operator/margins"
OPERATOR_PRICES = "/operator/prices"
OPERATOR_BOOKS = "/operator/books"
OPERATOR_RECORD = "/operator/record"

PUBLIC = frozenset({SIGN_IN, SIGN_UP, PRICING, FORGOT_PASSWORD, RESET_PASSWORD, CONFIRM_EMAIL})
"""Pages for who is not signed in as well."""

_CONVERSATION_PREFIX = "/c/"


def own_address(address: object) -> str:
    """An address as a browser told it, if it is one of a page of this site, else an empty string."""
    if not isinstance(address, str) or not address.startswith("/") or address.startswith(("//", "/\\")):
        return ""
    return address


def conversation(conversation_id: str) -> str:
    """The deep link of a conversation."""
    return _CONVERSATION_PREFIX + conversation_id


def conversation_in(path: str) -> str:
    """The conversation that a path of the chat page names, or an empty string for a new chat."""
    _, found, rest = path.partition(_CONVERSATION_PREFIX)
    return rest.strip("/") if found else ""


def agent_run(run_id: str) -> str:
    """The deep link of a run of the agent."""
    return f"{AGENT}/{run_id}"


def agent_run_in(path: str) -> str:
    """The run that a path of the agent's page names, or an empty string for a new task."""
    _, found, rest = path.partition(f"{AGENT}/")
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


def activity(span: str = "", **named: str) -> str:
    """The activity of a range (this month has no name), with what is chosen of it: a model, a payer, a day."""
    return _asking(ACTIVITY, range=span, **named)


def activity_csv(span: str = "", **named: str) -> str:
    """The file of the same replies, which the HTTP door answers."""
    return _asking("/api/activity.csv", range=span, **named)


def operator_people(asked: str = "") -> str:
    """The operator's page of people, with what is looked for."""
    return _asking(OPERATOR, q=asked)


def operator_person(user_id: str) -> str:
    """The operator's page of one person."""
    return _asking(OPERATOR_PERSON, id=user_id)


def operator_margins(span: str = "", since: str = "", until: str = "") -> str:
    """The operator's page of margins in one span of time, whose days are named when it is a free one."""
    return _asking(OPERATOR_MARGINS, range=span, since=since, until=until)


def operator_prices(proposal: str = "") -> str:
    """The operator's page of prices, with one proposal beside the live card."""
    return _asking(OPERATOR_PRICES, proposal=proposal)


def _asking(path: str, **asked: str) -> str:
    query = urlencode({name: value for name, value in asked.items() if value}, safe=",")
    return f"{path}?{query}" if query else path
