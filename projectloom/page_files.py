"""How the built pages leave the server: at the address asked for, and with how long a browser may keep them.

Reflex serves the build as plain files. Left alone that answers ``/settings`` with a redirect to ``/settings/`` that
names host and scheme as this process sees them, which is wrong behind a proxy that ends TLS, and says nothing about
caching. This wraps what serves them: ``rx.App(api_transformer=[with_page_files, ...])``.
"""

from pathlib import Path

from reflex_base.constants import Dirs
from reflex_base.environment import environment
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Names under /assets/ contain a hash of the content, so what a name stands for never changes.
FOREVER = "public, max-age=31536000, immutable"
FOR_A_WEEK = "public, max-age=604800"
# Kept, but asked about each time: a page names the scripts of the build it belongs to.
ASK_EACH_TIME = "no-cache"


def with_page_files(app: ASGIApp) -> ASGIApp:
    """Wrap the application that serves the built pages. Everything but those files passes through untouched."""
    pages = _page_paths(environment.REFLEX_WEB_WORKDIR.get() / Dirs.STATIC)

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await app(scope, receive, send)
            return
        path: str = scope["path"]
        if path in pages:
            scope = {**scope, "path": path + "/"}

        async def send_with_lifetime(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if lifetime := _lifetime(path, headers.get("content-type", "")):
                    headers.setdefault("cache-control", lifetime)
            await send(message)

        await app(scope, receive, send_with_lifetime)

    return wrapped


def _page_paths(built: Path) -> frozenset[str]:
    indexes = (index.parent.relative_to(built) for index in built.rglob("index.html"))
    return frozenset("/" + folder.as_posix() for folder in indexes if folder != Path())


def _lifetime(path: str, content_type: str) -> str | None:
    if content_type.startswith("text/html"):
        return ASK_EACH_TIME
    if path.startswith("/assets/"):
        return FOREVER
    if path.startswith("/fonts/"):
        return FOR_A_WEEK
    return None
