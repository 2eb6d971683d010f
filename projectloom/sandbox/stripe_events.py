"""Events and the webhook endpoint over the API, for reconciling and for checking the configuration."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import rules
from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.stripe_door import Door
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_lists import EXPAND, LISTING, found, list_of, listed
from projectloom.sandbox.stripe_objects import API_VERSION

ENDPOINT_ID = "we_sandbox"
_ENDPOINT_CREATED = 1_793_491_200
_MAX_TYPES = 20


def event_routes(router: APIRouter, door: Door, webhook_url: str) -> None:
    """The routes of events, and of the one endpoint at ``webhook_url``."""

    @router.get("/v1/events/{event_id}")
    async def retrieve(request: Request, event_id: str) -> Response:
        return await door.get(request, EXPAND, lambda db, _query: _shown(db, found(db, "event", event_id).body))

    @router.get("/v1/events")
    async def list_all(request: Request) -> Response:
        return await door.get(request, (*LISTING, "type", "types", "delivery_success"), _list)

    @router.get("/v1/webhook_endpoints")
    async def list_endpoints(request: Request) -> Response:
        known = ("limit", "starting_after", "ending_before", "expand")
        return await door.get(
            request, known, lambda db, _query: list_of([_endpoint(db, webhook_url)], "/v1/webhook_endpoints")
        )

    @router.get("/v1/webhook_endpoints/{endpoint_id}")
    async def retrieve_endpoint(request: Request, endpoint_id: str) -> Response:
        def read(db: sqlite3.Connection, _query: dict[str, Any]) -> dict[str, Any]:
            if endpoint_id != ENDPOINT_ID:
                words = f"No such webhook endpoint: '{endpoint_id[:100]}'"
                raise StripeFault(words, code="resource_missing", param="id", status=404)
            return _endpoint(db, webhook_url)

        return await door.get(request, EXPAND, read)


def _list(db: sqlite3.Connection, query: dict[str, Any]) -> dict[str, Any]:
    where: list[str] = []
    values: list[object] = []
    kinds = [str(kind) for kind in forms.hash_of(query, "types").values()]
    if kind := forms.text(query, "type"):
        if kinds:
            raise StripeFault("You may only specify one of these parameters: type, types.", param="type")
        kinds.append(kind)
    if len(kinds) > _MAX_TYPES:
        raise StripeFault(f"At most {_MAX_TYPES} types can be given.", param="types")
    if kinds:
        # A type may end in a star, as `charge.*`.
        where.append("(" + " OR ".join(["json_extract(body, '$.type') GLOB ?"] * len(kinds)) + ")")
        values += [kind.replace("[", "").replace("?", "") for kind in kinds]
    if "delivery_success" in query:
        sent = "id NOT IN (SELECT event_id FROM deliveries WHERE state != 'delivered')"
        where.append(sent if forms.flag(query, "delivery_success") else f"NOT ({sent})")
    page = listed(db, "event", query, url="/v1/events", where=where, values=values)
    return page | {"data": [_shown(db, event) for event in page["data"]]}


def _shown(db: sqlite3.Connection, event: dict[str, Any]) -> dict[str, Any]:
    row = db.execute("SELECT state FROM deliveries WHERE event_id = ?", (event["id"],)).fetchone()
    return event | {"pending_webhooks": int(row is not None and row["state"] == "pending")}


def _endpoint(db: sqlite3.Connection, url: str) -> dict[str, Any]:
    return {
        "id": ENDPOINT_ID,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": _ENDPOINT_CREATED,
        "description": "The sandbox's own endpoint",
        "enabled_events": rules.current(db).enabled_events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }
