"""Who asks: the session cookie of a browser, or the same token as a Bearer.

A write that a cookie authorises must come from our own pages: browsers name the origin of every such request.
"""

from fastapi import Request, Response

from projectloom import limits
from projectloom.config import origin_of, settings
from projectloom.db import in_thread
from projectloom.errors import Forbidden, Unauthorized
from projectloom.workspace.identity import Person, identify

SESSION_COOKIE = "loom_session"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DAY_SECONDS = 86_400


def token_of(request: Request) -> str | None:
    """The session token that a request carries, if any. Raises Forbidden for a cross-site write."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    check_origin(request)
    return request.cookies.get(SESSION_COOKIE)


async def person_of(request: Request) -> Person:
    """Who asks. Raises Unauthorized, or Forbidden for a cross-site write."""
    person = await in_thread(identify, token_of(request))
    if person is None:
        raise Unauthorized
    return person


def check_origin(request: Request) -> None:
    """Refuse a write that another site's page sends. Clients that are no browsers send no origin. Raises Forbidden."""
    origin = request.headers.get("origin")
    if request.method in _SAFE_METHODS or origin is None:
        return
    own = f"{request.url.scheme}://{request.headers.get('host', '')}".lower()
    if origin.lower() not in (*settings().allowed_origins, own, origin_of(settings().public_url)):
        raise Forbidden


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
