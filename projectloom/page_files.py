"""How the built pages leave the server: at the right address, with how long they may be kept, and what may run in them.

Reflex serves the build as plain files. Left alone that answers ``/settings`` with a redirect to ``/settings/`` that
names host and scheme as this process sees them, which is wrong behind a proxy that ends TLS, and says nothing about
caching or scripts. This wraps what serves them: ``rx.App(api_transformer=[with_page_files, ...])``.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from reflex_base.constants import Dirs
from reflex_base.environment import environment
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projectloom.config import settings

# Names under /assets/ contain a hash of the content, so what a name stands for never changes.
FOREVER = "public, max-age=31536000, immutable"
FOR_A_WEEK = "public, max-age=604800"
# Kept, but asked about each time: a page names the scripts of the build it belongs to.
ASK_EACH_TIME = "no-cache"
_NOT_MODIFIED = 304


def with_page_files(app: ASGIApp) -> ASGIApp:
    """Wrap the application that serves the built pages. Everything but those files passes through untouched."""
    built = environment.REFLEX_WEB_WORKDIR.get() / Dirs.STATIC
    clerk = settings().clerk
    pages, policy = _page_paths(built), content_policy(inline_scripts(built), clerk.origins() if clerk else None)

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
                # "Not modified" renews what a browser has kept of a page, and names no type.
                if message["status"] == _NOT_MODIFIED or headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("content-security-policy", policy)
            await send(message)

        await app(scope, receive, send_with_lifetime)

    return wrapped


def inline_scripts(built: Path) -> list[str]:
    """The scripts that stand inside of the built pages, as a policy names them: by the hash of their text."""
    texts = {script for page in built.rglob("*.html") for script in _INLINE.findall(page.read_text("utf-8"))}
    return sorted(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts)


def content_policy(scripts: list[str], besides: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """What a page may load, run and speak to: this server, and nothing that anybody wrote into it.

    Reflex evaluates what its own server sends over the page's socket (a toast, leaving for the payment page) and writes
    its styles as it draws, so both have to be allowed: docs/decisions/0016. ``besides`` is what Clerk asks for where it
    signs people in.
    """
    rules = {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'unsafe-eval'", *scripts],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "blob:"],
        # The build writes small fonts, those of formulas among them, into the style sheets.
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
    for name, sources in (besides or {}).items():
        rule = rules.setdefault(name, [])
        rule += [source for source in sources if source not in rule]
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items())


# As a parser of HTML sees them: what is in one ends at the first closing tag.
_INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


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
