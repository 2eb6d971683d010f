"""Stripe's HTTP API as this product uses it: checkout sessions, payment intents, events.

Forms in, JSON out, errors in Stripe's shape, answers to idempotency keys kept for 24 hours
(https://docs.stripe.com/api). The official SDK cannot tell it from the real one.
"""

import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from projectloom.config import SANDBOX_PREFIX, Settings
from projectloom.sandbox import checkout, store
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.bodies import as_object, read_body
from projectloom.sandbox.store import Kept, Replay, Store, stripe_id
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_objects import API_VERSION, checkout_session, line_item

MAX_FORM_BYTES = 262_144
MAX_KEY_CHARS = 255
PAGE_SIZE = 10
MAX_PAGE_SIZE = 100

_SESSION = "checkout.session"
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

Answer = tuple[dict[str, Any], dict[str, str]]


class _Door:
    """The way from a request to the store and back."""

    def __init__(self, kept: Store, wake: Callable[[], None]) -> None:
        self._store = kept
        self._wake = wake

    async def answer(self, work: Callable[[sqlite3.Connection], Answer]) -> Response:
        """Do the work in one transaction and answer with what it returns, once that is committed."""

        def run() -> Answer:
            with self._store.transaction() as db:
                return work(db)

        body, headers = await run_in_threadpool(run)
        self._wake()
        return _json(body, headers=headers)

    async def show(self, read: Callable[[sqlite3.Connection], dict[str, Any]]) -> Response:
        """Answer with something read."""
        return await self.answer(lambda db: (read(db), {}))


def stripe_router(settings: Settings, kept: Store, wake: Callable[[], None]) -> APIRouter:
    """The routes below ``/stripe``. ``wake`` tells the deliveries that there may be new events."""
    router = APIRouter()
    door = _Door(kept, wake)
    _add_session_routes(router, door, f"{settings.backend_url}{SANDBOX_PREFIX}/checkout")
    _add_other_routes(router, door)
    return router


def _add_session_routes(router: APIRouter, door: _Door, url_base: str) -> None:
    @router.post("/v1/checkout/sessions")
    async def create_session(request: Request) -> Response:
        params = await _form(request)
        return await door.answer(lambda db: _once(db, request, params, lambda: _create_session(db, params, url_base)))

    @router.post("/v1/checkout/sessions/{session_id}/expire")
    async def expire_session(request: Request, session_id: str) -> Response:
        params = await _form(request)
        return await door.answer(lambda db: _once(db, request, params, lambda: _expire_session(db, session_id, params)))

    @router.get("/v1/checkout/sessions/{session_id}")
    async def retrieve_session(request: Request, session_id: str) -> Response:
        query = _query(request, ("expand",))
        return await door.show(lambda db: _expanded(db, _session(db, session_id), query))

    @router.get("/v1/checkout/sessions")
    async def list_sessions(request: Request) -> Response:
        query = _query(request, (*_LISTING, "payment_intent", "status"))
        return await door.show(lambda db: _list_sessions(db, query))


def _add_other_routes(router: APIRouter, door: _Door) -> None:
    @router.get("/v1/payment_intents/{intent_id}")
    async def retrieve_intent(request: Request, intent_id: str) -> Response:
        _query(request, ())
        return await door.show(lambda db: _found(db, "payment_intent", intent_id).body)

    @router.get("/v1/events/{event_id}")
    async def retrieve_event(request: Request, event_id: str) -> Response:
        _query(request, ())
        return await door.show(lambda db: _event(db, _found(db, "event", event_id)))

    @router.get("/v1/events")
    async def list_events(request: Request) -> Response:
        query = _query(request, (*_LISTING, "type", "types", "delivery_success"))
        return await door.show(lambda db: _list_events(db, query))

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def unknown(request: Request, path: str) -> Response:
        raise StripeFault(f"Unrecognized request URL ({request.method}: /{path[:200]}).", status=404)


def answer_fault(_request: Request, fault: Exception) -> Response:
    """Stripe's error object as a response."""
    if not isinstance(fault, StripeFault):
        raise fault
    return _json(fault.body, status=fault.status)


_LISTING = ("limit", "starting_after", "created", "expand")


