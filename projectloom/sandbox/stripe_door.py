"""The way from an HTTP request to the Stripe stand-in's store and back.

Keys are checked, forms decoded, answers to idempotency keys kept, and the faults that were asked for put in. Work is
one transaction, committed before it is answered.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from projectloom.sandbox import idempotency, rules
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.bodies import read_body
from projectloom.sandbox.idempotency import Replay
from projectloom.sandbox.rules import Fault, FaultKind
from projectloom.sandbox.store import Store, stripe_id
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_objects import API_VERSION

MAX_FORM_BYTES = 262_144
MAX_KEY_CHARS = 255

Read = Callable[[sqlite3.Connection, dict[str, Any]], dict[str, Any]]
Result = TypeVar("Result")


class Door:
    """What every route of the stand-in goes through. ``wake`` tells the deliveries that there may be new events."""

    def __init__(self, kept: Store, wake: Callable[[], None]) -> None:
        self._store = kept
        self._wake = wake
        self._in_flight: set[str] = set()

    async def get(self, request: Request, known: tuple[str, ...], read: Read) -> Response:
        """Answer a GET with what ``read`` makes of the store and the query, which has these parameters only."""
        _check_key(request)
        query = forms.decode_form(request.url.query.encode())
        forms.refuse_unknown(query, known)
        fault = await self._fault(request)
        if (answer := await self._before(fault)) is not None:
            return answer
        if fault is not None and fault.kind is FaultKind.ERROR:
            read = _broken
        body = await self._in_store(lambda db: read(db, query))
        self._wake()
        return await self._after(fault, respond(body))

    async def post(self, request: Request, work: Read) -> Response:
        """Answer a POST or DELETE with what ``work`` makes of the store and the form: once for an idempotency key."""
        _check_key(request)
        too_large = StripeFault("The request body is too large.", status=413)
        params = forms.decode_form(await read_body(request, limit=MAX_FORM_BYTES, too_large=too_large))
        key = request.headers.get("idempotency-key") or None
        if key is None:
            return await self._done(request, None, params, work)
        if len(key) > MAX_KEY_CHARS:
            raise StripeFault(f"Idempotency keys can have at most {MAX_KEY_CHARS} characters.")
        if key in self._in_flight:
            raise StripeFault(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. If you need to make a "
                "different request, please use a different Idempotent Key.",
                status=409,
                code="idempotency_key_in_use",
                kind="idempotency_error",
            )
        self._in_flight.add(key)
        try:
            return await self._done(request, key, params, work)
        finally:
            self._in_flight.discard(key)

    async def _done(self, request: Request, key: str | None, params: dict[str, Any], work: Read) -> Response:
        fault = await self._fault(request)
        if (answer := await self._before(fault)) is not None:
            return answer
        if fault is not None and fault.kind is FaultKind.ERROR:
            work = _broken
        asked = json.dumps([request.method, request.url.path, params], sort_keys=True)
        input_hash = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()
        answer = await self._in_store(lambda db: _once(db, key, input_hash, lambda: work(db, params)))
        self._wake()
        return await self._after(fault, answer)

    async def _fault(self, request: Request) -> Fault | None:
        path = "/v1/" + request.url.path.partition("/v1/")[2]
        return await self._in_store(lambda db: rules.take_fault(db, request.method, path))

    async def _before(self, fault: Fault | None) -> Response | None:
        """What a fault answers in place of the work."""
        match fault and fault.kind:
            case FaultKind.CONFLICT:
                words = "This object cannot be accessed right now because another API request is accessing it."
                raise StripeFault(words, status=409, code="lock_timeout")
            case FaultKind.RATE_LIMIT:
                raise StripeFault("Too many requests in a short time.", status=429, code="rate_limit")
            case FaultKind.TIMEOUT if fault is not None:
                await asyncio.sleep(fault.seconds)
                return HangUp()
            case FaultKind.RESET:
                return HangUp()
            case _:
                return None

    async def _after(self, fault: Fault | None, answer: Response) -> Response:
        if fault is None or fault.kind is not FaultKind.LOST:
            return answer
        await asyncio.sleep(fault.seconds)
        return HangUp()

    async def _in_store(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        def run() -> Result:
            with self._store.transaction() as db:
                return work(db)

        return await run_in_threadpool(run)


class HangUp(Response):
    """No answer: the connection closes after the first byte of one, which is what a client takes for a reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than is sent; the server then closes the connection."""
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def respond(body: dict[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with the headers that Stripe's have."""
    base = {"Request-Id": stripe_id("req", 14), "Stripe-Version": API_VERSION, "Cache-Control": "no-store"}
    return Response(json.dumps(body, indent=2), status, base | dict(headers or {}), "application/json")


def answer_fault(_request: Request, fault: Exception) -> Response:
    """Stripe's error object as a response."""
    if not isinstance(fault, StripeFault):
        raise fault
    return respond(fault.body, status=fault.status)


def _check_key(request: Request) -> None:
    """Stripe takes its key as Bearer or as the user name of Basic; the sandbox takes test keys only."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    if not value.strip():
        raise StripeFault("You did not provide an API key.", status=401)
    if not value.startswith(("sk_test_", "rk_test_")) or "invalid" in value:
        raise StripeFault("Invalid API Key provided.", status=401, code="api_key_invalid")


def _broken(_db: sqlite3.Connection, _params: dict[str, Any]) -> dict[str, Any]:
    raise StripeFault("An unknown error occurred.", status=500, kind="api_error", begun=True)


def _once(db: sqlite3.Connection, key: str | None, input_hash: str, make: Callable[[], dict[str, Any]]) -> Response:
    """Make the answer, or give the first one again if the idempotency key was used for the same input before."""
    first = idempotency.recall(db, key) if key else None
    if first is None:
        try:
            body, status = make(), 200
        except StripeFault as fault:
            if not fault.begun:
                raise
            body, status = fault.body, fault.status
        if key is None:
            return respond(body, status=status)
        first = Replay(input_hash, body, stripe_id("req", 14), status)
        idempotency.remember(db, key, first)
        return respond(body, status=status, headers={"Idempotency-Key": key, "Request-Id": first.request_id})
    if first.input_hash != input_hash:
        raise StripeFault(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    headers = {"Idempotency-Key": key or "", "Original-Request": first.request_id, "Idempotent-Replayed": "true"}
    return respond(first.answer, status=first.status, headers=headers)
