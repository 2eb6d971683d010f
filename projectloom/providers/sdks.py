"""Anthropic's SDK, loaded when a call first needs it: its three thousand modules take 38 MB and about a second.

Whoever uses it awaits :func:`load_anthropic` before and imports it in the function that does. OpenAI's is small.
"""

import asyncio
import sys
from importlib import import_module
from typing import Any

_loaded: set[str] = set()


async def load_anthropic() -> None:
    """Have ``import anthropic`` cost nothing from now on. A thread loads it, so that nobody else waits."""
    if "anthropic" not in _loaded:
        await asyncio.to_thread(import_module, "anthropic")
        _loaded.add("anthropic")


def anthropic_errors(name: str) -> tuple[Any, ...]:
    """The SDK's class of errors of that name, for ``except`` and ``isinstance``; none where nothing has loaded it."""
    found = getattr(sys.modules.get("anthropic"), name, None)
    return () if found is None else (found,)
