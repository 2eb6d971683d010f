"""Connections that break as real ones do: closed without an answer, or reset in the middle of one.

An ASGI application cannot reach the socket that it is served on, so it is looked up among the process's own by the two
addresses of the request. Where there is none such (a proxy, another system), the server closes an unfinished answer.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

# Every Unix lists a process's open files here.
_OPEN_FILES = "/dev/fd"
# What was said before is on its way by then; a reset would throw away what is not.
_FLUSH_SECONDS = 0.05


class ConnectionDroppedError(Exception):
    """Nothing more is said, and the answer is not ended either."""


class NoAnswer(Response):
    """The connection closes before the first byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the socket; where it cannot be found, break off after the first byte."""
        del receive
        if (connection := _socket_of(scope)) is not None:
            with connection:
                connection.shutdown(socket.SHUT_RDWR)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Stream(StreamingResponse):
    """A stream whose source may raise :class:`ConnectionDroppedError`: it is then left without an end."""

    def __init__(self, source: AsyncIterator[bytes], headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(source, headers=headers, media_type=media_type)

    async def stream_response(self, send: Send) -> None:
        """Send the stream as far as it goes."""
        try:
            await super().stream_response(send)
        except ConnectionDroppedError:
            # The server closes a connection whose answer was not ended.
            return


async def reset(scope: Scope) -> None:
    """Let the connection of a request be reset when the server closes it. Always raises ConnectionDroppedError."""
    await asyncio.sleep(_FLUSH_SECONDS)
    if (connection := _socket_of(scope)) is not None:
        with connection:
            # Closing a socket that may not linger sends a reset: https://man7.org/linux/man-pages/man7/socket.7.html
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionDroppedError


def _socket_of(scope: Scope) -> socket.socket | None:
    """Another handle on the socket that a request came by, to be closed by the caller."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server or not os.path.isdir(_OPEN_FILES):  # noqa: PTH112 - no file, but a list of numbers
        return None
    there, port = (client[0], int(client[1])), int(server[1])
    for name in os.listdir(_OPEN_FILES):  # noqa: PTH208 - the same
        try:
            handle = os.dup(int(name))
        except OSError:
            continue
        try:
            connection = socket.socket(fileno=handle)
        except OSError:
            # No socket. The handle is ours all the same.
            os.close(handle)
            continue
        try:
            if connection.getpeername()[:2] == there and connection.getsockname()[1] == port:
                return connection
        except (OSError, IndexError, TypeError):
            pass
        connection.close()
    return None
