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

from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import LoomError, NoSuchPage, Unauthorized
from projectloom.operating.operators import operator
from projectloom.rates import Act, count
from projectloom.routes import SIGN_IN
from projectloom.workspace.identity import Person, identify, is_still

SESSION_COOKIE = "loom_session"
_ASK_CLERK = "window.loomAskClerk?.()"
_KEEP_WANTED = "window.loomNext.keep()"


class TokenState(rx.State):
    """The latest token of Clerk's that this tab has told, where Clerk signs people in: each lasts a minute."""

    _token: str = ""


# Not methods of the state: what a state can do in public, anybody may ask it to do.
async def keep_token(state: rx.State, token: str) -> None:
    """From now on this is who asks."""
    (await state.get_state(TokenState))._token = token  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


async def kept_token(state: rx.State) -> str:
    """What this tab has told last."""
    return (await state.get_state(TokenState))._token  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def cookie_token(cookie_header: str, *names: str) -> str | None:
    """The session token in a ``Cookie`` header, by the first of these cookies that is there; or ``None``."""
    try:
        cookies = SimpleCookie(cookie_header)
    except CookieError:
        return None
    return next((cookies[name].value for name in names if name in cookies), None)


async def session_token(state: rx.State) -> str | None:
    """The session token of who asks by this socket.

    Our own is in the cookie for as long as the session lasts. The cookie of Clerk's script is only as fresh as the
    socket, which keeps the one that it was opened with: what the tab has told since goes before it.
    """
    clerk, cookies = settings().clerk, state.router.headers.cookie
    if clerk is None:
        return cookie_token(cookies, SESSION_COOKIE)
    return await kept_token(state) or cookie_token(cookies, *clerk.cookies)


async def whoever_asks(state: rx.State) -> Person | None:
    """The person behind this socket, looked up afresh; None when nobody is signed in."""
    return await in_thread(identify, await session_token(state))


async def signed_in(state: rx.State, *, lasting: bool = False) -> Person:
    """The person behind this socket, looked up afresh. Raises :class:`Unauthorized` when there is none.

    That may be remembered for a second. For what is ``lasting``, as another payer or money is, the database is asked.
    """
    person = await whoever_asks(state)
    if person is None or (lasting and not await in_thread(is_still, await session_token(state), person.user_id)):
        raise Unauthorized
    return person


async def counted(state: rx.State, person: Person, act: Act) -> None:
    """Count one act of a person on a page. Raises :class:`TooManyRequests` when it is one too many."""
    await count(act, user_id=person.user_id, address=state.router.session.client_ip or None)


async def operating(state: rx.State, *, lasting: bool = False) -> Person:
    """The operator behind this socket, as :func:`signed_in`. Raises NoSuchPage: to everybody else there is nothing."""
    return operator(await signed_in(state, lasting=lasting))


def leave_for(address: str) -> Any:
    """A full page load of ``address``, in this tab. The place that is left, and the caret in it, are kept for a return.

    ``rx.redirect`` stays inside the page's own router whenever the host is the same, which would keep the sandbox's
    checkout page from ever opening.
    """
    return rx.call_script(f"window.loomPlace.keep(); window.location.assign({json.dumps(address)})")


def explain(error: LoomError) -> Any:
    """What the page does about an error: whoever is not signed in goes to sign in, the rest is said in a toast.

    The page they asked for is kept by their tab, which shows it once they have signed in. That there is no such page
    stands on the page already. Where Clerk signs people in, only its script knows whether
    somebody is: it is asked for a fresh token.
    """
    if isinstance(error, Unauthorized):
        if settings().clerk is None:
            return [rx.call_script(_KEEP_WANTED), rx.redirect(SIGN_IN, replace=True)]
        return rx.call_script(_ASK_CLERK)
    return None if isinstance(error, NoSuchPage) else rx.toast.error(error.message)


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
