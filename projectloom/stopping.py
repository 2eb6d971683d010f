"""Hearing that the server is asked to stop, while there is still time to end replies well.

The server that runs us waits for open connections first and only then ends our lifespan. A connection that watches a
reply stays open until the reply ends, so waiting for each other would end in a kill. asyncio keeps one listener for
each signal and has no public way to find it, so the one that is there is called after ours.
"""

import asyncio
import signal
from collections.abc import Callable

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def on_stop_signal(heard: Callable[[], None]) -> None:
    """Call ``heard`` when this process is asked to stop, and then whoever listened before. Call it in the event loop.

    Where nobody listens (a test, another server) nothing is changed.
    """
    loop = asyncio.get_running_loop()
    listeners: dict[int, asyncio.Handle] = getattr(loop, "_signal_handlers", {})
    for number in _STOP_SIGNALS:
        before = listeners.get(number)
        if before is not None:
            loop.add_signal_handler(number, _both, heard, before)


def _both(heard: Callable[[], None], before: asyncio.Handle) -> None:
    heard()
    before._run()  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage, reportUnknownMemberType] # noqa: SLF001
