"""``/api/admin``: what an operator sees and does, for scripts. To anybody else there is nothing here (404).

The pages call the same functions. Amounts are exact decimal strings of US dollars.
"""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api import admin_views as views
from projectloom.api.bodies import before_of, id_of, optional_text, read_object, row_number, text_of
from projectloom.api.identity import person_of
from projectloom.api.statement import page_of_movements
from projectloom.billing.statement import read_statement
from projectloom.clock import read_day
from projectloom.db import in_thread
from projectloom.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from projectloom.metering import price_changes
from projectloom.metering.margins import read_margins
from projectloom.metering.price_changes import markup_of
from projectloom.operating.actions import read_actions
from projectloom.operating.books import prove_books, read_books
from projectloom.operating.credit import Done, grant_credit, revoke_credit
from projectloom.operating.full_audits import ask_full_audit
from projectloom.operating.operators import operator
from projectloom.operating.people import find_people, read_person
from projectloom.operating.prices import apply_prices, propose_prices
from projectloom.operating.troubles import read_troubles, retry_event, retry_order, retry_refund, retry_turn
from projectloom.workspace.identity import Person

# Not among the documented routes: whoever reads those is somebody else.
router = APIRouter(prefix="/api/admin", include_in_schema=False)


async def operator_of(request: Request) -> Person:
    """The operator who asks, by their session. Raises NotFound for everybody else, whatever they lack."""
    try:
        return operator(await person_of(request))
    except (Unauthorized, Forbidden):
        raise NotFound from None


@router.get("/people")
async def get_people(request: Request) -> JSONResponse:
    """``?q=`` a part of an e-mail, or the id of a person or an order → ``{"people"}``."""
    await operator_of(request)
    found = await in_thread(find_people, request.query_params.get("q", ""))
    return JSONResponse({"people": [views.person(one) for one in found]})


@router.get("/people/{user_id}")
async def get_person(request: Request, user_id: str) -> JSONResponse:
    """A person's balances, lots, holds and orders."""
    await operator_of(request)
    return JSONResponse(views.books_of(await in_thread(read_person, id_of(user_id))))


@router.get("/people/{user_id}/statement")
async def get_statement(request: Request, user_id: str) -> JSONResponse:
    """``?before=`` → ``{"movements", "next"}``, the latest first."""
    await operator_of(request)
    await in_thread(read_person, id_of(user_id))
    page = await in_thread(read_statement, user_id, before=before_of(request))
    return JSONResponse(page_of_movements(page))


@router.post("/people/{user_id}/grants")
async def post_grant(request: Request, user_id: str) -> JSONResponse:
    """``{"dollars", "reason", "days"?}`` → ``{"done", "entry"}``; the same reason gives nothing more."""
    who = await operator_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    days = None if values.get("days") is None else _whole(values, "days")
    done = await in_thread(
        grant_credit, who, id_of(user_id), _whole(values, "dollars"), reason=_reason(values), days=days
    )
    return _done(done)


@router.post("/people/{user_id}/lots/{lot_id}/revoke")
async def post_revoke(request: Request, user_id: str, lot_id: str) -> JSONResponse:
    """``{"reason"}`` → ``{"done", "entry"}``: what was left of a grant is taken back."""
    who = await operator_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    return _done(await in_thread(revoke_credit, who, id_of(user_id), id_of(lot_id), reason=_reason(values)))


@router.get("/troubles")
async def get_troubles(request: Request) -> JSONResponse:
    """``{"orders", "refunds", "turns", "events"}`` that wait for somebody."""
    await operator_of(request)
    return JSONResponse(views.troubles(await in_thread(read_troubles)))


@router.post("/orders/{order_id}/retry")
async def post_retry_order(request: Request, order_id: str) -> JSONResponse:
    """Ask Stripe again about an order → ``{"done"}``."""
    return JSONResponse({"done": await retry_order(await operator_of(request), id_of(order_id))})


@router.post("/orders/{order_id}/refund/retry")
async def post_retry_refund(request: Request, order_id: str) -> JSONResponse:
    """Ask Stripe again for a refund that was requested → ``{"done"}``."""
    return JSONResponse({"done": await retry_refund(await operator_of(request), id_of(order_id))})


@router.post("/turns/{turn_id}/retry")
async def post_retry_turn(request: Request, turn_id: str) -> JSONResponse:
    """Settle a reply whose process is gone → ``{"done"}``."""
    return JSONResponse({"done": await in_thread(retry_turn, await operator_of(request), id_of(turn_id))})


