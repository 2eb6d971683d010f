"""Stripe's SDK, loaded where payments are set up: it brings two HTTP clients along, and takes 15 MB with them.

Whoever uses it awaits :func:`load_stripe` before, or is called after the server has, and imports it in the function
that does.
"""

import asyncio
from importlib import import_module
from typing import Any


async def load_stripe() -> None:
    """Have ``import stripe`` cost nothing from now on. A thread loads it, so that nobody else waits."""
    global _loaded  # noqa: PLW0603 - a process loads it once
    if not _loaded:
        stripe: Any = await asyncio.to_thread(import_module, "stripe")
        stripe.enable_telemetry = False
        _loaded = True


_loaded = False
