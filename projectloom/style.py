"""How the pages look, as the app needs to know it: style sheets and head.

The look itself is in ``assets/loom.css``, and in a sheet of its own for each larger area: variables for both themes,
which follow the system or a person's choice. No theme library.
"""

import reflex as rx

STYLESHEETS = [
    "/fonts.css",
    "/loom.css",
    "/conversations.css",
    "/thread.css",
    "/activity.css",
    "/house.css",
    "/agent.css",
]

HTML_LANG = "en"


def head() -> list[rx.Component]:
    """What stands in the head of every page. The script runs before the first paint: it restores theme and panel."""
    return [
        rx.el.meta(name="viewport", content="width=device-width, initial-scale=1, interactive-widget=resizes-content"),
        rx.el.meta(name="color-scheme", content="dark light"),
        rx.el.meta(name="theme-color", content="#111113", custom_attrs={"media": "(prefers-color-scheme: dark)"}),
        rx.el.meta(name="theme-color", content="#FAFAFA", custom_attrs={"media": "(prefers-color-scheme: light)"}),
        rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg"),
        # Asked for ahead of the page's other scripts: the first paint waits for this one.
        rx.el.link(rel="preload", href="/loom.js", custom_attrs={"as": "script"}),
        rx.el.script(src="/loom.js"),
    ]
