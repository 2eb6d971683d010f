"""Who asks: the session cookie of a browser, the same token as a Bearer, or a program with a person's API key.

Where Clerk signs people in, the token is Clerk's and the cookie the one that its script keeps.
A key opens the routes that ask for a :class:`Scope`; every other route is for the person alone. That a write which a
cookie authorises comes from our own pages is seen to before, in :mod:`projectloom.api.front`.
"""

from fastapi import Request, Response
from starlette.requests import HTTPConnection

from projectloom import limits
from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import Forbidden, Unauthorized
from projectloom.workspace.api_keys import KEY_PREFIX, Caller, Scope, identify_key, remembered_caller
from projectloom.workspace.identity import Person, identify, is_still, remembered_person

SESSION_COOKIE = "loom_session"

_DAY_SECONDS = 86_400


def token_of(request: Request) -> str | None:
    """The session token that a request carries, if any."""
    bearer = _bearer(request)
    if bearer:
        return bearer
    clerk = settings().clerk
    names = (SESSION_COOKIE,) if clerk is None else clerk.cookies
    return next((token for name in names if (token := request.cookies.get(name))), None)


async def person_of(request: Request) -> Person:
    """The person who asks, by their session. Raises Unauthorized, or Forbidden for a key."""
    token = token_of(request)
    if token is not None and token.startswith(KEY_PREFIX):
        raise Forbidden("API keys cannot do this. Sign in instead.")
    person = remembered_person(token) or await in_thread(identify, token)
    if person is None:
        raise Unauthorized
    request.state.asks = person
    return person


async def caller_of(request: Request, *, scope: Scope | None) -> Caller:
    """The person or the key that asks: ``Authorization: Bearer`` with either, ``x-api-key`` with a key, or a cookie.

    Raises:
        Unauthorized: nobody is signed in, or it is no living key. Forbidden: a key that lacks the scope. With None any
            living key will do.
    """
    secret = _key_in(request)
    if secret is None:
        return Caller((await person_of(request)).user_id)
    caller = remembered_caller(secret) or await in_thread(identify_key, secret)
    if caller is None:
        raise Unauthorized
    if scope is not None and scope not in caller.scopes:
        raise Forbidden(f"This API key lacks the scope '{scope}'.")
    request.state.asks = caller
    return caller


async def look_again(request: Request, *, lasting: bool = True) -> None:
    """Whether whoever was found to ask may still, now that the body has come. Where nobody was found it does nothing.

    Of a session the database is asked where what is asked for may last: another key, another payer. Who only spends and
    reads, as every key does, is believed for the second that what is known of them may be old.

    Raises:
        Unauthorized: the session or the key has ended, or its person has left.
    """
    asks: Person | Caller | None = getattr(request.state, "asks", None)
    if isinstance(asks, Person):
        token = token_of(request)
        known = None if lasting else remembered_person(token)
        allowed = known is not None and known.user_id == asks.user_id
        allowed = allowed or await in_thread(is_still, token, asks.user_id)
    else:
        secret = None if asks is None else _key_in(request)
        allowed = secret is None or remembered_caller(secret) or await in_thread(identify_key, secret)
    if not allowed:
        raise Unauthorized


def shows_who_asks(request: HTTPConnection) -> bool:
    """Whether a header names who asks, so that no cookie is needed: any Bearer, or a key of ours."""
    return bool(_bearer(request)) or _key_in(request) is not None


def _key_in(request: HTTPConnection) -> str | None:
    """The API key in a request's headers. A Bearer that is none is a session, which then counts."""
    shown = _bearer(request) or request.headers.get("x-api-key", "").strip()
    return shown if shown.startswith(KEY_PREFIX) else None


def _bearer(request: HTTPConnection) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def set_session_cookie(response: Response, token: str) -> None:
    """Give a browser its session; scripts cannot read it and other sites cannot send it with a write."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=limits.SESSION_DAYS * _DAY_SECONDS,
        httponly=True,
        samesite="lax",
        secure=settings().cookie_secure,
        path="/",
    )


def clear_session_cookie(response: Response) -> None:
    """Take a browser's session away."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=settings().cookie_secure, path="/")
