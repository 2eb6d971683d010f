"""A provider's bytes, passed through: the request as a client wrote it, and the answer as it comes.

The SDKs make an object of every event, which costs more than all else in relaying a stream, and their HTTP client costs
as much again; for bytes that are not looked at, aiohttp does the same with a quarter of it. Keys, redirects and
timeouts are held as for every other call: no redirect is followed, nothing is tried twice, no wait is without an end.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, cast
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter

from projectloom import limits
from projectloom.errors import ProviderError
from projectloom.providers import anthropic, openai
from projectloom.providers.base import ProviderName
from projectloom.providers.connections import MAX_CONNECTIONS, is_loopback
from projectloom.providers.failures import failure, from_status, require_sendable_key
from projectloom.providers.wire_requests import WireRequest

_BASES: dict[ProviderName, str] = {"anthropic": f"{anthropic.BASE_URL}/v1", "openai": openai.BASE_URL}

# Everything that a call or its body may raise when things go wrong outside of this process.
_OUTSIDE_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)

_Sessions = dict[bool, aiohttp.ClientSession]
# A connection belongs to the loop that opened it.
_sessions: MutableMapping[asyncio.AbstractEventLoop, _Sessions] = WeakKeyDictionary()

# It would log the addresses and headers of requests.
logging.getLogger("aiohttp").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class WireCall:
    """One request to be made as it is, with all that it needs. Neither its body nor its key shows in its repr."""

    request: WireRequest
    body: bytes = field(repr=False)
    max_tokens: int
    """The output bound that was quoted, over all copies; 0 for vectors."""
    api_key: str = field(repr=False)
    base_url: str | None = None
    """As the provider's SDK takes it; None is the provider's own."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Of the client's, the ones that pass through."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The provider takes the request: its answer's type and headers, and its bytes as they come."""

    content_type: str
    headers: tuple[tuple[str, str], ...]
    chunks: "Frames" = field(repr=False)


class RefusedByProvider(ProviderError):
    """The provider answered with an error status. ``body`` is its own words, for whoever wrote the request."""

    def __init__(self, error: ProviderError, body: bytes) -> None:
        super().__init__(error.message, **error.data)
        self.body = body


class ReadyCall:
    """A call that is made ready, its connection included, while something is waited for that must be so before it.

    Nothing of it leaves before it is let go. Belongs to one event loop.
    """

    def __init__(self, call: WireCall) -> None:
        self._body = _KeptBack(call.body)
        self._request = asyncio.create_task(self._made_ready(call), name="call made ready")
        self._request.add_done_callback(_seen)

    async def _made_ready(self, call: WireCall) -> aiohttp.ClientResponse:
        # What it waits for sets out first.
        await asyncio.sleep(0)
        response = await _post(call, self._body)
        if not self._body.left:
            # Servers that are tired of a silent connection say so. It is no answer to what was not asked yet.
            response.close()
            raise aiohttp.ServerDisconnectedError
        return response

    def let_go(self) -> None:
        """What it waited for is so: the call is made."""
        self._body.let_go()

    def drop(self) -> None:
        """End it, wherever it is. Where it was never let go, its provider hears nothing of it."""
        if not self._request.cancel() and not self._request.cancelled() and self._request.exception() is None:
            self._request.result().close()

    async def response(self) -> aiohttp.ClientResponse | None:
        """The beginning of its answer; None where its connection was closed before anything left: it can be made anew.

        Cancelling it ends the call. Raises what a request of aiohttp's raises.
        """
        try:
            return await self._request
        except aiohttp.ClientConnectorError:
            # There was no connection, so one more try is a second try.
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if self._body.left:
                raise
            return None
        except BaseException:
            self.drop()
            raise


