"""Who is asking, and what happens when something expected goes wrong.

Every handler that touches a person's data calls :func:`signed_in`, which resolves the session cookie afresh; every
such handler is marked :func:`handled`, the one place where a ``LoomError`` becomes something a person sees.
"""

import inspect
import json
from collections.abc import Callable
from functools import wraps
from http.cookies import CookieError, SimpleCookie
from typing import Any

import reflex as rx

from projectloom.db import in_thread
from projectloom.errors import LoomError, Unauthorized
from projectloom.routes import SIGN_IN
from projectloom.workspace.identity import Person, identify

SESSION_COOKIE = "loom_session"


def session_token(cookie_header: str) -> str | None:
    """The session token in a ``Cookie`` header, or ``None``."""
    try:
        morsel = SimpleCookie(cookie_header).get(SESSION_COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


async def signed_in(state: rx.State) -> Person:
    """The person behind this socket, looked up afresh. Raises :class:`Unauthorized` when there is none."""
    person = await in_thread(identify, session_token(state.router.headers.cookie))
    if person is None:
        raise Unauthorized
    return person


def leave_for(address: str) -> Any:
    """A full page load of ``address``, in this tab.

    ``rx.redirect`` stays inside the page's own router whenever the host is the same, which would keep the sandbox's
    checkout page from ever opening.
    """
    return rx.call_script(f"window.location.assign({json.dumps(address)})")


def explain(error: LoomError) -> Any:
    """What the page does about an error: whoever is not signed in goes to sign in, the rest is said in a toast."""
    if isinstance(error, Unauthorized):
        return rx.redirect(SIGN_IN, replace=True)
    return rx.toast.error(error.message)


def handled(handler: Callable[..., Any]) -> Any:
    """Make ``handler`` a Reflex event whose expected trouble is explained to the person."""
    return _as_event(explaining(handler))


def explaining(handler: Callable[..., Any]) -> Any:
    """``handler`` with its expected trouble explained, not an event yet: for those that run in the background."""
    if inspect.isasyncgenfunction(handler):

        @wraps(handler)
        async def stepwise(*args: Any, **payload: Any) -> Any:
            try:
                async for step in handler(*args, **payload):
                    yield step
            except LoomError as error:
                yield explain(error)

        return stepwise

    @wraps(handler)
    async def whole(*args: Any, **payload: Any) -> Any:
        try:
            return await handler(*args, **payload)
        except LoomError as error:
            return explain(error)

    return whole


# Reflex's own annotation asks for the exact parameters of a handler, which a wrapper of any handler cannot name.
_as_event: Any = rx.event
