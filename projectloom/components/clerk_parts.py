"""The way to Clerk's components: they are imported where Clerk signs people in, and nowhere else.

``reflex_clerk`` brings a state class of its own into every app that imports it, and its components a library of scripts
into every page. A server with local accounts has neither.
"""

import warnings
from collections.abc import Callable
from types import ModuleType

import reflex as rx

from projectloom.config import settings


def clerk_is_on() -> bool:
    """Whether Clerk signs people in here."""
    return settings().clerk is not None


def clerk_parts() -> ModuleType:
    """:mod:`projectloom.components.clerk`. Ask for it only where Clerk signs people in."""
    if not clerk_is_on():
        raise RuntimeError("Clerk is off")
    with warnings.catch_warnings():
        # It also imports what checks tokens for it, whose makers warn that it will be gone. It checks none here.
        warnings.simplefilter("ignore", DeprecationWarning)
        from projectloom.components import clerk  # noqa: PLC0415 - as above

    return clerk


def around_every_page() -> dict[tuple[int, str], Callable[[bool], rx.Component | None]]:
    """What wraps the app, the outer one first. Nothing, unless Clerk signs people in."""
    if not clerk_is_on():
        return {}
    # Inside what holds the pages' state and catches their errors (55), outside everything that is drawn (44 and less).
    return {
        (53, "Clerk"): lambda _: clerk_parts().provider(),
        (52, "ClerkSession"): lambda _: clerk_parts().session_teller(),
    }
