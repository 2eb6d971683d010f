"""Who may operate: the one place that decides it, for pages and HTTP alike.

A person is an operator when ``ADMIN_EMAILS`` names the e-mail of their account and it is confirmed: anybody can sign up
with an address, but only who reads its mails and knows its password can confirm it, or whoever owns the server,
by the command ``confirm``, which shuts out whoever made the account.
Nothing that a client sends plays a part: the person comes from their session, and the setting from the server's own.
"""

from projectloom.config import settings
from projectloom.errors import NoSuchPage
from projectloom.workspace.identity import Person


def is_operator(person: Person | None) -> bool:
    """Whether somebody who is signed in is an operator."""
    return person is not None and person.confirmed and person.email in settings().operators


def operator(person: Person | None) -> Person:
    """The person, if they are an operator.

    Raises:
        NoSuchPage: they are not. To everybody else there is nothing here.
    """
    if person is None or not is_operator(person):
        raise NoSuchPage
    return person
