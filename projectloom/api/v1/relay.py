"""One metered request of a program's: from its bytes to the provider's bytes, with what they cost.

Refusals come before anything is held, in the provider's envelope. A stream's bytes leave as they come, and the capture
follows the last of them; an answer in one piece is settled first, so that its headers tell the exact cost and balance.

A client that leaves a stream ends it, and pays for what came. One that leaves before an answer in one piece does not:
nothing of it has come that could be paid for, and its provider charges for it all the same.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.api.bodies import read_bytes
from projectloom.api.chat import own_keys_of
from projectloom.api.gate import caller_for
from projectloom.api.v1.envelopes import error_event, refused
from projectloom.billing.balance import read_balance
from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import InvalidInput, LoomError, ProviderError
from projectloom.metering.feeds import WireFeed
from projectloom.metering.models import Funding, TurnState
from projectloom.metering.relays import Relayed, Told, leave_relay, start_relay
from projectloom.metering.requests import TurnRequest
from projectloom.metering.turn import await_receipt
from projectloom.money import usd_string
from projectloom.providers import ANTHROPIC_VERSION, Path, ProviderName, WireRequest, read_wire_request
from projectloom.providers.reach import check_links
from projectloom.rates import Act
from projectloom.texts import is_storable
from projectloom.workspace.api_keys import Scope as KeyScope

# What of a client's headers the provider is told.
_PASSED = {"anthropic": ("anthropic-version", "anthropic-beta"), "openai": ("openai-beta",)}
# What of a provider's headers the client is told; the limits of an account only where it is the person's own.
_TOLD = ("x-request-id", "request-id", "openai-processing-ms")
_TOLD_OF_OWN = ("x-ratelimit-", "anthropic-ratelimit-")


async def answer(request: Request, path: Path, provider: ProviderName) -> Response:
    """Answer one request of a program's, from its credits or with its own key."""
    funding: str | None = None
    try:
        caller = await caller_for(request, Act.PROGRAM, scope=KeyScope.GENERATE)
        # A key that only spends learns what it spent, and not what is left.
        tells_balance = KeyScope.READ in caller.scopes
        raw = await read_bytes(request, limit=limits.MAX_WIRE_BODY_BYTES)
        wire = await read_wire(path, raw, headers_for(request, provider))
        await check_links(wire, inside=settings().is_operators(provider))
        relayed = await start_relay(
            TurnRequest(
                user_id=caller.user_id,
                model=wire.model,
                messages=(),
                source="embeddings" if wire.wants_vectors else "chat",
                kept=False,
                own_keys=own_keys_of(request),
                client_request_id=_request_id(request),
                api_key_id=caller.api_key_id,
                wire=wire,
            ),
            partial(_told, tells_balance=tells_balance),
        )
        funding = relayed.funding
        if wire.stream:
            return await _streamed(request, relayed, wire, tells_balance=tells_balance)
        return await _whole(caller.user_id, relayed, tells_balance=tells_balance)
    except LoomError as error:
        return refused(error, provider, funding=funding)


async def _streamed(request: Request, relayed: Relayed, wire: WireRequest, *, tells_balance: bool) -> Response:
    feed = relayed.feed
    leaving = asyncio.create_task(_leave_with_client(request.receive, relayed))
    try:
        await feed.begun()
    except asyncio.CancelledError:
        leaving.cancel()
        leave_relay(relayed)
        raise
    answered = feed.answered
    if answered is None:
        leaving.cancel()
        raise feed.error or _stopped()
    headers = _told_headers(relayed, feed, tells_balance=tells_balance)
    return WireStream(relayed, wire.provider, headers, answered.content_type, leaving)


async def _leave_with_client(receive: Receive, relayed: Relayed) -> None:
    """Wait until the client is gone, which not every server tells whoever sends to it."""
    while (await receive())["type"] != "http.disconnect":
        pass
    # An answer that has ended is only waiting for its count, and is paid by it.
    if not relayed.feed.reader.ended:
        leave_relay(relayed)


async def _whole(user_id: str, relayed: Relayed, *, tells_balance: bool) -> Response:
    feed = relayed.feed
    await feed.begun()
    body = b"".join([piece async for piece in feed.pieces()])
    await feed.settled()
    receipt = await await_receipt(user_id, relayed.turn_id)
    if feed.answered is None or not feed.reader.done:
        raise feed.error or _stopped()
    if receipt.state != TurnState.SETTLED and feed.reader.spoke:
        # Another process ended the turn, so nobody paid for this answer.
        raise _stopped()
    headers = _told_headers(relayed, feed, tells_balance=tells_balance)
    headers["x-loom-cost"] = usd_string(receipt.charged_nanos)
    if relayed.funding == Funding.CREDITS and tells_balance:
        headers["x-loom-balance"] = usd_string((await in_thread(read_balance, user_id)).posted_nanos)
    return Response(body, 200, headers, feed.answered.content_type)