@router.post("/events/{event_id}/retry")
async def post_retry_event(request: Request, event_id: str) -> JSONResponse:
    """Handle an event of Stripe's again → ``{"done"}``."""
    return JSONResponse({"done": await in_thread(retry_event, await operator_of(request), id_of(event_id))})


@router.get("/margins")
async def get_margins(request: Request) -> JSONResponse:
    """``?since=&until=`` (days, UTC) → charges, provider cost and margin by day and model."""
    await operator_of(request)
    asked = request.query_params
    since, until = read_day("since", asked.get("since") or None), read_day("until", asked.get("until") or None)
    return JSONResponse(views.margins(await in_thread(read_margins, since, until)))


@router.get("/prices")
async def get_prices(request: Request) -> JSONResponse:
    """The versions of the price card and the proposals, the newest first."""
    await operator_of(request)
    return JSONResponse(views.price_history(await in_thread(price_changes.history)))


@router.post("/prices/proposals")
async def post_proposal(request: Request) -> JSONResponse:
    """``{"markupPercent"?}`` → the installed prices as a proposal, and what it would change; ``id`` null if nothing."""
    who = await operator_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    text = optional_text(values, "markupPercent", limit=limits.MAX_ID_CHARS)
    try:
        markup = None if text is None else markup_of(text)
    except ValueError as error:
        raise InvalidInput(f"markupPercent: {error}.") from None
    return JSONResponse(views.compared(await in_thread(propose_prices, who, markup_percent=markup)))


@router.get("/prices/proposals/{proposal_id}")
async def get_proposal(request: Request, proposal_id: str) -> JSONResponse:
    """What a proposal would change in the live card."""
    await operator_of(request)
    return JSONResponse(views.compared(await in_thread(price_changes.compare, _proposal(proposal_id))))


@router.post("/prices/proposals/{proposal_id}/apply")
async def post_apply(request: Request, proposal_id: str) -> JSONResponse:
    """``{"reason", "at"?, "force"?}`` → the version that it became, in force now or at that time."""
    who = await operator_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    if not isinstance(values.get("force", False), bool):
        raise InvalidInput("force must be true or false.")
    made = await in_thread(
        apply_prices,
        who,
        _proposal(proposal_id),
        reason=_reason(values),
        at=_moment(optional_text(values, "at", limit=limits.MAX_ID_CHARS)),
        force=values.get("force", False),
    )
    return JSONResponse(views.applied(made))


@router.get("/books")
async def get_books(request: Request) -> JSONResponse:
    """Every promise as the last audit found it, and the last full audit that was asked for."""
    await operator_of(request)
    return JSONResponse(views.books(await in_thread(read_books)))


@router.post("/books/prove")
async def post_prove(request: Request) -> JSONResponse:
    """Prove what was touched since the last audit that held → every promise."""
    await operator_of(request)
    return JSONResponse(views.books(await in_thread(prove_books)))


@router.post("/books/full-audit")
async def post_full_audit(request: Request) -> JSONResponse:
    """Ask for a full audit in the background → 202 ``{"begun"}``; false where one is under way already."""
    begun = await in_thread(ask_full_audit, await operator_of(request))
    return JSONResponse({"begun": begun}, 202)


@router.get("/actions")
async def get_actions(request: Request) -> JSONResponse:
    """``?before=`` → ``{"actions", "next"}``: what operators did, the latest first."""
    await operator_of(request)
    page = await in_thread(read_actions, before=before_of(request))
    return JSONResponse({"actions": [views.action(one) for one in page], "next": page[-1].id if page else None})


@router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def get_nothing() -> None:
    """Whatever else is asked for here is not there, whoever asks and however. Raises NotFound."""
    raise NotFound


def _done(done: Done) -> JSONResponse:
    return JSONResponse({"done": done.words, "entry": done.entry_id})


def _reason(values: dict[str, Any]) -> str:
    return text_of(values, "reason", limit=limits.MAX_SMALL_BODY_BYTES)


def _whole(values: dict[str, Any], name: str) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(f"{name} must be a whole number.")
    return value


def _proposal(text: str) -> int:
    number = row_number(text)
    if not number:
        raise NotFound
    return number


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput("at must be a time such as 2026-12-01T00:00:00Z.")
    return moment