class _KeptBack(aiohttp.BytesPayload):
    """A body that is let go later, and with it the head of its request, which goes in one piece with it."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body, content_type="application/json")
        self.left = False
        self._gate = asyncio.get_running_loop().create_future()

    def let_go(self) -> None:
        if not self._gate.done():
            self._gate.set_result(None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self._gate
        transport = cast("StreamWriter", writer).transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("closed meanwhile")
        self.left = True
        await super().write_with_length(writer, content_length)


def _seen(request: asyncio.Task[aiohttp.ClientResponse]) -> None:
    """An error is told by whoever waits for the answer, and where nobody does it is of no interest."""
    if not request.cancelled():
        request.exception()


async def _post(call: WireCall, body: bytes | aiohttp.BytesPayload) -> aiohttp.ClientResponse:
    return await _session(call).post(_address(call), data=body, headers=_headers(call), allow_redirects=False)


@asynccontextmanager
async def open_wire(call: WireCall, ready: ReadyCall | None = None) -> AsyncGenerator[Answered]:
    """Make the call once, or take the one that was made ready. Leaving closes the connection.

    Raises:
        RefusedByProvider: it answered with an error status.
        ProviderError: it cannot be reached, or its answer broke off.
    """
    provider, begun = call.request.provider, False
    trouble: ProviderError | None = None
    try:
        made_ready = None if ready is None else await ready.response()
        async with made_ready or await _post(call, call.body) as response:
            begun = True
            if response.status != 200:
                raise await _refusal(provider, response)
            yield Answered(
                response.headers.get("content-type", "application/json"),
                tuple(response.headers.items()),
                Frames(response.content),
            )
    except _OUTSIDE_ERRORS as error:
        timed_out = isinstance(error, TimeoutError)
        trouble = failure(provider, "timeout" if timed_out else "broken_stream" if begun else "unavailable")
    if trouble is not None:
        raise trouble


class Frames:
    """A body as it comes: what comes after a pause at once, what follows it within a frame together.

    The body's end ends a frame as well, so nobody waits for a frame that will bring no more.
    """

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] | None = None
        self._until = 0.0
        content.on_eof(self._end)
        # All that has come is always taken at once. Asked to resume for each chunk of it, as it would be below its
        # usual mark, the parser would do nothing fifty times a reply.
        content._low_water = 1  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._content.is_eof() and self._until > self._loop.time():
            self._over = self._loop.create_future()
            timer = self._loop.call_at(self._until, self._end)
            try:
                await self._over
            finally:
                timer.cancel()
        piece = await self._content.readany()
        if not piece:
            raise StopAsyncIteration
        self._until = self._loop.time() + limits.WIRE_FRAME_SECONDS
        return piece

    @property
    def is_over(self) -> bool:
        """Whether the body has ended and all of it was taken."""
        return self._content.at_eof()

    def _end(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


async def close_wires() -> None:
    """Close the connections that this event loop keeps."""
    for session in _sessions.pop(asyncio.get_running_loop(), {}).values():
        await session.close()


async def _refusal(provider: ProviderName, response: aiohttp.ClientResponse) -> RefusedByProvider:
    body = await response.content.read(limits.MAX_REFUSAL_BYTES)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    return RefusedByProvider(from_status(provider, response.status, response.headers, told), body)


def _session(call: WireCall) -> aiohttp.ClientSession:
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    # A proxy from the environment is right for the outside and wrong for this machine.
    outside = not is_loopback(call.base_url or "")
    session = sessions.get(outside)
    if session is None or session.closed:
        session = sessions[outside] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=limits.PROVIDER_CONNECT_SECONDS,
                sock_connect=limits.PROVIDER_CONNECT_SECONDS,
                sock_read=limits.PROVIDER_STALL_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=outside,
        )
    return session


def _address(call: WireCall) -> str:
    base = call.base_url.rstrip("/") if call.base_url else _BASES[call.request.provider]
    if call.base_url and call.request.provider == "anthropic":
        base += "/v1"
    return base + call.request.path


def _headers(call: WireCall) -> dict[str, str]:
    require_sendable_key(call.request.provider, call.api_key)
    return {
        **dict(call.headers),
        "authorization": f"Bearer {call.api_key}",
        "content-type": "application/json",
        "accept-encoding": "identity",
    }
