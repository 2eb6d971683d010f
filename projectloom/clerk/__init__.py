"""The door to Clerk, which signs people in where its keys are set.

This room promises that a token which it takes for somebody's was signed by our instance, for one of our own pages, for
now; that Clerk is asked for its keys seldom, however many tokens are shown; and that an event counts only with Clerk's
signature. It knows no database.
"""

from projectloom.clerk.events import ClerkNews, NewsKind, read_news
from projectloom.clerk.people import ClerkPerson, fetch_person
from projectloom.clerk.tokens import BadToken, ClerkSession, verify_token

__all__ = [
    "BadToken",
    "ClerkNews",
    "ClerkPerson",
    "ClerkSession",
    "NewsKind",
    "fetch_person",
    "read_news",
    "verify_token",
]
