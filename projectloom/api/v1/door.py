"""A door of its own for the replies that programs ask for, ahead of the pages, their sessions and every other route.

What stands between a server and a route (the pages' context, other origins, forms, documentation) is of no use to a
program that was asked for a reply, and costs each request and each piece of its answer. Whoever comes from a browser,
and whatever asks for anything else, goes the long way.
"""

import logging

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from projectloom.api.front import FrontDoor
from projectloom.api.v1.envelopes import broken
from projectloom.api.v1.relay import answer
from projectloom.providers import Path, ProviderName

_log = logging.getLogger(__name__)

_REPLIES: dict[str, tuple[Path, ProviderName]] = {
    "/v1/chat/completions": ("/chat/completions", "openai"),
    "/v1/messages": ("/messages", "anthropic"),
    "/v1/embeddings": ("/embeddings", "openai"),
}


def with_door_for_programs(app: ASGIApp) -> ASGIApp:
    """``app``, with the replies for programs answered before it. It still has their routes for everybody else."""
    answering = FrontDoor(_answer)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in _REPLIES
        # A browser names the origin of what it asks for, and wants to be told whether another one may read the answer.
        if not asked or any(name == b"origin" for name, _ in scope["headers"]):
            await app(scope, receive, send)
        else:
            await answering(scope, receive, send)

    return door


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    path, provider = _REPLIES[scope["path"]]
    try:
        response = await answer(Request(scope, receive), path, provider)
    except Exception:  # noqa: BLE001 - logged; the client learns nothing of our insides
        _log.exception("unexpected error", extra={"path": path})
        response = broken(provider)
    await response(scope, receive, send)
