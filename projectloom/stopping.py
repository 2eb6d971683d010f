"""Hearing that the server is asked to stop, while there is still time to end replies well.

The server that runs us waits for open connections first and only then ends our lifespan. A connection that watches a
reply stays open until the reply ends, so waiting for each other would end in a kill. An event loop keeps one listener
for each signal and tells nobody which, so we listen beside it: it learns of signals by the number that Python writes to
its wake-up socket (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd), whoever handles them in Python.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NOBODY = (None, signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler)


def on_stop_signal(heard: Callable[[], None]) -> None:
    """Call ``heard`` in the running event loop when this process is asked to stop, beside whoever listens already.

    Where nobody listens, or not in the main thread (a test, another server), nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _STOP_SIGNALS:
        _listen(number, heard, asyncio.get_running_loop())


def _listen(number: signal.Signals, heard: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
    before = signal.getsignal(number)
    if before in _NOBODY:
        return

    def both(signum: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(heard)
        if callable(before):
            before(signum, frame)

    signal.signal(number, both)
    # As event loops have it: a system call that is under way goes on.
    signal.siginterrupt(number, False)  # noqa: FBT003 - the standard library's own argument
