"""What every request passes first, and every answer last.

Where it comes from, as far as the operator's proxies are to be believed; whether another site's page sends it with a
person's cookie; and the headers that tell a browser to trust nothing in an answer more than it must. Plain ASGI:
streams and websockets pass through untouched.
"""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projectloom.api.errors import error_response
from projectloom.api.identity import shows_who_asks
from projectloom.api.v1.envelopes import refused
from projectloom.config import origin_of, settings
from projectloom.errors import Forbidden
from projectloom.logs import request_began

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Where a cookie may authorise something. The sandbox's pages have a rule of their own.
_GUARDED = ("/api/", "/v1/")
# A signature authorises these, and nothing that a browser adds.
_SIGNED = frozenset({"/api/stripe/webhook", "/api/clerk/webhook"})
# A page of ours brings a policy of its own; anything else is no page, whatever a browser takes it for.
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "cross-origin-opener-policy": "same-origin-allow-popups",
    "content-security-policy": _NO_PAGE,
}
_HSTS = "max-age=31536000; includeSubDomains"
_NOT_MODIFIED = 304


class FrontDoor:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._proxies = settings().proxies
        headers = _HEADERS | ({"strict-transport-security": _HSTS} if settings().cookie_secure else {})
        self._headers = {name.encode(): value.encode() for name, value in headers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope.get("client") and self._proxies.any:
            peer, port = scope["client"]
            forwarded = ", ".join(Headers(scope=scope).getlist("x-forwarded-for"))
            scope["client"] = (self._proxies.client(peer, forwarded), port)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        request_id = request_began()

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                if message["status"] == _NOT_MODIFIED:
                    # A browser keeps what it has and takes these headers for it: a page keeps the policy it came with.
                    there.add(b"content-security-policy")
                headers += [(name, value) for name, value in self._headers.items() if name not in there]
                headers.append((b"x-loom-request-id", request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        app = _refusal(scope) if is_foreign_write(scope) else self._app
        await app(scope, receive, send_guarded)


def is_foreign_write(scope: Scope) -> bool:
    """Whether another site's page asks for a change, with whatever cookies the browser has for this one.

    Browsers name the origin of every such request, and where they hide it they still say that it crosses sites. What is
    no browser says neither. Who sends a token or a key of ours in a header is known by that, and no browser adds one by
    itself, as it does with a name and a password (``Basic``).
    """
    path = scope["path"]
    if scope["method"] in _SAFE_METHODS or path in _SIGNED or not path.startswith(_GUARDED):
        return False
    connection = HTTPConnection(scope)
    headers = connection.headers
    if shows_who_asks(connection):
        return False
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    own = f"{connection.url.scheme}://{headers.get('host', '')}".lower()
    return origin.lower() not in (*settings().allowed_origins, own, origin_of(settings().public_url))


def _refusal(scope: Scope) -> Response:
    if scope["path"].startswith("/v1/"):
        anthropic = b"anthropic-version" in {name for name, _ in scope["headers"]}
        return refused(Forbidden(), "anthropic" if anthropic else "openai")
    return error_response(Forbidden())
