"""Who may use the control page and its API, and the way from them to the store.

What they do moves demo money, so a page of another origin may not post to them: browsers say where a post comes from
(https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Origin). Programs that say nothing are served.
"""

import json
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from projectloom.config import Settings
from projectloom.sandbox.bodies import read_body, read_object
from projectloom.sandbox.control_actions import ControlFault
from projectloom.sandbox.store import Store
from projectloom.sandbox.stripe_forms import StripeFault

MAX_BODY_BYTES = 262_144

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


class ControlDoor:
    """What every route of the control page and its API goes through."""

    def __init__(self, settings: Settings, kept: Store, wake: Callable[[], None]) -> None:
        self._origins = settings.allowed_origins
        self._loopback = settings.loopback_url
        self._store = kept
        self._wake = wake

    async def body(self, request: Request) -> bytes:
        """The body of a post that comes from one of our own pages, or from no page at all."""
        origin = request.headers.get("origin")
        foreign = origin is not None and origin not in {*self._origins, self._loopback}
        if foreign or request.headers.get("sec-fetch-site") == "cross-site":
            raise ControlFault(403, "cross_site", "This was sent by a page of another site.")
        too_large = ControlFault(413, "too_large", "That is too large.")
        return await read_body(request, limit=MAX_BODY_BYTES, too_large=too_large)

    async def do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Work in one transaction, and tell the deliveries when it is committed. Trouble is a ControlFault."""

        def run() -> Result:
            with self._store.transaction() as db:
                return work(db)

        try:
            done = await run_in_threadpool(run)
        except ValidationError as error:
            raise bad_request(error) from None
        except StripeFault as fault:
            code = fault.body["error"].get("code", "refused")
            raise ControlFault(fault.status, code, str(fault)) from None
        self._wake()
        return done


class ControlApi:
    """Bodies read as models, results as JSON."""

    def __init__(self, door: ControlDoor) -> None:
        self._door = door

    async def asked(self, request: Request) -> dict[str, Any]:
        """The body as an object; an empty body is an empty one."""
        body = await self._door.body(request)
        unreadable = ControlFault(400, "unreadable", "The body is not a JSON object.")
        return read_object(body, unreadable=unreadable) if body else {}

    async def model(self, request: Request, kind: type[Model]) -> Model:
        """The body as what this route asks for."""
        try:
            return kind.model_validate(await self.asked(request))
        except ValidationError as error:
            raise bad_request(error) from None

    async def answer(self, work: Callable[[sqlite3.Connection], Any]) -> Response:
        """Do it and show what it returned."""
        return json_answer(await self._door.do(work))


def json_answer(body: object, *, status: int = 200) -> Response:
    """An answer of the control API."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(json.dumps(body, indent=2), status, headers, "application/json")


def bad_request(error: ValidationError) -> ControlFault:
    """What is wrong with what was asked, field by field."""
    words = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors())
    return ControlFault(422, "invalid", words)