def _json(body: dict[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    base = {"Request-Id": stripe_id("req", 14), "Stripe-Version": API_VERSION, "Cache-Control": "no-store"}
    return Response(json.dumps(body, indent=2), status, base | dict(headers or {}), "application/json")


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


async def _form(request: Request) -> dict[str, Any]:
    _check_key(request)
    too_large = StripeFault("The request body is too large.", status=413)
    return forms.decode_form(await read_body(request, limit=MAX_FORM_BYTES, too_large=too_large))


def _query(request: Request, known: tuple[str, ...]) -> dict[str, Any]:
    _check_key(request)
    query = forms.decode_form(request.url.query.encode())
    forms.refuse_unknown(query, known)
    return query


def _once(
    db: sqlite3.Connection, request: Request, params: dict[str, Any], make: Callable[[], dict[str, Any]]
) -> Answer:
    """Make the answer, or give the first one again if the idempotency key was used for the same input before."""
    key = request.headers.get("idempotency-key")
    if not key:
        return make(), {}
    if len(key) > MAX_KEY_CHARS:
        raise StripeFault(f"Idempotency keys can have at most {MAX_KEY_CHARS} characters.")
    asked = json.dumps([request.method, request.url.path, params], sort_keys=True)
    input_hash = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()
    first = store.replay(db, key)
    if first is None:
        first = Replay(input_hash, make(), stripe_id("req", 14))
        store.remember(db, key, first)
        return first.answer, {"Idempotency-Key": key, "Request-Id": first.request_id}
    if first.input_hash != input_hash:
        raise StripeFault(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    replayed = {"Idempotency-Key": key, "Original-Request": first.request_id, "Idempotent-Replayed": "true"}
    return first.answer, replayed


def _create_session(db: sqlite3.Connection, params: dict[str, Any], url_base: str) -> dict[str, Any]:
    forms.refuse_unknown(params, forms.SESSION_PARAMETERS)
    mode = forms.required_text(params, "mode")
    if mode != "payment":
        raise StripeFault(f"Invalid mode: must be payment in the sandbox, not {mode[:40]}", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise StripeFault("The sandbox shows hosted pages only.", param="ui_mode")
    items = forms.line_items(params)
    created = int(store.timestamp())
    asked = forms.hash_of(params, "payment_intent_data")
    session = checkout_session(
        url_base=url_base,
        created=created,
        expires_at=forms.expiry(params, created),
        items=items,
        success_url=forms.web_address(params, "success_url"),
        cancel_url=forms.web_address(params, "cancel_url"),
        client_reference_id=forms.text(params, "client_reference_id", longest=forms.MAX_REFERENCE_CHARS),
        customer_email=forms.text(params, "customer_email"),
        metadata=forms.metadata(params),
    )
    intent_data = {
        "metadata": forms.metadata(asked, at="payment_intent_data"),
        "description": forms.text(asked, "description", at="payment_intent_data"),
        "receipt_email": forms.text(asked, "receipt_email", at="payment_intent_data"),
    }
    lines = [line_item(item) for item in items]
    store.insert(db, session, {"items": items, "lines": lines, "payment_intent_data": intent_data})
    return _expanded(db, _found(db, _SESSION, session["id"]), params)


def _expire_session(db: sqlite3.Connection, session_id: str, params: dict[str, Any]) -> dict[str, Any]:
    forms.refuse_unknown(params, ("expand",))
    kept = _session(db, session_id)
    if kept.body["status"] != "open":
        raise StripeFault('Only Checkout Sessions with a status in ["open"] can be expired.')
    checkout.expire(db, kept.body)
    return _expanded(db, _session(db, session_id), params)


def _found(db: sqlite3.Connection, kind: str, object_id: str, param: str = "id") -> Kept:
    kept = store.find(db, kind, object_id)
    if kept is None:
        raise StripeFault(f"No such {kind}: '{object_id[:100]}'", param=param, code="resource_missing", status=404)
    return kept


def _session(db: sqlite3.Connection, session_id: str) -> Kept:
    return checkout.find_session(db, session_id) or _found(db, _SESSION, session_id, "session")


def _expanded(db: sqlite3.Connection, kept: Kept, params: dict[str, Any]) -> dict[str, Any]:
    """The session with what ``expand`` asks for put in."""
    body = dict(kept.body)
    for name in forms.hash_of(params, "expand").values():
        match str(name).removeprefix("data."):
            case "line_items":
                url = f"/v1/checkout/sessions/{body['id']}/line_items"
                body["line_items"] = {"object": "list", "data": kept.private["lines"], "has_more": False, "url": url}
            case "payment_intent":
                if kept.body["payment_intent"]:
                    body["payment_intent"] = _found(db, "payment_intent", kept.body["payment_intent"]).body
            case other:
                raise StripeFault(f"This property cannot be expanded ({other[:100]}).", param="expand")
    return body


def _page(
    db: sqlite3.Connection, kind: str, query: dict[str, Any], *, url: str, where: list[str], values: list[object]
) -> tuple[list[Kept], dict[str, Any]]:
    limit = PAGE_SIZE
    if "limit" in query:
        limit = forms.integer(query["limit"], "limit", at_least=1, at_most=MAX_PAGE_SIZE)
    before = None
    if start := forms.text(query, "starting_after"):
        before = _found(db, kind, start, "starting_after").seq
    created = query.get("created", {})
    bounds = as_object(created)
    for name, value in ({"": created} if bounds is None else bounds).items():
        if name and name not in _COMPARISONS:
            raise StripeFault(f"Received unknown parameter: created[{name}]", param="created")
        where.append(f"created {_COMPARISONS.get(name, '=')} ?")
        values.append(forms.integer(value, "created", at_least=0, at_most=1 << 40))
    found = store.newest(
        db, kind, where=" AND ".join(where) or "1", values=tuple(values), before=before, limit=limit + 1
    )
    return found[:limit], {"object": "list", "url": url, "has_more": len(found) > limit}


def _list_sessions(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
    checkout.expire_due(db)
    where: list[str] = []
    values: list[object] = []
    for name in ("payment_intent", "status"):
        if value := forms.text(query, name):
            where.append(f"json_extract(body, '$.{name}') = ?")
            values.append(value)
    found, page = _page(db, _SESSION, query, url="/v1/checkout/sessions", where=where, values=values)
    return page | {"data": [_expanded(db, kept, query) for kept in found]}


def _list_events(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
    where: list[str] = []
    values: list[object] = []
    kinds = [str(kind) for kind in forms.hash_of(query, "types").values()]
    if kind := forms.text(query, "type"):
        kinds.append(kind)
    if kinds:
        where.append(f"json_extract(body, '$.type') IN ({', '.join('?' * len(kinds))})")
        values += kinds
    if success := forms.text(query, "delivery_success"):
        where.append("(id IN (SELECT event_id FROM deliveries WHERE state = 'delivered')) = ?")
        values.append(success == "true")
    found, page = _page(db, "event", query, url="/v1/events", where=where, values=values)
    return page | {"data": [_event(db, kept) for kept in found]}


def _event(db: sqlite3.Connection, kept: Kept) -> dict[str, Any]:
    row = db.execute("SELECT state FROM deliveries WHERE event_id = ?", (kept.body["id"],)).fetchone()
    return kept.body | {"pending_webhooks": int(row is not None and row["state"] == "pending")}