class WireStream(Response):
    """A provider's stream as it comes. A client that leaves ends it; what came is charged."""

    def __init__(
        self,
        relayed: Relayed,
        provider: ProviderName,
        headers: dict[str, str],
        content_type: str,
        leaving: asyncio.Task[None],
    ) -> None:
        # Not made by the one above, which would count the bytes of a body that is not there yet.
        self.status_code, self.background, self.body = 200, None, b""
        told = {**headers, "content-type": content_type, "cache-control": "no-cache", "x-accel-buffering": "no"}
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
        self._relayed = relayed
        self._provider: ProviderName = provider
        self._leaving = leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes until the provider's end."""
        del scope, receive
        feed = self._relayed.feed
        whole = False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for piece in feed.pieces():
                last = feed.is_whole
                await send({"type": "http.response.body", "body": piece, "more_body": not last})
                whole = last
            if not whole:
                said = b""
                if not feed.reader.done:
                    said = error_event(feed.error or _stopped(), self._provider, funding=self._relayed.funding)
                await send({"type": "http.response.body", "body": said, "more_body": False})
                whole = True
        finally:
            self._leaving.cancel()
            if not whole:
                leave_relay(self._relayed)


def _stopped() -> ProviderError:
    return ProviderError("The request was stopped before it was answered.", kind="stopped")


def _told(told: Told, *, tells_balance: bool) -> Mapping[str, Any]:
    """What stands beside a provider's usage in a stream: exact texts, and numbers for people."""
    extras: dict[str, Any] = {"turn_id": told.turn_id, "funding": told.funding, **_cost("cost", told.charged_nanos)}
    if told.balance_nanos is not None and tells_balance:
        extras |= _cost("balance", told.balance_nanos)
    return {**extras, **_cost("provider_cost", told.provider_cost_nanos)}


def _cost(name: str, nanos: int) -> dict[str, Any]:
    amount = dollars("amount", nanos)
    return {name: amount["amount"], f"{name}_usd": amount["amountUsd"]}


def _told_headers(relayed: Relayed, feed: WireFeed, *, tells_balance: bool) -> dict[str, str]:
    own = relayed.funding == Funding.OWN_KEY
    answered = feed.answered
    passed = answered.headers if answered is not None else ()
    headers = {
        name.lower(): value
        for name, value in passed
        if name.lower() in _TOLD or (own and name.lower().startswith(_TOLD_OF_OWN))
    }
    headers["x-loom-turn-id"] = relayed.turn_id
    headers["x-loom-funding"] = relayed.funding
    if relayed.balance_nanos is not None:
        headers["x-loom-held"] = usd_string(relayed.held_nanos)
        if tells_balance:
            headers["x-loom-balance"] = usd_string(relayed.balance_nanos)
        headers["x-loom-max-tokens"] = str(relayed.max_output_tokens)
        headers["x-loom-clamped"] = str(relayed.clamped).lower()
    return headers


async def read_wire(path: Path, raw: bytes, headers: tuple[tuple[str, str], ...]) -> WireRequest:
    """As :func:`projectloom.providers.read_wire_request`, in a thread where it takes long."""
    if len(raw) > limits.WIRE_LOOP_BYTES:
        return await in_thread(read_wire_request, path, raw, headers)
    return read_wire_request(path, raw, headers)


def headers_for(request: Request, provider: ProviderName) -> tuple[tuple[str, str], ...]:
    """What of a client's headers goes to the provider."""
    sent = [(name, request.headers[name]) for name in _PASSED[provider] if name in request.headers]
    if provider == "anthropic" and "anthropic-version" not in request.headers:
        sent.append(("anthropic-version", ANTHROPIC_VERSION))
    return tuple(sent)


def _request_id(request: Request) -> str | None:
    """The client's own name for this request: under the same one nothing is made twice. Raises InvalidInput."""
    value = request.headers.get("idempotency-key")
    if not value:
        return None
    if len(value) > limits.MAX_ID_CHARS or not is_storable(value):
        raise InvalidInput("The Idempotency-Key is too long or no text.")
    return value
