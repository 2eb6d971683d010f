"""The control API, JSON in and out: what a test needs in order to be Stripe's dashboard, the banks and a bad network.

Errors are ``{"error": {"code", "message"}}``. Events, refunds and disputes are named by Stripe's ids.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from projectloom.config import Settings
from projectloom.sandbox import control_actions as actions
from projectloom.sandbox import events, rules
from projectloom.sandbox.control_actions import ControlFault
from projectloom.sandbox.control_door import ControlApi, ControlDoor, json_answer
from projectloom.sandbox.control_providers import provider_routes
from projectloom.sandbox.rules import FaultRequest
from projectloom.sandbox.store import Store
from projectloom.sandbox.stripe_disputes import Step

SHOWN = 100


def control_api_router(settings: Settings, kept: Store, wake: Callable[[], None]) -> APIRouter:
    """The routes below ``/control/api``."""
    router = APIRouter()
    api = ControlApi(ControlDoor(settings, kept, wake))
    _rule_routes(router, api)
    _money_routes(router, api)
    _event_routes(router, api)
    provider_routes(router, api)
    return router


def answer_fault(_request: Request, fault: Exception) -> Response:
    """What is wrong, as JSON."""
    if not isinstance(fault, ControlFault):
        raise fault
    return json_answer({"error": {"code": fault.code, "message": fault.words}}, status=fault.status)


def _rule_routes(router: APIRouter, api: ControlApi) -> None:
    @router.get("/state")
    async def state() -> Response:
        return await api.answer(actions.summary)

    @router.post("/rules")
    async def change(request: Request) -> Response:
        asked = await api.asked(request)
        return await api.answer(lambda db: actions.change_rules(db, asked).model_dump(mode="json"))

    @router.post("/reset")
    async def reset(request: Request) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: actions.reset(db).model_dump(mode="json"))

    @router.post("/faults")
    async def add_fault(request: Request) -> Response:
        asked = await api.model(request, FaultRequest)
        return await api.answer(lambda db: {"id": rules.add_fault(db, asked)})

    @router.post("/faults/clear")
    async def clear_faults(request: Request) -> Response:
        await api.asked(request)

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            rules.clear_faults(db)
            return actions.summary(db)

        return await api.answer(work)

    @router.post("/clock")
    async def wind(request: Request) -> Response:
        asked = await api.model(request, actions.ClockRequest)
        return await api.answer(lambda db: actions.wind(db, asked))


def _money_routes(router: APIRouter, api: ControlApi) -> None:
    @router.post("/refunds")
    async def refund(request: Request) -> Response:
        asked = await api.model(request, actions.RefundRequest)
        return await api.answer(lambda db: actions.refund(db, asked))

    @router.post("/refunds/{refund_id}/settle")
    async def settle(request: Request, refund_id: str) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: actions.settle_refund(db, refund_id))

    @router.post("/refunds/{refund_id}/fail")
    async def fail(request: Request, refund_id: str) -> Response:
        asked = await api.model(request, actions.FailureRequest)
        return await api.answer(lambda db: actions.fail_refund(db, refund_id, asked))

    @router.post("/disputes")
    async def dispute(request: Request) -> Response:
        asked = await api.model(request, actions.DisputeRequest)
        return await api.answer(lambda db: actions.dispute(db, asked))

    @router.post("/disputes/{dispute_id}/{step}")
    async def move(request: Request, dispute_id: str, step: str) -> Response:
        await api.asked(request)
        try:
            chosen = Step(step)
        except ValueError:
            words = f"A dispute has no such step; it has {', '.join(Step)}."
            raise ControlFault(404, "unknown_step", words) from None
        return await api.answer(lambda db: actions.move_dispute(db, dispute_id, chosen))

    @router.get("/cards")
    async def cards(customer: str | None = None, limit: int = SHOWN) -> Response:
        return await api.answer(lambda db: {"data": actions.saved_cards(db, limit=max(limit, 1), customer=customer)})

    @router.get("/setups")
    async def setups(customer: str | None = None, limit: int = SHOWN) -> Response:
        return await api.answer(lambda db: {"data": actions.setups(db, limit=max(limit, 1), customer=customer)})

    @router.post("/cards/{method_id}")
    async def card(request: Request, method_id: str) -> Response:
        asked = await api.model(request, actions.CardRequest)
        return await api.answer(lambda db: actions.change_card(db, method_id, asked))


def _event_routes(router: APIRouter, api: ControlApi) -> None:
    @router.get("/events")
    async def list_events(type: str | None = None, state: str | None = None, limit: int = SHOWN) -> Response:  # noqa: A002 - the query's own word
        return await api.answer(
            lambda db: {"data": actions.event_rows(db, limit=max(limit, 1), kind=type, state=state)}
        )

    @router.post("/events/{event_id}/redeliver")
    async def redeliver(request: Request, event_id: str) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: actions.redeliver(db, event_id))

    @router.post("/events/{event_id}/twin")
    async def twin(request: Request, event_id: str) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: actions.twin(db, event_id))

    @router.post("/events/{event_id}/drop")
    async def drop(request: Request, event_id: str) -> Response:
        await api.asked(request)
        return await api.answer(lambda db: actions.drop(db, event_id))

    @router.post("/release")
    async def release(request: Request) -> Response:
        asked = await api.model(request, actions.ReleaseRequest)
        return await api.answer(lambda db: {"released": events.release(db, asked.events)})
