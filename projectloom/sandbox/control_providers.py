"""The control page's and API's part about the model providers: which faults are armed, and arming others."""

import sqlite3
from typing import Any, get_args

from fastapi import APIRouter, Request, Response

from projectloom.sandbox import provider_faults
from projectloom.sandbox.control_door import ControlApi
from projectloom.sandbox.provider_faults import TROUBLE_WORDS, Provider, ProviderFaultRequest

MAX_AT_ONCE = 100

Form = dict[str, Any]


def provider_routes(router: APIRouter, api: ControlApi) -> None:
    """The API's routes below ``/providers``."""

    @router.get("/providers/kinds")
    async def kinds() -> Response:
        known = {kind: words for group in TROUBLE_WORDS.values() for kind, words in group.items()}
        return await api.answer(lambda _: {"kinds": known, "providers": [*get_args(Provider), "both"]})

    @router.get("/providers/faults")
    async def list_faults() -> Response:
        return await api.answer(_listed)

    @router.post("/providers/faults")
    async def arm(request: Request) -> Response:
        asked = await api.model(request, ProviderFaultRequest)
        return await api.answer(lambda db: {"id": provider_faults.arm(db, asked)})

    @router.post("/providers/faults/clear")
    async def clear(request: Request) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: {"cleared": provider_faults.disarm(db)})

    @router.post("/providers/faults/{number}/clear")
    async def clear_one(request: Request, number: int) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: {"cleared": provider_faults.disarm(db, number)})


def arm_from_form(db: sqlite3.Connection, form: Form) -> str:
    """Arm what the page's form asks for; what came of it, in words."""
    asked = ProviderFaultRequest.model_validate(form)
    provider_faults.arm(db, asked)
    often = "request" if asked.times == 1 else f"{asked.times} requests"
    return f"The next {often} that {'fit' if asked.times > 1 else 'fits'} will go wrong so."


def disarm_from_form(db: sqlite3.Connection, form: Form) -> str:
    """Forget the fault that the page's button names, or all of them."""
    number = str(form.get("fault", ""))
    provider_faults.disarm(db, int(number) if number.isascii() and number.isdigit() and len(number) < 16 else None)
    return "The model providers answer as usual." if not number else "That fault is forgotten."


def _listed(db: sqlite3.Connection) -> dict[str, Any]:
    return {"data": provider_faults.armed(db)}
